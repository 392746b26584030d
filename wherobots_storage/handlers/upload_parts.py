"""One upload in progress, and the two ways that a part's bytes take: to memory, or streamed on."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Literal, Protocol

from wherobots_storage.api.models import UploadPart, UploadTicket
from wherobots_storage.errors import (
    InvalidInput,
    StorageError,
    TooLarge,
    UploadInterrupted,
)
from wherobots_storage.handlers.feed import ByteFeed
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.objectstore.store import MAX_PARTS, ObjectStore, Part

MIB = 1024**2
PART_BYTES = 8 * MIB
"""The size of a part, unless a file is so large that it would take more than 10,000."""


def part_size_for(size: int) -> int:
    """The part size, in bytes, for a file of ``size``: 8 MiB, or whole MiB more of it."""
    needed = math.ceil(math.ceil(size / MAX_PARTS) / MIB) * MIB
    return max(PART_BYTES, needed)


class PartSink(Protocol):
    """Takes the bytes of one part."""

    number: int

    async def write(self, chunk: bytes) -> None:
        """Take a piece; returns when the next may come. Raises nothing: ``finish`` tells."""
        ...

    async def finish(self) -> Part:
        """The body is whole: the part as registered. Raises what went wrong."""
        ...

    def abort(self) -> None:
        """The body broke off: register nothing. Does nothing after ``finish``."""
        ...

    async def gone(self) -> None:
        """Return when nothing of this part is under way any more. Raises nothing."""
        ...


@dataclass
class UploadState:
    """An upload that has begun.

    ``upload_id`` is the store's, None for a file that is ``held`` in memory until it is complete.
    """

    id: str
    path: StoragePath
    key: str
    size: int
    mode: Literal["create", "replace"]
    etag: str | None
    upload_id: str | None = None
    held: bytes = b""
    parts: dict[int, Part] = field(default_factory=dict)
    sinks: dict[int, PartSink] = field(default_factory=dict)
    touched: float = field(default_factory=time.monotonic)
    finishing: bool = False

    @property
    def part_size(self) -> int:
        """Bytes of every part but the last."""
        return part_size_for(self.size)

    @property
    def part_count(self) -> int:
        """How many parts make the file; none for an empty one."""
        return math.ceil(self.size / self.part_size)

    def size_of(self, number: int) -> int:
        """How many bytes part ``number`` must have. Raises InvalidInput when there is no such."""
        last = max(self.part_count, 1)
        if not 1 <= number <= last:
            message = f"This upload has parts 1 to {last}, not {number}."
            raise InvalidInput(message, path=self.path.display)
        return min(self.part_size, self.size - (number - 1) * self.part_size)

    def check_length(self, number: int, declared: int | None) -> int:
        """The part's size, which must be the ``declared`` one. Raises TooLarge, InvalidInput."""
        expected = self.size_of(number)
        if declared is not None and declared > expected:
            message = f"Part {number} has {expected:,} bytes; {declared:,} were announced."
            raise TooLarge(message, path=self.path.display)
        if declared is not None and declared < expected:
            message = f"Part {number} has {expected:,} bytes; only {declared:,} were announced."
            raise InvalidInput(message, path=self.path.display)
        return expected

    def missing(self) -> list[int]:
        """The numbers of the parts that have not arrived."""
        return [number for number in range(1, self.part_count + 1) if number not in self.parts]

    def ticket(self) -> UploadTicket:
        """The upload as it travels."""
        parts = [
            UploadPart(number=part.number, etag=part.etag, size=part.size)
            for _, part in sorted(self.parts.items())
        ]
        return UploadTicket(
            id=self.id,
            path=self.path.display,
            size=self.size,
            part_size=self.part_size,
            parts=parts,
        )


class HeldSink:
    """Keeps the only part of a small file in memory."""

    def __init__(self, upload: UploadState, number: int) -> None:
        self.number = number
        self._upload = upload
        self._body = bytearray()
        self._aborted = False

    async def write(self, chunk: bytes) -> None:
        """Take a piece."""
        if not self._aborted:
            self._body += chunk

    async def finish(self) -> Part:
        """Register the part. Raises UploadInterrupted when its size is not what it must be."""
        expected = self._upload.size_of(self.number)
        if self._aborted or len(self._body) != expected:
            raise _interrupted(self._upload, self.number)
        self._upload.held = bytes(self._body)
        # No ETag of the store's exists yet; the panel compares none.
        part = Part(self.number, "", expected)
        self._upload.parts[self.number] = part
        self.abort()
        return part

    def abort(self) -> None:
        """Let the bytes go."""
        self._aborted = True
        self._body = bytearray()

    async def gone(self) -> None:
        """Nothing is ever under way."""


class StreamedSink:
    """Streams a part on to the store, in a thread, while its body arrives."""

    def __init__(
        self,
        upload: UploadState,
        number: int,
        open_store: Callable[[], ObjectStore],
        threads: Executor,
    ) -> None:
        self.number = number
        self._upload = upload
        self._open_store = open_store
        self._size = upload.size_of(number)
        self._feed = ByteFeed()
        self._future = asyncio.get_running_loop().run_in_executor(threads, self._send)
        # A part that broke off fails with nobody waiting for it.
        self._future.add_done_callback(lambda future: future.cancelled() or future.exception())

    def on_end(self, callback: Callable[[], object]) -> None:
        """Call back, on the loop, when the thread is free again."""
        self._future.add_done_callback(lambda _: callback())

    async def write(self, chunk: bytes) -> None:
        """Take a piece; waits while the store is slower than the browser."""
        await self._feed.write(chunk)

    async def finish(self) -> Part:
        """Wait for the store, then register the part. Raises what the store raised."""
        self._feed.end()
        etag = await asyncio.shield(self._future)
        if self._upload.sinks.get(self.number) is not self:
            raise _interrupted(self._upload, self.number)  # a later attempt took over
        part = Part(self.number, etag, self._size)
        self._upload.parts[self.number] = part
        return part

    def abort(self) -> None:
        """Make the store's request fail."""
        self._feed.abort()

    async def gone(self) -> None:
        """Wait for the thread."""
        await asyncio.wait([self._future])

    def _send(self) -> str:
        upload = self._upload
        try:
            return self._open_store().upload_part(
                upload.key, upload.upload_id or "", self.number, self._feed, size=self._size
            )
        except StorageError as error:
            raise error.at(upload.path.display) from None
        finally:
            self._feed.close()


def _interrupted(upload: UploadState, number: int) -> UploadInterrupted:
    message = f"Part {number} did not arrive whole; send it again."
    return UploadInterrupted(message, path=upload.path.display)
