"""A bounded bridge for bytes, from the event loop to a thread that reads an iterable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

from wherobots_storage.errors import UploadInterrupted

LIMIT = 1024**2
"""How many bytes may wait before the writer does."""


class ByteFeed:
    """The loop writes, a thread iterates; the writer waits while more than ``limit`` bytes do.

    ``abort`` makes the reader raise UploadInterrupted, so that no store takes half a body for a
    whole one; ``close`` makes writes vanish, for when the reader has failed.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._ready = threading.Condition()
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._ended = self._aborted = self._closed = False
        self._space = asyncio.Event()

    async def write(self, chunk: bytes) -> None:
        """Give a piece on; returns when there is room for the next."""
        with self._ready:
            if self._closed or self._aborted or not chunk:
                return
            self._chunks.append(chunk)
            self._waiting += len(chunk)
            self._ready.notify()
            if self._waiting <= self._limit:
                return
            self._space.clear()
        await self._space.wait()

    def end(self) -> None:
        """Say that the body is whole."""
        with self._ready:
            self._ended = True
            self._ready.notify()

    def abort(self) -> None:
        """Say that the rest of the body will never come; nothing when it came already."""
        with self._ready:
            self._aborted = not self._ended
            self._ready.notify()
        self._space.set()

    def close(self) -> None:
        """Say, from the reader's thread, that nobody reads any more."""
        with self._ready:
            self._closed = True
            self._chunks.clear()
        self._loop.call_soon_threadsafe(self._space.set)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._take():
            yield piece

    def _take(self) -> bytes:
        """Everything that waits, in one piece; empty at the end."""
        with self._ready:
            self._ready.wait_for(lambda: self._chunks or self._ended or self._aborted)
            if self._aborted:
                raise UploadInterrupted("The upload broke off; send this part again.")
            piece = b"".join(self._chunks)
            self._chunks.clear()
            self._waiting = 0
        self._loop.call_soon_threadsafe(self._space.set)
        return piece
