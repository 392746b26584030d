"""Which versions were kept beside another, in the journal, and how they are told.

A row says: the object ``etag`` of ``path`` is, or will be, at ``copy``. So a conflict met twice,
after a kill or in a second restore, makes no second copy. It is listed until the copy was here
and is gone again (somebody has looked after it), or until the restore after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.report import Notices


class KeptVersions:
    """The journal's table of conflicts."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find(self, path: str, etag: str) -> str | None:
        """Where this version of a path was, or was to be, kept."""
        rows = self._journal.ask(
            "SELECT copy FROM conflicts WHERE path = ? AND etag = ? ORDER BY time DESC LIMIT 1",
            (path, etag),
        )
        return str(rows[0][0]) if rows else None

    def add(self, path: str, etag: str, copy: str, size: int) -> None:
        """Note one, and commit: from now on it survives a kill."""
        self._journal.run(
            "INSERT OR REPLACE INTO conflicts VALUES (?, ?, ?, ?, ?, 0)",
            (copy, path, etag, size, time.time()),
        )
        self._journal.commit()

    def tidy(self) -> None:
        """Drop those whose copy was here and is gone; the others that are here are marked so."""
        for copy, here in self._journal.ask("SELECT copy, here FROM conflicts"):
            found = self._journal.get(str(copy)) is not None
            if found and not here:
                self._journal.run("UPDATE conflicts SET here = 1 WHERE copy = ?", (copy,))
            elif here and not found:
                self._journal.run("DELETE FROM conflicts WHERE copy = ?", (copy,))
        self._journal.commit()

    def begin_restore(self, in_bucket: Callable[[str], bool]) -> None:
        """Drop those that were here before this restore, and those whose copy is nowhere."""
        self._journal.run("DELETE FROM conflicts WHERE here = 1")
        for copy, path in self._journal.ask("SELECT copy, path FROM conflicts"):
            # Its name's object may still be the version that is to be kept.
            if not in_bucket(str(copy)) and not in_bucket(str(path)):
                self._journal.run("DELETE FROM conflicts WHERE copy = ?", (copy,))
        self._journal.commit()

    def listed(self, *met: Iterable[Notice]) -> Notices:
        """All conflicts to show: those that a cycle met and could not settle, and the kept ones."""
        self.tidy()
        found = Notices()
        for notice in chain(*met, self.notices()):
            found.add(notice)
        return found

    def notices(self) -> Iterator[Notice]:
        """Each as it is listed, under the name that both versions want."""
        rows = self._journal.ask("SELECT path, copy, size FROM conflicts ORDER BY path, time")
        for path, copy, size in rows:
            reason = (
                "The home and the bucket held different versions. The one of the home has the "
                f"name; the other is kept beside it as {copy!r} (here after the next restore, if "
                "it is not here yet). Keep what you need and delete the rest."
            )
            yield Notice(str(path), "conflict", reason, int(str(size)), str(copy))
