"""Bulk transfers by threads, over the store in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from support.bulk_contract import BulkContract
from support.faults import FaultyStore
from support.servers import MEMORY, Server

from wherobots_storage.errors import SlowDown
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import PutRequest
from wherobots_storage.objectstore.threads import ThreadedTransfers


@pytest.fixture
def store(memory_store: MemoryStore) -> MemoryStore:
    """An empty store."""
    return memory_store


@pytest.fixture
def transfers(store: MemoryStore) -> Iterator[ThreadedTransfers]:
    """Transfers over it."""
    transfers = ThreadedTransfers(store, workers=4)
    yield transfers
    transfers.close()


@pytest.fixture
def server() -> Server:
    """What the store can do."""
    return MEMORY


class TestThreadedTransfers(BulkContract):
    """Transfers by threads."""


def test_in_flight_is_bounded() -> None:
    """Submit blocks while as many transfers as allowed are under way."""
    gate = threading.Event()
    store = FaultyStore()

    def wait(_name: str, _key: str) -> None:
        gate.wait(60)

    store.before = wait
    transfers = ThreadedTransfers(store, workers=2)
    for name in ("a", "b"):
        transfers.submit_put(PutRequest(name, b"x"))
    third = threading.Thread(target=transfers.submit_put, args=(PutRequest("c", b"x"),))
    third.start()
    third.join(0.3)
    assert third.is_alive()
    gate.set()
    third.join(60)
    assert not third.is_alive()
    transfers.close()
    assert len(store.list_page("").entries) == 3


def test_failures_free_their_slot() -> None:
    """A store that fails for a while does not use the slots up."""
    store = FaultyStore()
    left = [SlowDown("slow")] * 10

    def fail(_name: str, _key: str) -> None:
        if left:
            raise left.pop()

    store.before = fail
    transfers = ThreadedTransfers(store, workers=2)
    futures = [transfers.submit_put(PutRequest(f"{n}", b"x")) for n in range(12)]
    transfers.close()
    assert sum(future.exception() is None for future in futures) == 2
