"""The contract, over the store in memory."""

from __future__ import annotations

import pytest
from support.contract import StoreContract
from support.servers import MEMORY, Server

from wherobots_storage.objectstore.memory import MemoryStore


@pytest.fixture
def store(memory_store: MemoryStore) -> MemoryStore:
    """An empty store."""
    return memory_store


@pytest.fixture
def server() -> Server:
    """What the store can do."""
    return MEMORY


class TestMemoryStore(StoreContract):
    """The store in memory."""


def test_time_of_change_can_be_set(memory_store: MemoryStore) -> None:
    """A test can make an object old."""
    memory_store.put("a", b"x")
    memory_store.age("a", 1000.0)
    assert memory_store.head("a").last_modified == 1000.0
