"""Files that a power cut broke, in the journal, listed until each is whole again.

A row goes when the path has one of its own again: it was restored, or saved anew. Of what is not in
the bucket either only the trash has something left; it is listed until somebody took it from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import TRASH
from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal

CODE = "power-cut"

_REASON = (
    "A power cut, or a reset of the machine, broke it after it was saved. {left} Its saved version "
    "comes by itself with the restore at the next start, or now: wherobots-storage restore."
)
_LEFT = "What is left of it is in {folder}/."
_GONE = "Nothing is left of it here."


class BrokenFiles:
    """The journal's table of them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def add(self, paths: Iterable[str]) -> None:
        """Note paths that have rows, in the transaction that takes these away."""
        for path in paths:
            self._journal.run(
                "INSERT OR REPLACE INTO broken SELECT path, size, NULL FROM entries WHERE path = ?",
                (path,),
            )

    def put_aside(self, path: str, stamp: str) -> None:
        """Note that what is left of one is in the trash's folder of this name."""
        self._journal.run("UPDATE broken SET trash = ? WHERE path = ?", (stamp, path))

    def restored(self, home: Home) -> None:
        """A restore ended: what it did not bring is listed while the trash has something of it."""
        for path, trash in self._journal.ask("SELECT path, trash FROM broken"):
            if trash is None or not os.path.lexists(home.work / TRASH / str(trash) / str(path)):
                self._journal.run("DELETE FROM broken WHERE path = ?", (path,))
        self._journal.commit()

    def listed(self, most: int) -> tuple[list[Notice], int]:
        """The first of those that are not whole again, and how many there are."""
        if not self._journal.ask("SELECT 1 FROM broken LIMIT 1"):
            return [], 0
        self._journal.commit()  # rows that wait for it count
        self._journal.run("DELETE FROM broken WHERE path IN (SELECT path FROM entries)")
        self._journal.commit()
        ((total,),) = self._journal.ask("SELECT count(*) FROM broken")
        rows = self._journal.ask("SELECT path, size, trash FROM broken LIMIT ?", (most,))
        return [_notice(*row) for row in rows], int(str(total))


def _notice(path: object, size: object, trash: object) -> Notice:
    folder = f"{RESERVED_NAME}/{TRASH}/{trash}"
    left = _GONE if trash is None else _LEFT.format(folder=folder)
    return Notice(str(path), CODE, _REASON.format(left=left), int(str(size)))
