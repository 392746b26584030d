"""How soon a save is durable while the agent watches, on SeaweedFS."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.homes import OLD, PREFIX, Bench

from wherobots_storage.errors import NotFound
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.watch import Watcher

pytestmark = pytest.mark.store

SAVES = 40
FILES = 1000


@pytest.fixture
def bench(tmp_path: Path, s3_store: S3Store) -> Bench:
    """A home with a thousand files in fifty folders."""
    bench = Bench(tmp_path, s3_store)
    for number in range(FILES):
        bench.write(f"d{number % 50:02}/f{number:04}", os.urandom(500), mtime_ns=OLD)
    return bench


def until_there(store: S3Store, key: str, body: bytes) -> float:
    """Seconds until the object holds these bytes."""
    began = time.monotonic()

    def there() -> bool:
        try:
            with store.get(key) as found:
                return b"".join(found.chunks()) == body
        except NotFound:
            return False

    eventually(there, seconds=30)
    return time.monotonic() - began


@pytest.mark.slow
def test_a_save_is_durable_within_two_seconds(bench: Bench, s3_store: S3Store) -> None:
    """Saves of old and new files, one after the other: the 95th percentile is below 2 s."""

    def watch(*told: object) -> Watcher:
        return Watcher(Home.open(bench.settings), *told)  # type: ignore[arg-type]

    with running_agent(bench.settings, s3_store, watch) as agent:
        eventually(lambda: agent.status is not None and agent.status.last_synced, seconds=90)
        time.sleep(1)
        seconds = []
        for number in range(SAVES):
            name = f"d{number % 50:02}/f{number:04}" if number % 2 else f"new{number}/n"
            body = os.urandom(800)
            bench.write(name, body)
            seconds.append(until_there(s3_store, f"{PREFIX}{name}", body))
            time.sleep(0.3)
    seconds.sort()
    p95 = seconds[int(len(seconds) * 0.95)]
    print(f"save to durable: median {seconds[SAVES // 2]:.2f} s, p95 {p95:.2f} s")  # noqa: T201
    assert p95 < 2.0
