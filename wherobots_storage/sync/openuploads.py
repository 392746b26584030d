"""Multipart uploads under way, in the journal, so that the next cycle or process goes on with them.

A row is written before the upload is begun, and gets its id after: whatever is killed in between
is found again by its key and its time. A part is noted with the SHA-256 of all bytes up to its
end, so that it is used again only for a file that begins with the very same bytes.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import NamedTuple

from wherobots_storage.errors import AccessDenied, NotSupported, StorageError, UnexpectedAnswer
from wherobots_storage.planning.tree import File
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.reading import Content
from wherobots_storage.sync.scan import examine

log = logging.getLogger("wherobots_storage.agent")

OLD_SECONDS = 7 * 86_400.0
"""An upload that nobody went on with for so long (its file is ignored now, say) is given up."""

CLOCK_SECONDS = 60.0
"""How far the store's clock may be behind ours when an upload without an id is looked for."""


class OpenUpload(NamedTuple):
    """An upload of one version of a file; ``upload_id`` is empty while it is being begun."""

    path: str
    upload_id: str
    part_bytes: int
    size: int
    mtime_ns: int
    mode: int
    sha256: str
    started: float

    def is_of(self, content: Content) -> bool:
        """Whether it was begun for just this, bytes and metadata."""
        entry = content.entry
        if not isinstance(entry, File) or content.sha256 != self.sha256:
            return False
        return (entry.size, entry.mtime_ns, entry.mode) == (self.size, self.mtime_ns, self.mode)


class SentPart(NamedTuple):
    """A part that arrived; ``hash`` is its SHA-256.

    The journal's column is named for what it held before: that of the file up to the part's end.
    Where that is still found, it is the hash of no part, but of the first.
    """

    etag: str
    hash: str


class OpenUploads:
    """The journal's tables of uploads under way, and how they end without an object."""

    def __init__(self, mirror: Mirror, journal: Journal) -> None:
        self._mirror = mirror
        self._journal = journal

    def find(self, path: str) -> OpenUpload | None:
        """The upload under way of a path."""
        rows = self._journal.ask("SELECT * FROM uploads WHERE path = ?", (path,))
        return OpenUpload._make(rows[0]) if rows else None

    def begin(self, content: Content, part_bytes: int, metadata: dict[str, str]) -> OpenUpload:
        """Begin one. Raises what the store raises."""
        entry = content.entry
        assert isinstance(entry, File)  # noqa: S101  # only files are large
        facts = (entry.size, entry.mtime_ns, entry.mode, content.sha256)
        return self._begin(OpenUpload(entry.path, "", part_bytes, *facts, time.time()), metadata)

    def begin_beside(
        self, path: str, part_bytes: int, size: int, metadata: dict[str, str]
    ) -> OpenUpload:
        """Begin one of a name that no file here has; what is left of it, a sweep gives up."""
        upload = OpenUpload(path, "", part_bytes, size, 0, 0, "", time.time())
        return self._begin(upload, metadata)

    def _begin(self, upload: OpenUpload, metadata: dict[str, str]) -> OpenUpload:
        self._write(upload)
        key = self._mirror.key(upload.path)
        upload_id = self._mirror.store.create_multipart(key, metadata=metadata)
        upload = upload._replace(upload_id=upload_id)
        self._write(upload)
        return upload

    def _write(self, upload: OpenUpload) -> None:
        marks = ", ".join("?" * len(upload))
        self._journal.run(f"INSERT OR REPLACE INTO uploads VALUES ({marks})", upload)  # noqa: S608
        self._journal.commit()

    def add_part(self, upload: OpenUpload, number: int, part: SentPart) -> None:
        """Note a part that arrived."""
        self._journal.run(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", (upload.path, number, *part)
        )
        self._journal.commit()

    def parts(self, upload: OpenUpload) -> dict[int, SentPart]:
        """The parts that were noted and that the store still has, by number.

        Raises NoSuchUpload when it is gone, and then it is forgotten.
        """
        rows = self._journal.ask(
            "SELECT number, etag, prefix FROM parts WHERE path = ?", (upload.path,)
        )
        noted = {int(str(row[0])): SentPart(str(row[1]), str(row[2])) for row in rows}
        key = self._mirror.key(upload.path)
        try:
            there = {
                part.number: part.etag
                for part in self._mirror.store.list_parts(key, upload.upload_id)
            }
        except (AccessDenied, NotSupported):
            return noted  # Completing tells whether they are there.
        return {number: part for number, part in noted.items() if there.get(number) == part.etag}

    def forget(self, path: str) -> None:
        """Strike an upload that has ended; it waits for the journal's commit."""
        self._journal.run("DELETE FROM uploads WHERE path = ?", (path,))
        self._journal.run("DELETE FROM parts WHERE path = ?", (path,))

    def abort(self, upload: OpenUpload) -> None:
        """Give one up, its parts too. Raises what the store raises, and it is kept then."""
        store, key = self._mirror.store, self._mirror.key(upload.path)
        with suppress(AccessDenied, NotSupported, UnexpectedAnswer):
            if upload.upload_id:
                store.abort_multipart(key, upload.upload_id)
            else:
                for found in store.list_uploads(key):
                    # Others may have uploads of this name too: not those begun before ours.
                    ours = found.initiated >= upload.started - CLOCK_SECONDS
                    if found.key == key and ours:
                        store.abort_multipart(key, found.upload_id)
        self.forget(upload.path)
        self._journal.commit()

    def sweep(self, home: Home) -> None:
        """Give up those whose file is gone, has changed, or is saved already."""
        for row in self._journal.ask("SELECT * FROM uploads"):
            upload = OpenUpload._make(row)
            if self._is_left_over(home, upload):
                self._try_to_abort(upload)

    def abandon(self) -> None:
        """Give all up, as far as the store answers: their journal is set aside."""
        for row in self._journal.ask("SELECT * FROM uploads"):
            self._try_to_abort(OpenUpload._make(row))

    def _try_to_abort(self, upload: OpenUpload) -> None:
        try:
            self.abort(upload)
        except StorageError as error:
            log.warning("an unfinished upload of %s stays: %s", upload.path, error.message)

    def _is_left_over(self, home: Home, upload: OpenUpload) -> bool:
        known = self._journal.get(upload.path)
        if known is not None and known.sha256 == upload.sha256:
            return True
        try:
            entry = examine(home.path, upload.path)
        except OSError:
            return False  # What cannot be examined has not changed.
        if not isinstance(entry, File) or time.time() - upload.started > OLD_SECONDS:
            return True
        return (entry.size, entry.mtime_ns) != (upload.size, upload.mtime_ns)
