"""Large objects read in ranges: whole, in order, of one version."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest

from wherobots_storage.errors import (
    ConcurrentChange,
    NotFound,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.memory_body import MemoryBody
from wherobots_storage.objectstore.store import ByteRange
from wherobots_storage.sync import ranges
from wherobots_storage.sync.cancel import Interrupted
from wherobots_storage.sync.ranges import AT_ONCE, ATTEMPTS, CHUNK_BYTES, RANGE_BYTES, RangedObject


class Store(MemoryStore):
    """A store in memory whose reads can be made to fail; keeps the ranges that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[ByteRange] = []
        self.failures: dict[int, int] = {}
        """How often a range that starts there fails."""
        self.ignores_ranges = False

        self.breaks_after: dict[int, int] = {}
        """After how many bytes the body of a range that starts there breaks off, the first time."""
        self.hangs = threading.Event()
        self.hangs.set()
        """Ranges wait for it."""

    def get(self, key: str, **options: Any) -> MemoryBody:
        """Read, or fail."""
        span: ByteRange = options["byte_range"]
        self.spans.append(span)
        if self.failures.get(span.start, 0):
            self.failures[span.start] -= 1
            raise StoreUnavailable("It broke off.")
        if self.ignores_ranges:
            options["byte_range"] = None
        self.hangs.wait(60)
        body = super().get(key, **options)
        left = self.breaks_after.pop(span.start, None)
        return body if left is None else Breaking(body, left)


class Breaking(MemoryBody):
    """A body that breaks off; fills buffers."""

    def __init__(self, body: MemoryBody, left: int) -> None:
        super().__init__(body.info, b"".join(body.chunks()))
        self._whole = b"".join(super().chunks())
        self._at = 0
        self._most = left

    def read_into(self, buffer: memoryview) -> int:
        """What is left, until it breaks."""
        if self._at == self._most:
            raise StoreUnavailable("It broke off.")
        piece = self._whole[self._at : min(self._at + len(buffer), self._most)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()


Read = Callable[[Store], bytes]


def joined(store: Store) -> bytes:
    """The object ``k``, whole, from its pieces."""
    with RangedObject(store, "k") as body:
        content = b"".join(body.chunks())
        assert body.info.size == len(content)
        return content


def written(store: Store) -> bytes:
    """The same, from the file that it was written to."""
    moved: list[int] = []
    with TemporaryFile() as file, RangedObject(store, "k") as body:
        size, sha256 = body.write_to(file.fileno(), moved.append)
        content = file.read()
    assert size == body.info.size == len(content) == sum(moved)
    assert sha256 == hashlib.sha256(content).hexdigest()
    return content


@pytest.fixture(params=[joined, written])
def read(request: pytest.FixtureRequest) -> Read:
    """A way to read the object ``k``."""
    found: Read = request.param
    return found


@pytest.fixture(autouse=True)
def _same_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "WRITTEN_BYTES", RANGE_BYTES)


@pytest.mark.parametrize(
    "size",
    [1, RANGE_BYTES - 1, RANGE_BYTES, RANGE_BYTES + 1, 5 * RANGE_BYTES, 6 * RANGE_BYTES + 7],
)
def test_whole_and_in_order(store: Store, read: Read, size: int) -> None:
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


def test_range_that_breaks_off(store: Store, read: Read) -> None:
    """A range that fails is fetched again; the others are not."""
    content = os.urandom(4 * RANGE_BYTES)
    store.put("k", content)
    store.failures = {0: ATTEMPTS - 1, 2 * RANGE_BYTES: ATTEMPTS - 1}
    assert read(store) == content
    assert len(store.spans) == 4 + 2 * (ATTEMPTS - 1)


@pytest.mark.parametrize("start", [0, 3 * RANGE_BYTES])
def test_patience_ends(store: Store, read: Read, start: int) -> None:
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


def test_range_that_breaks_in_the_middle(store: Store, read: Read) -> None:
    """A range is gone on with where its body broke off."""
    content = os.urandom(3 * RANGE_BYTES)
    store.put("k", content)
    store.breaks_after = {0: 100, 100: 0, RANGE_BYTES: 3 * CHUNK_BYTES + 1}
    assert read(store) == content
    starts = sorted(span.start for span in store.spans)
    assert starts == [0, 100, 100, RANGE_BYTES, RANGE_BYTES + 3 * CHUNK_BYTES + 1, 2 * RANGE_BYTES]


def test_ranges_that_are_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are larger than the first one, and the last one ends with the object."""
    monkeypatch.setattr(ranges, "WRITTEN_BYTES", 2 * RANGE_BYTES)
    content = os.urandom(6 * RANGE_BYTES + 7)
    store.put("k", content)
    assert written(store) == content
    assert sorted(span.start // RANGE_BYTES for span in store.spans) == [0, 1, 3, 5]


def test_replaced_while_it_is_written(store: Store) -> None:
    """No file is made of two versions."""
    store.put("k", bytes(20 * RANGE_BYTES))

    def replace(count: int) -> None:
        if count and store.head("k").size:
            store.put("k", b"")

    with (
        TemporaryFile() as file,
        RangedObject(store, "k") as body,
        pytest.raises(ConcurrentChange),
    ):
        body.write_to(file.fileno(), replace)


def test_disk_that_is_full(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What writing raises is raised, whichever range met it."""
    store.put("k", bytes(6 * RANGE_BYTES))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("wherobots_storage.sync.ranges.os.pwrite", full)
    with (
        TemporaryFile() as file,
        RangedObject(store, "k") as body,
        pytest.raises(OSError, match="No space left") as caught,
    ):
        body.write_to(file.fileno(), lambda _: None)
    assert caught.value.errno == errno.ENOSPC


def test_short_writes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes only some of the bytes is gone on with."""
    content = os.urandom(RANGE_BYTES + 5)
    store.put("k", content)
    real = os.pwrite
    monkeypatch.setattr(
        "wherobots_storage.sync.ranges.os.pwrite",
        lambda descriptor, data, at: real(descriptor, data[:100_000], at),
    )
    assert written(store) == content


def test_file_that_is_cut(store: Store) -> None:
    """A temporary file that somebody empties is an error of the disk, not an endless wait."""
    store.put("k", bytes(RANGE_BYTES))

    def cut(_: int) -> None:
        file.truncate(0)

    with (
        TemporaryFile() as file,
        RangedObject(store, "k") as body,
        pytest.raises(OSError, match="cut"),
    ):
        body.write_to(file.fileno(), cut)


def test_stop_while_a_range_hangs(store: Store) -> None:
    """A wish to stop is heard while nothing comes, and what hangs writes to no other file."""
    store.put("k", bytes(3 * RANGE_BYTES))

    def stop(count: int) -> None:
        if not count:
            raise Interrupted

    with RangedObject(store, "k") as body, TemporaryFile() as file:
        store.hangs.clear()
        with pytest.raises(Interrupted):
            body.write_to(file.fileno(), stop)
    with TemporaryFile() as other:
        store.hangs.set()
        body._pool.shutdown(wait=True)
        assert other.read() == b""


def give_up(_: int) -> None:
    """Nobody wants it any more."""
    raise Interrupted


def test_descriptors_are_given_back(store: Store) -> None:
    """Ranges that were given up before they began leave no descriptor open."""
    store.put("k", bytes(9 * RANGE_BYTES))
    before = len(list(Path("/proc/self/fd").iterdir()))
    with RangedObject(store, "k") as body, TemporaryFile() as file:
        store.hangs.clear()
        with pytest.raises(Interrupted):
            body.write_to(file.fileno(), give_up)
    store.hangs.set()
    body._pool.shutdown(wait=True)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_missing(store: Store) -> None:
    """An object that is not there is NotFound."""
    with pytest.raises(NotFound):
        RangedObject(store, "k")


def test_store_without_ranges(store: Store, read: Read) -> None:
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
    assert 1 <= len(store.spans) <= AT_ONCE
