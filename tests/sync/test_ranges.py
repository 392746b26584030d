"""Large objects read in ranges: whole, in order, of one version."""

from __future__ import annotations

import os
from typing import Any

import pytest

from wherobots_storage.errors import (
    ConcurrentChange,
    NotFound,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore.memory import MemoryBody, MemoryStore
from wherobots_storage.objectstore.store import ByteRange
from wherobots_storage.sync import ranges
from wherobots_storage.sync.ranges import ATTEMPTS, RANGE_BYTES, RangedObject


class Store(MemoryStore):
    """A store in memory whose reads can be made to fail; keeps the ranges that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[ByteRange] = []
        self.failures: dict[int, int] = {}
        """How often a range that starts there fails."""
        self.ignores_ranges = False

    def get(self, key: str, **options: Any) -> MemoryBody:
        """Read, or fail."""
        span: ByteRange = options["byte_range"]
        self.spans.append(span)
        if self.failures.get(span.start, 0):
            self.failures[span.start] -= 1
            raise StoreUnavailable("It broke off.")
        if self.ignores_ranges:
            options["byte_range"] = None
        return super().get(key, **options)


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()


def read(store: Store) -> bytes:
    """The object ``k``, whole."""
    with RangedObject(store, "k") as body:
        content = b"".join(body.chunks())
        assert body.info.size == len(content)
        return content


@pytest.mark.parametrize(
    "size",
    [1, RANGE_BYTES - 1, RANGE_BYTES, RANGE_BYTES + 1, 5 * RANGE_BYTES, 6 * RANGE_BYTES + 7],
)
def test_whole_and_in_order(store: Store, size: int) -> None:
    """An object of any size comes whole, each byte asked for once."""
    content = os.urandom(size)
    store.put("k", content)
    assert read(store) == content
    starts = sorted(span.start for span in store.spans)
    assert starts == list(range(0, size, RANGE_BYTES))


def test_pieces_are_small(store: Store) -> None:
    """No piece is larger than it needs to be for its cost."""
    store.put("k", bytes(3 * RANGE_BYTES))
    with RangedObject(store, "k") as body:
        assert max(map(len, body.chunks())) == ranges.CHUNK_BYTES


def test_range_that_breaks_off(store: Store) -> None:
    """A range that fails is fetched again; the others are not."""
    content = os.urandom(4 * RANGE_BYTES)
    store.put("k", content)
    store.failures = {0: ATTEMPTS - 1, 2 * RANGE_BYTES: ATTEMPTS - 1}
    assert read(store) == content
    assert len(store.spans) == 4 + 2 * (ATTEMPTS - 1)


@pytest.mark.parametrize("start", [0, 3 * RANGE_BYTES])
def test_patience_ends(store: Store, start: int) -> None:
    """A range that fails again and again fails the object."""
    store.put("k", bytes(4 * RANGE_BYTES))
    store.failures = {start: ATTEMPTS}
    with pytest.raises(StoreUnavailable):
        read(store)


def test_replaced_meanwhile(store: Store) -> None:
    """Ranges of two versions are never put together."""
    store.put("k", bytes(9 * RANGE_BYTES))
    with RangedObject(store, "k") as body:
        pieces = body.chunks()
        next(pieces)
        store.put("k", b"\x01" * 9 * RANGE_BYTES)
        with pytest.raises(ConcurrentChange):
            list(pieces)


def test_missing(store: Store) -> None:
    """An object that is not there is NotFound."""
    with pytest.raises(NotFound):
        RangedObject(store, "k")


def test_store_without_ranges(store: Store) -> None:
    """A store that gives the whole instead of a range is not read to memory."""
    store.put("k", bytes(2 * RANGE_BYTES))
    store.ignores_ranges = True
    with pytest.raises(UnexpectedAnswer):
        read(store)


def test_giving_up_in_the_middle(store: Store) -> None:
    """Leaving early asks for no more than was under way."""
    store.put("k", bytes(20 * RANGE_BYTES))
    with RangedObject(store, "k") as body:
        next(body.chunks())
    assert len(store.spans) == 1
