"""Looking at a few folders instead of the whole home, in the two sorted streams a plan is made of.

What is not looked at is in neither stream, so that a plan made of them can neither upload nor
delete outside these folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from operator import attrgetter

from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.tree import Directory, Entry, Record, ancestors
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.scan import Scanner

MOST = 500
"""More folders than this are better looked at by a whole scan."""


@dataclass(frozen=True, slots=True)
class Focus:
    """Folders to look at, as paths relative to the home (``""`` is the home itself).

    ``flat`` ones are looked at with their entries, ``deep`` ones with everything below.
    """

    flat: frozenset[str] = frozenset()
    deep: frozenset[str] = frozenset()

    def __or__(self, other: Focus) -> Focus:
        return Focus(self.flat | other.flat, self.deep | other.deep)

    def __bool__(self) -> bool:
        return bool(self.flat or self.deep)

    @property
    def is_wide(self) -> bool:
        """Whether the whole home should be scanned instead."""
        return "" in self.deep or len(self.flat) + len(self.deep) > MOST

    def plain(self) -> Focus:
        """The same without a folder that lies below a deep one."""
        deep = frozenset(path for path in self.deep if not _is_within(path, self.deep - {path}))
        return Focus(frozenset(path for path in self.flat if not _is_within(path, deep)), deep)


def _is_within(path: str, folders: frozenset[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:count]) + "/" in folders for count in range(1, len(parts)))


def streams(
    scanner: Scanner, journal: Journal, rules: IgnoreRules, focus: Focus
) -> tuple[Iterable[Entry], Iterable[Record]]:
    """The entries and the journal's rows of these folders, each sorted by path.

    A folder that is not there any more gives nothing: its rows belong to the folder that it was
    in, whose entries prove that it is gone. One that is there proves that no file has its name, nor
    that of a folder above it: such files' rows come as well. Raises HomeMissing.
    """
    focus = focus.plain()
    entries: list[Iterable[Entry]] = []
    rows: list[Iterable[Record]] = []
    names: set[str] = set()
    for count, folder in enumerate(focus.flat):
        found = list(scanner.scan_folder(folder, rules, again=count > 0))
        if found:
            there = frozenset(entry.path for entry in found[1:] if entry.path.endswith("/"))
            # A folder in it is not looked into, and so is not an entry to plan for either.
            entries.append([found[0], *(one for one in found[1:] if not _is_folder(one))])
            rows.append(_flat_rows(journal, folder, there))
            names.update(_names_of(found[0]))
    for folder in focus.deep:
        below = scanner.scan_folder(folder, rules, deep=True)
        first = next(below, None)
        if first is not None:
            entries.append(chain([first], below))
            rows.append(journal.between(folder, _end(folder)))
            names.update(_names_of(first))
    above = [row for name in sorted(names) if (row := journal.get(name)) is not None]
    by_path = attrgetter("path")
    return merge(*entries, key=by_path), _once(merge(above, *rows, key=by_path))


def _names_of(folder: Entry) -> list[str]:
    """The names, as a file would have them, of a folder that is there and of those above it."""
    if not folder.path or not isinstance(folder, Directory):
        return []
    return [*ancestors(folder.path), folder.path.removesuffix("/")]


def _once(rows: Iterable[Record]) -> Iterator[Record]:
    """Sorted rows without those that come again: a file's name may be in the focus as well."""
    last: str | None = None
    for row in rows:
        if row.path != last:
            yield row
        last = row.path


def _is_folder(entry: Entry) -> bool:
    return isinstance(entry, Directory)


def _end(folder: str) -> str | None:
    """What sorts right after everything in a folder: "0" is the character after the slash."""
    return folder[:-1] + "0" if folder else None


def _flat_rows(journal: Journal, folder: str, there: frozenset[str]) -> Iterator[Record]:
    """The folder's own row, its entries', and all rows of folders in it that are gone."""
    start: str | None = folder
    while start is not None:
        rows, start = journal.between(start, _end(folder), page=200), None
        for row in rows:
            name, slash, _ = row.path[len(folder) :].partition("/")
            if slash and f"{folder}{name}/" in there:
                start = f"{folder}{name}0"  # jump over what is in it
                break
            yield row
