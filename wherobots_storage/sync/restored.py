"""Where a restore is written down: in the journal and in its report."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable

from wherobots_storage.errors import NotFound, PreconditionFailed, StorageError
from wherobots_storage.planning.tree import File, Notice, Record, Remote, Symlink, kind_of
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, OutageDetector
from wherobots_storage.sync.report import Report

BATCH = 200
UNKNOWN_ETAG = ""
"""No marker has it: a row with it is never taken for what the bucket holds."""


class RestoreLedger:
    """One restore's. Whatever writes to it raises HomeMissing when the home went away."""

    def __init__(self, home: Home, mirror: Mirror, journal: Journal, report: Report) -> None:
        self._home = home
        self.journal = journal
        self.report = report
        self.outage = OutageDetector(mirror.ask)
        self._batch = 0

    def entry(self, entry: File | Symlink, sha256: str, etag: str) -> None:
        """A file or link is here, and is this object."""
        facts = (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode, entry.mode)
        self._put(Record(entry.path, kind_of(entry), *facts, sha256, etag, time.time()))

    def folder(self, path: str, etag: str, mode: int) -> None:
        """A folder is here, and this is its marker, with the mode that the marker has."""
        empty = hashlib.sha256(b"").hexdigest()
        self._put(Record(path, "folder", 0, 0, 0, 0, mode, empty, etag, time.time()))

    def announce_folders(self, paths: Iterable[str], mode: int) -> None:
        """Folders are about to be made, and get their own mode at the end.

        Without it a restore that goes on after a kill would take a folder that it had made, with
        the usual ``mode``, for the user's.
        """
        for path in paths:
            if self.journal.get(path) is None:
                self.folder(path, UNKNOWN_ETAG, mode)
        self.journal.commit()

    def forget_announced(self) -> None:
        """Forget those that were not made after all."""
        self.journal.run("DELETE FROM entries WHERE etag = ?", (UNKNOWN_ETAG,))
        self.journal.commit()

    def skip(self, path: str, code: str, reason: str, size: int | None = None) -> None:
        """It cannot be here."""
        self.report.skipped.add(Notice(path, code, reason, size))

    def fail(self, remote: Remote, error: StorageError) -> None:
        """The store failed. Raises a StorageError when that is an outage."""
        if isinstance(error, NotFound | PreconditionFailed):
            return  # Deleted since the listing: nothing to restore any more.
        self.report.leave(Notice(remote.path, error.code, error.message, remote.size))
        self.outage.failure(error)

    def _put(self, row: Record) -> None:
        # What went to a bare mount point would count as deleted once the home is back.
        self._home.check()
        self.journal.put(row)
        self._batch += 1
        if self._batch % BATCH == 0:
            self.journal.commit()
