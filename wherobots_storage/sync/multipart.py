"""Sending a large file's parts, several in flight, going on where an earlier try ended."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from wherobots_storage.errors import NoSuchUpload, StorageError
from wherobots_storage.objectstore.store import MAX_PARTS, Part
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.objects import metadata_of
from wherobots_storage.sync.openuploads import OpenUpload, OpenUploads, SentPart
from wherobots_storage.sync.reading import Content

PART_BYTES = 16 * 1024**2
PARTS_IN_FLIGHT = 4
BYTES_IN_MEMORY = 128 * 1024**2
"""What all parts in memory may have; a single one that is larger goes alone."""

LOOK = 0.2
"""How often, in seconds, somebody who waits for a part looks for what is more urgent."""


class _Flight(NamedTuple):
    """A part under way."""

    number: int
    size: int
    prefix: str
    future: Future[str]


class PartSender:
    """Of one cycle.

    At most ``PARTS_IN_FLIGHT`` parts and one more are in memory, and fewer when they are large: a
    file of a terabyte has parts of a hundred megabytes.
    """

    def __init__(self, mirror: Mirror, ledger: Ledger, cancel: Cancel) -> None:
        self._mirror = mirror
        self._ledger = ledger
        self._cancel = cancel
        self.uploads = OpenUploads(mirror, ledger.journal)

    def open(self, content: Content, size: int) -> tuple[OpenUpload, dict[int, SentPart]]:
        """The upload for this content, and its parts that are there already.

        One of another version is given up first. Raises what the store raises.
        """
        path = content.entry.path
        upload = self.uploads.find(path)
        if upload is not None and upload.upload_id and upload.is_of(content):
            try:
                return upload, self.uploads.parts(upload)
            except NoSuchUpload:
                self.uploads.forget(path)
                upload = None
        if upload is not None:
            self.uploads.abort(upload)
        part_bytes = max(PART_BYTES, -(-size // MAX_PARTS))
        return self.uploads.begin(content, part_bytes, metadata_of(content)), {}

    def send(
        self, upload: OpenUpload, there: dict[int, SentPart], descriptor: int, size: int
    ) -> tuple[list[Part], str]:
        """Send what is not ``there``; the parts and the SHA-256 of all that was read.

        Raises Interrupted and what the store raises; the parts that arrived are noted by then.
        """
        digest = hashlib.sha256()
        parts: list[Part] = []
        flying: list[_Flight] = []
        key, step = self._mirror.key(upload.path), upload.part_bytes
        room = parts_in_memory(step)
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="part") as pool:
            try:
                for number, offset in enumerate(range(0, size, step), start=1):
                    self._cancel.check()
                    if len(flying) == room:
                        parts.append(self._land_first(upload, flying))
                    body = _pread(descriptor, offset, min(step, size - offset))
                    digest.update(body)
                    prefix = digest.hexdigest()
                    sent = there.get(number)
                    if sent is not None and sent.prefix == prefix:
                        parts.append(Part(number, sent.etag, len(body)))
                        self._ledger.moved(0, len(body))
                        del body  # not kept beside the next one
                        continue
                    self._ledger.give_way()
                    if len(flying) == PARTS_IN_FLIGHT:
                        parts.append(self._land_first(upload, flying))
                    put = self._mirror.store.upload_part
                    future = pool.submit(put, key, upload.upload_id, number, body, size=len(body))
                    flying.append(_Flight(number, len(body), prefix, future))
                    del body
                while flying:
                    parts.append(self._land_first(upload, flying))
            finally:
                parts += self._land_all(upload, flying)
        return sorted(parts, key=lambda part: part.number), digest.hexdigest()

    def _land_first(self, upload: OpenUpload, flying: list[_Flight]) -> Part:
        """Wait for the part that was begun first. Raises Interrupted, and what the store raises."""
        self._wait(flying[0].future)
        return self._land(upload, flying.pop(0))

    def _wait(self, part: Future[str]) -> None:
        """Wait for a part to end, giving way meanwhile. Raises Interrupted."""
        while not wait((part,), timeout=LOOK).done:
            self._cancel.check()
            self._ledger.give_way()

    def _land_all(self, upload: OpenUpload, flying: list[_Flight]) -> list[Part]:
        """Note every part that arrives, also after one that failed, whose error is then raised."""
        parts: list[Part] = []
        failed: StorageError | None = None
        for flight in flying:
            try:
                parts.append(self._land(upload, flight))
            except StorageError as error:
                failed = error
        if failed is not None:
            raise failed
        return parts

    def _land(self, upload: OpenUpload, flight: _Flight) -> Part:
        part = Part(flight.number, flight.future.result(), flight.size)
        self.uploads.add_part(upload, flight.number, SentPart(part.etag, flight.prefix))
        self._ledger.moved(0, flight.size)
        return part


def parts_in_memory(part_bytes: int) -> int:
    """How many parts of so many bytes may be in memory, with the one that is being read."""
    return max(1, min(PARTS_IN_FLIGHT + 1, BYTES_IN_MEMORY // part_bytes))


def _pread(descriptor: int, offset: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0:
        piece = os.pread(descriptor, size, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
        size -= len(piece)
    return b"".join(pieces)
