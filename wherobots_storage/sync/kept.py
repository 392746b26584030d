"""Which versions were kept beside another, in the journal, and how they are told.

A row says: the object ``etag`` of ``path`` is, or will be, at ``copy``. So a conflict met twice,
after a kill or in a second restore, makes no second copy. It is listed until the copy was here
and is gone again (somebody has looked after it), or until the restore after that.

A row with a hash is about this home's own version: it was saved at ``copy`` by a final sync that
had to leave the name to another instance.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby

from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.report import Notices

BUCKETS = (
    "The home and the bucket held different versions. The one of the home has the name; the other "
    "is kept beside it as {copy!r} (here after the next restore, if it is not here yet). Keep what "
    "you need and delete the rest."
)
OWN = (
    "Another instance had the bucket's folder when this one saved a last time, so that this home's "
    "version was saved beside it as {copy!r} (here after the next restore, if it is not here yet). "
    "Keep what you need and delete the rest."
)


class KeptVersions:
    """The journal's table of conflicts."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find(self, path: str, etag: str) -> str | None:
        """Where this version of a path was, or was to be, kept."""
        rows = self._journal.ask(
            "SELECT copy FROM conflicts WHERE path = ? AND etag = ? AND sha256 IS NULL "
            "ORDER BY time DESC LIMIT 1",
            (path, etag),
        )
        return str(rows[0][0]) if rows else None

    def paths(self) -> set[str]:
        """The paths of which a version is, or is to be, at another name."""
        return {str(path) for (path,) in self._journal.ask("SELECT path FROM conflicts")}

    def add(self, path: str, etag: str, copy: str, size: int) -> None:
        """Note one, and commit: from now on it survives a kill."""
        self._journal.run(
            "INSERT OR REPLACE INTO conflicts VALUES (?, ?, ?, ?, ?, 0, NULL)",
            (copy, path, etag, size, time.time()),
        )
        self._journal.commit()

    def own(self, path: str) -> frozenset[str]:
        """The hashes of this home's own versions of a path that are saved beside it."""
        rows = self._journal.ask(
            "SELECT sha256 FROM conflicts WHERE path = ? AND sha256 IS NOT NULL", (path,)
        )
        return frozenset(str(row[0]) for row in rows)

    def add_own(self, path: str, sha256: str, copy: str, etag: str, size: int) -> None:
        """Note that this home's own version of a path was saved at ``copy``, and commit."""
        self._journal.run(
            "INSERT OR REPLACE INTO conflicts VALUES (?, ?, ?, ?, ?, 0, ?)",
            (copy, path, etag, size, time.time(), sha256),
        )
        self._journal.commit()

    def drop(self, copy: str) -> None:
        """Note that a copy is no more, and commit."""
        self._journal.run("DELETE FROM conflicts WHERE copy = ?", (copy,))
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
        """One for each path, under the name that the versions want, naming all that are kept."""
        rows = self._journal.ask(
            "SELECT path, copy, size, sha256 FROM conflicts ORDER BY path, time"
        )
        for path, kept in groupby(rows, key=lambda row: row[0]):
            versions = list(kept)
            reasons = [
                (BUCKETS if sha256 is None else OWN).format(copy=copy)
                for _, copy, _, sha256 in versions
            ]
            size = sum(int(str(size)) for _, _, size, _ in versions)
            latest = str(versions[-1][1])
            yield Notice(str(path), "conflict", " ".join(reasons), size, latest)
