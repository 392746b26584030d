"""Sending a large file's parts, several in flight, going on where an earlier try ended."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from wherobots_storage.errors import NoSuchUpload, StorageError
from wherobots_storage.objectstore.store import MAX_PARTS, Part
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.fileparts import FilePart, Hashed, Moved, Unreadable
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.objects import metadata_of
from wherobots_storage.sync.openuploads import OpenUpload, OpenUploads, SentPart

PART_BYTES = 16 * 1024**2
PARTS_IN_FLIGHT = 4

LOOK = 0.2
"""How often, in seconds, somebody who waits for a part looks for what is more urgent."""


class _Flight(NamedTuple):
    """A part under way."""

    number: int
    size: int
    hash: str
    future: Future[str]


class PartSender:
    """Of one cycle. Of a part no more than a piece is in memory."""

    def __init__(self, mirror: Mirror, ledger: Ledger, cancel: Cancel) -> None:
        self._mirror = mirror
        self._ledger = ledger
        self._cancel = cancel
        self.uploads = OpenUploads(mirror, ledger.journal)

    def part_bytes(self, path: str, size: int) -> int:
        """How large a file's parts are to be: those of an upload under way stay as they are."""
        upload = self.uploads.find(path)
        if upload is not None and upload.size == size:
            return upload.part_bytes
        return max(PART_BYTES, -(-size // MAX_PARTS))

    def open(self, content: Hashed) -> tuple[OpenUpload, dict[int, SentPart]]:
        """The upload for this content, and its parts that are there already.

        One of another version is given up first. Raises what the store raises.
        """
        path = content.entry.path
        upload = self.uploads.find(path)
        same = upload is not None and upload.part_bytes == content.part_bytes
        if upload is not None and upload.upload_id and same and upload.is_of(content):
            try:
                return upload, self.uploads.parts(upload)
            except NoSuchUpload:
                self.uploads.forget(path)
                upload = None
        if upload is not None:
            self.uploads.abort(upload)
        return self.uploads.begin(content, content.part_bytes, metadata_of(content)), {}

    def send(
        self, upload: OpenUpload, there: dict[int, SentPart], descriptor: int, content: Hashed
    ) -> list[Part]:
        """Send what is not ``there``, and return all parts.

        Raises Moved when the file no longer has the bytes that were hashed, OSError when it cannot
        be read, Interrupted and what the store raises; the parts that arrived are noted by then.
        """
        parts: list[Part] = []
        flying: list[_Flight] = []
        key, put = self._mirror.key(upload.path), self._mirror.store.upload_part
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="part") as pool:
            try:
                for number, body in enumerate(_bodies(descriptor, content), start=1):
                    self._cancel.check()
                    sent = there.get(number)
                    if sent is not None and sent.hash == body.sha256:
                        parts.append(Part(number, sent.etag, body.size))
                        self._ledger.moved(0, body.size)
                        continue
                    self._ledger.give_way()
                    if len(flying) == PARTS_IN_FLIGHT:
                        parts.append(self._land_next(upload, flying))
                    future = pool.submit(put, key, upload.upload_id, number, body, size=body.size)
                    flying.append(_Flight(number, body.size, body.sha256, future))
                while flying:
                    parts.append(self._land_next(upload, flying))
            finally:
                parts += self._land_all(upload, flying)
        return sorted(parts, key=lambda part: part.number)

    def _land_next(self, upload: OpenUpload, flying: list[_Flight]) -> Part:
        """Wait for the first part that ends, giving way meanwhile.

        Raises Interrupted, what the store raises, and what reading the part raises.
        """
        futures = [flight.future for flight in flying]
        while not (ended := wait(futures, timeout=LOOK, return_when=FIRST_COMPLETED).done):
            self._cancel.check()
            self._ledger.give_way()
        landed = next(flight for flight in flying if flight.future in ended)
        flying.remove(landed)
        return self._land(upload, landed)

    def _land_all(self, upload: OpenUpload, flying: list[_Flight]) -> list[Part]:
        """Note every part that arrives, also after one that failed, whose error is then raised."""
        parts: list[Part] = []
        failed: Exception | None = None
        for flight in flying:
            try:
                parts.append(self._land(upload, flight))
            except (StorageError, Moved, OSError) as error:
                failed = error
        if failed is not None:
            raise failed
        return parts

    def _land(self, upload: OpenUpload, flight: _Flight) -> Part:
        try:
            part = Part(flight.number, flight.future.result(), flight.size)
        except Unreadable as found:
            raise found.error from None
        self.uploads.add_part(upload, flight.number, SentPart(part.etag, flight.hash))
        self._ledger.moved(0, flight.size)
        return part


def _bodies(descriptor: int, content: Hashed) -> Iterator[FilePart]:
    size, step = content.size, content.part_bytes
    for number, sha256 in enumerate(content.parts):
        offset = number * step
        yield FilePart(descriptor, offset, min(step, size - offset), sha256)
