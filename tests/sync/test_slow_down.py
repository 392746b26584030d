"""Stores that ask for fewer requests, and outages, met by the whole sync over HTTP."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.homes import OLD, Bench, picture
from support.stub_s3 import Call, StubS3, refusal, stub_s3
from support.stub_server import Reply

from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync import multipart

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
    """After ``free`` requests answers 503 SlowDown while more than ``limit`` are under way.

    Of the free ones, those for files wait for others, until twice as many came at once.
    """

    def __init__(self, limit: int, free: int) -> None:
        self._limit = limit
        self._free = free
        self._lock = threading.Condition()
        self._flying = 0
        self.seen: list[int] = []
        """How many were under way as each request came."""
        self.refused = 0

    def __call__(self, call: Call) -> Reply | None:
        with self._lock:
            self._flying += 1
            self.seen.append(self._flying)
            free = len(self.seen) <= self._free
            busy = not free and self._flying > self._limit
            self.refused += busy
            self._lock.notify_all()
            if free and "/f" in call.key:
                self._lock.wait_for(lambda: max(self.seen) > 2 * self._limit, 0.5)
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
        assert sorted(throttle.seen[-200:])[190] <= 2 * AT_ONCE
        assert 0 < throttle.refused < FILES / 2
    assert len(bench.keys()) == FILES
    assert picture(other.home) == picture(bench.home)


def test_keys_that_expire_in_mid_transfer(
    server: StubS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that expire under small files and under a multipart are renewed; nothing goes twice."""
    monkeypatch.setattr(multipart, "PART_BYTES", 5 * 1024**2)
    keys = tmp_path / "credentials"
    rotate(keys, 0)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.stub.url)
    store = connect("test", {})
    bench = bench_on(tmp_path, store)
    for number in range(100):
        bench.write(f"f{number}", b"%d" % number, mtime_ns=OLD)
    bench.write("big", os.urandom(22 * 1024**2), mtime_ns=OLD)
    expiring = Expiring(keys, {("put", 40), ("put", 80), ("upload_part", 3)})
    server.before = expiring
    assert bench.sync().complete
    assert expiring.turn == 3
    assert len(bench.keys()) == 101
    assert expiring.done["upload_part"] == 5
    assert set(expiring.put.values()) == {1}
    assert len(expiring.put) == 100
    other = bench_on(tmp_path, store, "two")
    expiring.at = {("get", 30), ("get", 101)}
    assert other.restore().complete
    assert picture(other.home) == picture(bench.home)
    assert expiring.turn == 5
    store.close()


def test_keys_that_nobody_renews(
    server: StubS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without new keys an agent is offline and says why; when there are some it goes on."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.1)
    monkeypatch.setattr("wherobots_storage.objectstore.renewal.LOOK_SECONDS", 0.0)
    keys = tmp_path / "credentials"
    rotate(keys, 0)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.stub.url)
    store = connect("test", {})
    bench = bench_on(tmp_path, store)
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        agent.client.request("sync")  # the first cycle also tries the store out
        for number in range(30):
            bench.write(f"f{number}", b"%d" % number)
        server.before = only_the_second
        agent.client.request("sync")
        status = agent.reaches("offline")
        assert status.last_error is not None
        assert status.last_error.code == "expired-credentials"
        assert status.pending.files == 30
        rotate(keys, 1)
        eventually(lambda: len(bench.keys()) == 30)
        agent.reaches("idle")
    store.close()


def only_the_second(call: Call) -> Reply | None:
    """Take the second keys and no others."""
    return None if key_of(call) == "KEY1" else refusal(400, "ExpiredToken")


def rotate(path: Path, number: int) -> None:
    """Put other keys into a credentials file."""
    fresh = path.with_suffix(".new")
    fresh.write_text(
        f"[default]\naws_access_key_id = KEY{number}\naws_secret_access_key = secret\n"
    )
    fresh.replace(path)


def key_of(call: Call) -> str:
    """The access key that a request is signed with."""
    return call.headers["authorization"].partition("Credential=")[2].partition("/")[0]


class Expiring:
    """Calls the keys expired at certain calls, and has others in the file from then on."""

    def __init__(self, keys: Path, at: set[tuple[str, int]]) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self.at = at
        self.turn = 0
        self.done: Counter[str] = Counter()
        """Requests that were taken, by operation."""
        self.put: Counter[str] = Counter()
        """How often each file was taken."""

    def __call__(self, call: Call) -> Reply | None:
        with self._lock:
            point = (call.name, self.done[call.name] + 1)
            if point in self.at:
                self.at.remove(point)
                self.turn += 1
                rotate(self._keys, self.turn)
            if key_of(call) != f"KEY{self.turn}":
                return refusal(400, "ExpiredToken")
            self.done[call.name] += 1
            if call.name == "put" and "/.wherobots/" not in call.key:
                self.put[call.key] += 1
            return None
