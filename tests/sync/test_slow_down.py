"""Stores that ask for fewer requests, and outages, met by the whole sync over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.homes import OLD, Bench, picture
from support.stub_s3 import Call, StubS3, refusal, stub_s3
from support.stub_server import Reply

from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.s3 import S3Store

FILES = 400
AT_ONCE = 4


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server that speaks S3 and fails as it is told."""
    with stub_s3() as running:
        yield running


@pytest.fixture
def store(server: StubS3) -> Iterator[S3Store]:
    """Its bucket."""
    store = connect("test", server.environment())
    yield store
    store.close()


def bench_on(folder: Path, store: S3Store, name: str = "one") -> Bench:
    """A home whose files travel as an agent's do."""
    bench = Bench(folder, store, name)
    bench.open_transfers = open_transfers
    return bench


class Throttle:
    """After ``free`` requests answers 503 SlowDown while more than ``limit`` are under way."""

    def __init__(self, limit: int, free: int) -> None:
        self._limit = limit
        self._free = free
        self._lock = threading.Lock()
        self._flying = 0
        self.seen: list[int] = []
        """How many were under way as each request came."""
        self.refused = 0

    def __call__(self, _: Call) -> Reply | None:
        with self._lock:
            self._flying += 1
            self.seen.append(self._flying)
            free = len(self.seen) <= self._free
            busy = not free and self._flying > self._limit
            self.refused += busy
        if busy:
            return refusal(503, "SlowDown")
        time.sleep(0.1 if free else 0.01)  # enough for others to come meanwhile
        return None

    def done(self, _: Call, reply: Reply) -> Reply:
        """To be called as a request ends."""
        with self._lock:
            self._flying -= 1
        return reply


def test_throttled_store_is_converged_to(server: StubS3, store: S3Store, tmp_path: Path) -> None:
    """Above its limit a store refuses: soon few requests are too many, and every file arrives."""
    bench, other = bench_on(tmp_path, store), bench_on(tmp_path, store, "two")
    for number in range(FILES):
        bench.write(f"d{number % 7}/f{number}", b"%d" % number, mtime_ns=OLD)
    for work in (bench.sync, other.restore):
        throttle = Throttle(AT_ONCE, free=100)
        server.before, server.after = throttle, throttle.done
        assert work().complete
        assert max(throttle.seen[:100]) > 2 * AT_ONCE
        assert max(throttle.seen[-200:]) <= 2 * AT_ONCE
        assert 0 < throttle.refused < FILES / 2
    assert len(bench.keys()) == FILES
    assert picture(other.home) == picture(bench.home)
