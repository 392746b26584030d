"""The helper that makes stores fail does just that."""

from __future__ import annotations

import pytest
from support.faults import REQUESTS, FaultyStore

from wherobots_storage.errors import SlowDown, StoreUnavailable
from wherobots_storage.objectstore.store import ObjectStore


@pytest.fixture
def faulty() -> FaultyStore:
    """A store in memory that can be made to fail."""
    return FaultyStore()


def test_it_is_a_store(faulty: FaultyStore) -> None:
    """Without faults it is a store, and writes down what was asked, the lease's requests aside."""
    assert isinstance(faulty, ObjectStore)
    faulty.put("a", b"x")
    faulty.put("p/lease.json", b"x")
    assert faulty.head("a").size == 1
    assert faulty.calls == [("put", "a"), ("head", "a")]
    assert faulty.count("put") == 1


def test_every_request_can_fail(faulty: FaultyStore) -> None:
    """Whatever the sync asks of a store can be made to fail before it is done."""

    def fail(name: str, _: str) -> None:
        raise SlowDown(name)

    faulty.before = fail
    for name in REQUESTS:
        with pytest.raises(SlowDown, match=name):
            getattr(faulty, name)("a")
    faulty.heal()
    faulty.put("a", b"x")


def test_lost_answer_has_done_its_work(faulty: FaultyStore) -> None:
    """A fault after the work is an answer that was lost: the object is there."""

    def lose(_name: str, _key: str, _result: object) -> object:
        raise StoreUnavailable("lost")

    faulty.after = lose
    with pytest.raises(StoreUnavailable):
        faulty.put("a", b"x")
    faulty.heal()
    assert faulty.head("a").size == 1


def test_an_answer_can_be_another(faulty: FaultyStore) -> None:
    """What is returned after the work takes the answer's place."""
    faulty.after = lambda name, _key, result: "wrong" if name == "put" else result
    assert faulty.put("a", b"x") == "wrong"
