"""What a scan finds in one folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter

from wherobots_storage.planning.tree import Directory, Entry, Mirrored

_path: Callable[[Entry], str] = itemgetter(0)
"""Every kind of entry has it first; this is called for every file of every scan."""

RUN = 500
"""So many entries come together at the most: between two runs of a scan others have their turn."""


class Children:
    """A folder's entries; subfolders not yet opened."""

    __slots__ = ("complete", "entries", "ours")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.complete = True
        """Whether all of them could be examined."""
        self.ours = False
        """Whether something reserved is among them: nobody made such a folder to be empty."""

    def sort(self) -> None:
        """Sort them by path, and keep the later one of paths that are there twice.

        A name that is replaced while its folder is read may be given twice (readdir(3) leaves it
        open; XFS does so).
        """
        entries = self.entries
        entries.sort(key=_path)
        if len(set(map(_path, entries))) != len(entries):
            entries[:] = {entry.path: entry for entry in entries}.values()

    def runs(self) -> Iterator[list[Entry] | Directory]:
        """The sorted entries: each subfolder by itself, and those between them together."""
        entries = self.entries
        folders = [at for at, kind in enumerate(map(type, entries)) if kind is Directory]
        start = 0
        for end in (*folders, len(entries)):
            for first in range(start, end, RUN):
                yield entries[first : min(first + RUN, end)]
            if end < len(entries):
                yield self._folder(end)
            start = end + 1

    def _folder(self, at: int) -> Directory:
        folder = self.entries[at]
        assert isinstance(folder, Directory)  # noqa: S101  # for the type checker
        return folder


def directory_of(path: str, mode: int, children: Children) -> Directory:
    """The folder that has these entries."""
    nothing = not any(isinstance(entry, Mirrored) for entry in children.entries)
    empty = nothing and children.complete and not children.ours
    return Directory(path, mode & 0o777, empty, children.complete)
