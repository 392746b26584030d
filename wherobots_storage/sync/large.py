"""Uploading a file too large for memory: in parts, and completed only if it held still.

The file is read twice: once for the hash, which has to be in the metadata before the first part
goes, and once for the parts, hashed again on the way. A file that moved is aborted; the last good
version stays.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from wherobots_storage.errors import NotFound, PreconditionFailed, StorageError
from wherobots_storage.objectstore.store import MAX_PARTS, Part
from wherobots_storage.planning.format import file_metadata
from wherobots_storage.planning.tree import File, Notice, Record
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.reading import (
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


class LargeUpload:
    """One large file on its way; ``sent`` is told the bytes of every part that arrived."""

    def __init__(
        self, home: Home, mirror: Mirror, cancel: Cancel, sent: Callable[[int], None]
    ) -> None:
        self._home = home
        self._mirror = mirror
        self._cancel = cancel
        self._sent = sent

    def prepare(self, entry: File) -> tuple[File, str] | Notice | None:
        """The entry as it was read, and its SHA-256; None when it is gone."""
        started = time.time_ns()
        try:
            with open_file(self._home.path, entry) as descriptor:
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
        return as_entry(entry.path, before, started), digest.hexdigest()

    def send(self, entry: File, sha256: str, known: Record | None) -> str | Notice:
        """Send the file as prepared and return its ETag, or the notice that it moved.

        Raises PreconditionFailed when the remote is not ``known``'s, and what the store raises.
        """
        key = self._mirror.key(entry.path)
        metadata = file_metadata(entry.mtime_ns, entry.mode, sha256)
        store = self._mirror.store
        upload_id = store.create_multipart(key, metadata=metadata)
        try:
            with open_file(self._home.path, entry) as descriptor:
                before = os.fstat(descriptor)
                parts, digest = self._send_parts(key, upload_id, descriptor, entry.size)
                held = same_stat(before, os.fstat(descriptor)) and digest == sha256
            if not held:
                store.abort_multipart(key, upload_id)
                return unsettled(entry)
            # Not every server takes conditions with Complete, so the state is also looked at.
            check_expectation(self._mirror, entry.path, known)
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
        self._sent(size)
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
