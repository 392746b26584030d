"""The helper that makes stores fail does just that."""

from __future__ import annotations

import pytest
from support.faults import FaultyStore

from wherobots_storage.errors import SlowDown, StoreUnavailable
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ObjectStore


@pytest.fixture
def faulty(memory_store: MemoryStore) -> FaultyStore:
    """A store in memory that can be made to fail."""
    return FaultyStore(memory_store)


def test_it_is_a_store(faulty: FaultyStore) -> None:
    """Without faults it is the store below, and counts the calls."""
    assert isinstance(faulty, ObjectStore)
    faulty.put("a", b"x")
    assert faulty.head("a").size == 1
    assert faulty.calls == {"put": 1, "head": 1}
    assert faulty.bucket == "test"


def test_faults_strike_as_told(faulty: FaultyStore) -> None:
    """A fault strikes after some calls, for some calls, and where its condition holds."""
    faulty.fail(
        "put", SlowDown("slow"), after=1, times=1, when=lambda key, *_, **__: key.startswith("a")
    )
    faulty.put("b", b"")
    faulty.put("a1", b"")
    with pytest.raises(SlowDown):
        faulty.put("a2", b"")
    faulty.put("a3", b"")
    faulty.fail("head", StoreUnavailable("gone"))
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            faulty.head("b")
    faulty.heal()
    assert faulty.head("b").size == 0


def test_late_fault_has_done_its_work(faulty: FaultyStore) -> None:
    """A late fault is an answer that was lost: the object is there."""
    faulty.fail("put", StoreUnavailable("lost"), late=True, times=1)
    with pytest.raises(StoreUnavailable):
        faulty.put("a", b"x")
    assert faulty.head("a").size == 1


def test_hook_runs_first(faulty: FaultyStore) -> None:
    """A hook can change the store just before a call."""
    faulty.before("head", lambda key: faulty.inner.put(key, b"hooked"))
    assert faulty.head("a").size == 6


def test_unknown_methods_are_refused(faulty: FaultyStore) -> None:
    """A misspelt method would be a fault that never strikes."""
    with pytest.raises(ValueError, match="putt"):
        faulty.fail("putt", SlowDown("x"))
    with pytest.raises(ValueError, match="gett"):
        faulty.before("gett", lambda: None)
    with pytest.raises(AttributeError):
        _ = faulty.nothing
