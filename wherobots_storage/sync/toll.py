"""What a cycle's deletions would take of all that is saved, for the vetoes to judge.

Measured against the journal as it was before the cycle's uploads: new files beside them would make
any loss look small, and encrypted copies of all files would hide it altogether.
"""

from __future__ import annotations

from collections.abc import Iterator

from wherobots_storage.planning.safety import Veto, veto_deletions
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.worklist import Deletions, Uploads

_MOST = 100_000
"""So many new paths are remembered; any more count like old ones, on the safe side."""


class Toll:
    """Of one home's cycles: what looks at a few folders only adds up until the next whole scan."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._saved = 0
        """The journal's rows when the cycle began."""
        self._base: int | None = None
        """Its rows when the first narrow cycle since the last whole scan began."""
        self._fresh: set[str] = set()
        """Paths that came since; what was only renamed to its path is none of them."""
        self._before = 0
        """How many others the narrow cycles have deleted."""
        self._lost = 0
        """How many others the present cycle is to delete."""

    def begin(self, *, narrow: bool) -> None:
        """Count what is saved, before anything is uploaded."""
        self._saved = len(self._journal)
        self._lost = 0
        if narrow and self._base is None:
            self._base = self._saved

    def forgot(self, rows: int) -> None:
        """So many rows were taken away since: what vanished from the bucket is not saved."""
        self._saved -= rows

    def judge(self, deletions: Deletions, uploads: Uploads, *, mirrored: int) -> Veto | None:
        """The veto against the deletions that nobody has agreed to, when new files are uploaded.

        Such as have only been renamed, their very bytes saved under a new name, do not count.
        """
        if not deletions.asking and self._base is None:
            return None
        gone = lost = 0
        for path, renamed in deletions.pairs(self._arrived(uploads)):
            if renamed is None:
                gone += 1
                lost += path not in self._fresh
            elif path not in self._fresh:
                self._fresh.discard(renamed)
        veto = veto_deletions(
            journal_size=self._saved + self._before,
            deletions=gone + self._before if gone else 0,
            mirrored=mirrored,
        )
        if veto is not None or self._base is None:
            return veto
        # What came since the last whole scan counts neither as saved nor as lost.
        self._lost = lost
        return veto_deletions(
            journal_size=self._base,
            deletions=lost + self._before if lost else 0,
            mirrored=mirrored,
        )

    def end(self, deleted: int, *, narrow: bool, vetoed: bool) -> None:
        """The cycle has deleted so many; a whole one without a veto begins the count anew."""
        if narrow:
            self._before += min(deleted, self._lost)
        elif not vetoed:
            self._base, self._before = None, 0
            self._fresh.clear()

    def _arrived(self, uploads: Uploads) -> Iterator[tuple[str, str, str]]:
        """The new paths that are saved by now, with their kind and SHA-256."""
        for path in uploads.new_paths():
            row = self._journal.get(path)
            if row is None:
                continue
            if self._base is not None and len(self._fresh) < _MOST:
                self._fresh.add(path)
            yield row.kind, row.sha256, path
