"""Uploading a file too large for memory: in parts, and completed only if it held still.

The file is read twice: once for the hash, which has to be in the metadata before the first part
goes, and once for the parts, hashed again on the way. A file that moved is aborted; the last good
version stays.
"""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from wherobots_storage.errors import NotFound, PreconditionFailed, StorageError
from wherobots_storage.objectstore.store import MAX_PARTS, Part
from wherobots_storage.planning.format import read_metadata
from wherobots_storage.planning.tree import File, Notice, Record
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.objects import is_same, metadata_of
from wherobots_storage.sync.reading import (
    Content,
    as_entry,
    hash_descriptor,
    open_file,
    same_stat,
    unreadable,
    unsettled,
)
from wherobots_storage.sync.worklist import SMALL_BYTES

PART_BYTES = 16 * 1024**2
PARTS_IN_FLIGHT = 3


class LargeUploader:
    """Large files of one cycle, one after the other."""

    def __init__(self, home: Home, mirror: Mirror, ledger: Ledger, cancel: Cancel) -> None:
        self._home = home
        self._mirror = mirror
        self._ledger = ledger
        self._cancel = cancel

    def upload(self, entry: File) -> None:
        """Bring one file to the mirror, or note why not.

        Raises Interrupted, and the StorageError of an outage.
        """
        prepared = self._prepare(entry)
        if prepared is None:
            return
        if isinstance(prepared, Notice):
            self._ledger.decline(prepared)
            return
        known = self._ledger.journal.get(entry.path)
        try:
            if known is not None and known.sha256 == prepared.sha256 and known.kind == "file":
                etag: str | Notice = self._retouch(prepared, known)
            else:
                etag = self._send(prepared, known)
        except (PreconditionFailed, NotFound):
            self._refused(prepared, known)
        except StorageError as error:
            self._ledger.fail(entry, error)
        else:
            if isinstance(etag, Notice):
                self._ledger.decline(etag)
            else:
                self._ledger.done(prepared, etag, 0)

    def _retouch(self, content: Content, known: Record) -> str:
        """The bytes are in the bucket already: bring time and mode there by a copy onto itself."""
        if is_same(content, known):
            return known.etag
        key = self._mirror.key(content.entry.path)
        metadata = metadata_of(content)
        copy = self._mirror.store.copy
        return copy(key, key, source_if_match=known.etag, metadata=metadata)

    def _refused(self, content: Content, known: Record | None) -> None:
        """The remote is not what the journal says: adopt equal bytes, otherwise a conflict."""
        entry = content.entry
        try:
            found = self._mirror.store.head(self._mirror.key(entry.path))
        except NotFound:
            # Gone: forgotten here, so that the next cycle sends it as new.
            if known is not None:
                self._ledger.journal.forget(entry.path)
            reason = "It is gone from the bucket; it is sent again."
            self._ledger.postpone(entry, "failed", reason)
        except StorageError as error:
            self._ledger.fail(entry, error)
        else:
            if read_metadata(found.metadata).sha256 == content.sha256:
                self._ledger.done(content, found.etag, 0)
            else:
                self._ledger.conflict(entry)

    def _prepare(self, entry: File) -> Content | Notice | None:
        """The entry as it was read with its SHA-256, without a body; None when it is gone."""
        started = time.time_ns()
        try:
            with open_file(self._home.path, entry.path) as descriptor:
                before = os.fstat(descriptor)
                digest = hashlib.sha256()
                for digest in hash_descriptor(descriptor, before.st_size):  # noqa: B007
                    self._cancel.check()
                shrunk = before.st_size <= SMALL_BYTES
                if shrunk or not same_stat(before, os.fstat(descriptor)):
                    return unsettled(entry)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return unreadable(entry, error)
        return Content(as_entry(entry.path, before, started), b"", digest.hexdigest())

    def _send(self, content: Content, known: Record | None) -> str | Notice:
        """Send the file as prepared and return its ETag, or the notice that it moved.

        Raises PreconditionFailed when the remote is not ``known``'s, and what the store raises.
        """
        entry, path = content.entry, content.entry.path
        key = self._mirror.key(path)
        store = self._mirror.store
        upload_id = store.create_multipart(key, metadata=metadata_of(content))
        try:
            with open_file(self._home.path, path) as descriptor:
                before = os.fstat(descriptor)
                parts, digest = self._send_parts(key, upload_id, descriptor, before.st_size)
                held = same_stat(before, os.fstat(descriptor)) and digest == content.sha256
            if not held:
                store.abort_multipart(key, upload_id)
                return unsettled(entry)
            # Not every server takes conditions with Complete, so the state is also looked at.
            check_expectation(self._mirror, path, known)
            return store.complete_multipart(
                key,
                upload_id,
                parts,
                if_none_match=known is None,
                if_match=known.etag if known is not None else None,
            )
        except OSError as error:
            self._abort(key, upload_id)
            return unreadable(entry, error)
        except BaseException:
            self._abort(key, upload_id)
            raise

    def _abort(self, key: str, upload_id: str) -> None:
        with suppress(StorageError):
            self._mirror.store.abort_multipart(key, upload_id)

    def _send_parts(
        self, key: str, upload_id: str, descriptor: int, size: int
    ) -> tuple[list[Part], str]:
        part_bytes = max(PART_BYTES, -(-size // MAX_PARTS))
        digest = hashlib.sha256()
        parts: list[Part] = []
        flying: list[tuple[int, int, Future[str]]] = []
        with ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="part") as pool:
            for number, offset in enumerate(range(0, size, part_bytes), start=1):
                self._cancel.check()
                body = _pread(descriptor, offset, min(part_bytes, size - offset))
                digest.update(body)
                if len(flying) == PARTS_IN_FLIGHT:
                    parts.append(self._land(*flying.pop(0)))
                send = self._mirror.store.upload_part
                future = pool.submit(send, key, upload_id, number, body, size=len(body))
                flying.append((number, len(body), future))
            parts.extend(self._land(*flight) for flight in flying)
        return parts, digest.hexdigest()

    def _land(self, number: int, size: int, future: Future[str]) -> Part:
        part = Part(number, future.result(), size)
        self._ledger.moved(0, size)
        return part


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


def check_expectation(mirror: Mirror, path: str, known: Record | None) -> None:
    """Look whether the remote still is what the journal says.

    Raises PreconditionFailed when it is not: there, though not in the journal, or another version.
    """
    try:
        etag: str | None = mirror.store.head(mirror.key(path)).etag
    except NotFound:
        etag = None
    expected = known.etag if known is not None else None
    if etag != expected:
        raise PreconditionFailed("The object in the bucket changed meanwhile.", path=path)
