"""The last resort of a final sync: what does not hold still is saved beside its good version.

Such a copy may be torn: its first bytes may be older than its last. So it never takes the file's
own name, and it goes again when the file holds still before the end after all.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from wherobots_storage.errors import NotFound, PreconditionFailed, StorageError
from wherobots_storage.objectstore.store import MAX_PARTS, Part
from wherobots_storage.planning.conflicts import names_beside
from wherobots_storage.planning.format import file_metadata
from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.conflicts import key_room
from wherobots_storage.sync.fileparts import Moved
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.openuploads import OpenUploads
from wherobots_storage.sync.reading import open_file
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.worklist import SMALL_BYTES

log = logging.getLogger("wherobots_storage.agent")

PATIENCE = 2
"""How many times a file may be found moving before it is saved as it is."""

HURRY_SECONDS = 8.0
"""With less time left than this, the first time is enough."""

TRIES = 4
"""How many times a file is looked at, hoping that it has settled."""

PART_BYTES = 16 * 1024**2

KEPT = "kept-unsettled"
"""The code of the notice for a file that was saved so."""


class Rescue:
    """Of one final sync."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._copies: dict[str, tuple[str, str]] = {}
        """Path to the name and the ETag of what was saved of it."""
        self.hopes = False
        """Whether another look may find a file settled."""

    def __len__(self) -> int:
        return len(self._copies)

    def take(
        self, home: Home, mirror: Mirror, journal: Journal, report: Report, cancel: Cancel
    ) -> None:
        """Save what a cycle found moving, and take back what has settled since.

        In the report it is no longer left over, but listed. Raises Interrupted.
        """
        for path in [path for path in self._copies if path not in report.moving]:
            self._take_back(mirror, path)
        self.hopes = False
        for path, notice in report.moving.items():
            seen = self._seen[path] = self._seen.get(path, 0) + 1
            self.hopes = self.hopes or seen < TRIES
            if seen >= PATIENCE or cancel.remaining() < HURRY_SECONDS:
                self._save(home, mirror, journal, notice, cancel)
            if path in self._copies:
                self._list(report, notice)

    def _list(self, report: Report, notice: Notice) -> None:
        name = self._copies[notice.path][0]
        reason = f"It changed all the time; what could be read of it was saved as {name!r}."
        report.left_files -= 1
        report.left_bytes -= notice.size or 0
        report.skipped.replace(notice._replace(code=KEPT, reason=reason))

    def _take_back(self, mirror: Mirror, path: str) -> None:
        name, etag = self._copies.pop(path)
        with suppress(StorageError):
            mirror.store.delete(mirror.key(name), if_match=etag)

    def _save(
        self, home: Home, mirror: Mirror, journal: Journal, notice: Notice, cancel: Cancel
    ) -> None:
        if notice.path in self._copies:
            return
        try:
            with open_file(home, notice.path) as descriptor:
                uploads = OpenUploads(mirror, journal)
                self._copies[notice.path] = _send(mirror, notice.path, descriptor, cancel, uploads)
        except OSError as error:
            log.warning("%s cannot be read at the stop: %s", notice.path, error.strerror)
        except StorageError as error:
            log.warning("%s cannot be saved at the stop: %s", notice.path, error.message)


def _send(
    mirror: Mirror, path: str, descriptor: int, cancel: Cancel, uploads: OpenUploads
) -> tuple[str, str]:
    """Save what a file holds now under a fresh name; the name and the ETag."""
    found = os.fstat(descriptor)
    mode = stat.S_IMODE(found.st_mode)
    for name in names_beside(path, "unsettled", time.time(), room=key_room(mirror)):
        cancel.check()
        key = mirror.key(name)
        if not mirror.conditions and exists(mirror, key):
            continue
        with suppress(PreconditionFailed):
            if found.st_size > SMALL_BYTES:
                # Without its hash, which is known only at the end: what was read is what it is.
                metadata = file_metadata(found.st_mtime_ns, mode, "")
                del metadata["sha256"]
                return name, send_parts(mirror, name, descriptor, metadata, cancel, uploads)
            body = b"".join(_pieces(descriptor, found.st_size, SMALL_BYTES))
            metadata = file_metadata(found.st_mtime_ns, mode, hashlib.sha256(body).hexdigest())
            return name, mirror.store.put(key, body, metadata=metadata, if_none_match=True)
    raise AssertionError  # names do not end


def send_parts(
    mirror: Mirror,
    name: str,
    descriptor: int,
    metadata: dict[str, str],
    cancel: Cancel,
    uploads: OpenUploads,
    *,
    held: Callable[[str], bool] = lambda _: True,
) -> str:
    """Send what a file holds in parts, to a name where nothing is, and return the ETag.

    ``held`` is given the SHA-256 of what was sent, and says whether it may become an object.
    Raises Moved when not, PreconditionFailed for a name that is taken, Interrupted, OSError, and
    what the store raises; nothing stays of it then. For the journal's thread.
    """
    store, key = mirror.store, mirror.key(name)
    size = os.fstat(descriptor).st_size
    part_bytes = max(PART_BYTES, -(-size // MAX_PARTS))
    upload = uploads.begin_beside(name, part_bytes, size, metadata)
    upload_id = upload.upload_id
    digest = hashlib.sha256()
    try:
        parts: list[Part] = []
        for body in _pieces(descriptor, size, part_bytes):
            cancel.check()
            digest.update(body)
            number = len(parts) + 1
            etag = store.upload_part(key, upload_id, number, body, size=len(body))
            parts.append(Part(number, etag, len(body)))
            del body  # or two pieces would be in memory while the next is read
        _check(held(digest.hexdigest()))
        etag = store.complete_multipart(key, upload_id, parts, if_none_match=True)
    except BaseException:
        with suppress(StorageError):
            uploads.abort(upload)
        raise
    uploads.forget(name)
    return etag


def _check(held: bool) -> None:
    if not held:
        raise Moved


def _pieces(descriptor: int, size: int, piece_bytes: int) -> Iterator[bytes]:
    """What is in a file up to ``size``, less if it shrinks meanwhile; all but the last are full."""
    offset = 0
    while offset < size:
        want = min(piece_bytes, size - offset)
        piece = _piece(descriptor, want, offset)
        offset += len(piece)
        if len(piece) < want:
            size = offset
        if piece:
            yield piece
        del piece  # or two would be in memory while the next is read


def _piece(descriptor: int, want: int, offset: int) -> bytes:
    """So many bytes from there, fewer at the end of the file; in memory once."""
    read = os.pread(descriptor, want, offset)
    while read and len(read) < want:
        # Only a network's file system, or the end, gives less than was asked for.
        more = os.pread(descriptor, want - len(read), offset + len(read))
        if not more:
            break
        read += more
    return read


def exists(mirror: Mirror, key: str) -> bool:
    """Whether an object is there. Raises StorageError."""
    try:
        mirror.store.head(key)
    except NotFound:
        return False
    return True
