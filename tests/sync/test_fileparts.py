"""Large files as parts: their hashes, and what is read of them to be sent."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from wherobots_storage.objectstore.content import KnownBody
from wherobots_storage.sync.cancel import Interrupted
from wherobots_storage.sync.fileparts import PIECE_BYTES, FilePart, Moved, Unreadable, hash_parts
from wherobots_storage.sync.reading import CHUNK

SIZE = 3 * CHUNK + 12_345


@pytest.fixture
def content() -> bytes:
    """What is in the file."""
    return os.urandom(SIZE)


@pytest.fixture
def descriptor(tmp_path: Path, content: bytes) -> Iterator[int]:
    """The file, open to read and to write."""
    (tmp_path / "f").write_bytes(content)
    opened = os.open(tmp_path / "f", os.O_RDWR)
    yield opened
    os.close(opened)


def nothing() -> None:
    """Nothing is more urgent."""


def sha256(data: bytes) -> bytes:
    """Its hash."""
    return hashlib.sha256(data).digest()


@pytest.mark.parametrize("step", [1000, CHUNK - 1, CHUNK, 2 * CHUNK, SIZE, SIZE + 1])
def test_hashes(descriptor: int, content: bytes, step: int) -> None:
    """The whole and each part are hashed, the last one as short as it is."""
    hashes = hash_parts(descriptor, SIZE, step, nothing)
    assert hashes.whole == sha256(content).hex()
    assert hashes.parts == tuple(sha256(content[at : at + step]) for at in range(0, SIZE, step))


def test_hashes_of_a_file_that_shrank(descriptor: int, content: bytes) -> None:
    """What is gone is not waited for."""
    hashes = hash_parts(descriptor, SIZE + CHUNK, CHUNK, nothing)
    assert hashes.whole == sha256(content).hex()
    assert len(hashes.parts) == 4


def test_hashing_is_given_up(descriptor: int) -> None:
    """Somebody who wants to stop is heard between two pieces."""
    looks = iter([None])

    def look() -> None:
        if next(looks, 1):
            raise Interrupted

    with pytest.raises(Interrupted):
        hash_parts(descriptor, SIZE, CHUNK, look)


def part(descriptor: int, content: bytes) -> FilePart:
    """From the second piece on to the end."""
    rest = content[PIECE_BYTES:]
    return FilePart(descriptor, PIECE_BYTES, len(rest), sha256(rest))


def test_part(descriptor: int, content: bytes) -> None:
    """A part can be read again and again, in small pieces."""
    body = part(descriptor, content)
    assert isinstance(body, KnownBody)
    assert body.sha256 == sha256(content[PIECE_BYTES:]).hex()
    for _ in range(2):
        pieces = [bytes(piece) for piece in body]
        assert b"".join(pieces) == content[PIECE_BYTES:]
        assert max(map(len, pieces)) == PIECE_BYTES


@pytest.mark.parametrize("at", [PIECE_BYTES, SIZE - 1])
def test_part_that_moved(descriptor: int, content: bytes, at: int) -> None:
    """Of a part with other bytes the last piece is never given."""
    os.pwrite(descriptor, bytes([content[at] ^ 1]), at)
    given: list[int] = []
    with pytest.raises(Moved):
        given.extend(map(len, part(descriptor, content)))
    assert sum(given) < SIZE - PIECE_BYTES


def test_part_of_a_file_that_shrank(descriptor: int, content: bytes) -> None:
    """A file that ends before its part does has moved."""
    os.truncate(descriptor, 2 * PIECE_BYTES)
    with pytest.raises(Moved):
        list(part(descriptor, content))


def test_part_that_cannot_be_read(
    descriptor: int, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk is not taken for one of the connection."""

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    body = part(descriptor, content)
    monkeypatch.setattr("wherobots_storage.sync.fileparts.os.preadv", broken)
    with pytest.raises(Unreadable) as caught:
        list(body)
    assert caught.value.error.errno == errno.EIO
