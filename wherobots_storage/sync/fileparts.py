"""A large file as the parts it is sent in: read once for the hashes, and once more to be sent."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from wherobots_storage.sync.reading import CHUNK, Content

PIECE_BYTES = 256 * 1024
"""What is read, hashed and sent at once: it stays in a core's cache between the three."""


class Moved(Exception):
    """A file was written to while it was sent; never shown."""


class Unreadable(Exception):
    """A part cannot be read; never shown. An OSError would be taken for the connection's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Hashed(Content):
    """A large file as it was read, without a body; ``parts`` are the SHA-256 of its parts."""

    size: int
    part_bytes: int
    parts: tuple[bytes, ...]


class Hashes(NamedTuple):
    """SHA-256 of a file, and of its parts."""

    whole: str
    parts: tuple[bytes, ...]


def hash_parts(descriptor: int, size: int, part_bytes: int, look: Callable[[], None]) -> Hashes:
    """Hash ``size`` bytes from the start, as a whole and in parts, on two cores.

    ``look`` is called between two pieces, and may raise. Fewer bytes are hashed if the file
    shrinks meanwhile. Raises OSError.
    """
    whole, parts = hashlib.sha256(), _Parts(part_bytes)
    buffers = [memoryview(bytearray(CHUNK)) for _ in range(2)]
    hashing: list[Future[None] | None] = [None, None]
    offset, turn = 0, 0
    with ThreadPoolExecutor(1, thread_name_prefix="hash") as other:
        while offset < size:
            look()
            busy = hashing[turn]
            if busy is not None:
                busy.result()
            got = os.preadv(descriptor, [buffers[turn][: size - offset]], offset)
            if not got:
                break
            piece = buffers[turn][:got]
            hashing[turn] = other.submit(parts.update, piece)
            whole.update(piece)
            offset += got
            turn = 1 - turn
    for last in hashing:
        if last is not None:
            last.result()
    return Hashes(whole.hexdigest(), parts.finish())


class _Parts:
    """Hashes bytes that come in order, part by part."""

    def __init__(self, part_bytes: int) -> None:
        self._part_bytes = part_bytes
        self._done: list[bytes] = []
        self._digest = hashlib.sha256()
        self._left = part_bytes

    def update(self, piece: memoryview) -> None:
        """The next bytes."""
        while piece:
            now = piece[: self._left]
            self._digest.update(now)
            self._left -= len(now)
            piece = piece[len(now) :]
            if not self._left:
                self._end()

    def finish(self) -> tuple[bytes, ...]:
        """The hashes, that of the last part too."""
        if self._left < self._part_bytes:
            self._end()
        return tuple(self._done)

    def _end(self) -> None:
        self._done.append(self._digest.digest())
        self._digest, self._left = hashlib.sha256(), self._part_bytes


class FilePart:
    """A part of a file as a ``KnownBody``: read again each time, and never sent whole if it moved.

    Its last piece goes only when all of it has the hash that was told: no store makes a part of
    fewer bytes than were announced. No more than ``PIECE_BYTES`` of it are in memory.
    """

    def __init__(self, descriptor: int, offset: int, size: int, sha256: bytes) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self.size = size
        self._sha256 = sha256

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        return self._sha256.hex()

    def __iter__(self) -> Iterator[memoryview]:
        """All of it, in pieces; raises Moved and Unreadable."""
        buffer = memoryview(bytearray(PIECE_BYTES))
        digest, at, end = hashlib.sha256(), self._offset, self._offset + self.size
        while at < end:
            try:
                got = os.preadv(self._descriptor, [buffer[: end - at]], at)
            except OSError as error:
                raise Unreadable(error) from error
            if not got:
                raise Moved
            piece = buffer[:got]
            digest.update(piece)
            at += got
            if at == end and digest.digest() != self._sha256:
                raise Moved
            yield piece
