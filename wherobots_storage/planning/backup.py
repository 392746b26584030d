"""What a sync should do: the home's scan and the journal in, a stream of actions out.

Both streams are sorted by path and walked once, side by side, so that a plan for a home of any
size needs no more memory than its deepest folder's names.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from wherobots_storage.planning.merge import pair
from wherobots_storage.planning.tree import (
    OTHER_FILESYSTEM,
    Directory,
    Entry,
    Ignored,
    Mirrored,
    Problematic,
    Record,
    ancestors,
    is_unchanged,
)


class Upload(NamedTuple):
    """Bring a new or changed entry to the mirror; ``known`` is its journal row, if it has one.

    ``waits``: the name changed its type (``a`` became ``a/``, or the reverse), so the deletion of
    what stood there has to succeed first.
    """

    entry: Mirrored
    known: Record | None
    waits: bool = False


class Delete(NamedTuple):
    """Delete the remote object of a path that is in the journal and was not found locally."""

    record: Record


class Forget(NamedTuple):
    """Take a path out of the journal: it is gone here, and its remote copy stays all the same.

    The user's rules ignore it, or something is mounted over it, so that nobody can tell what its
    absence is to mean.
    """

    record: Record


class Skip(NamedTuple):
    """List an entry that cannot be mirrored."""

    entry: Problematic


class Leave(NamedTuple):
    """Count an entry that the user's rules ignore; its remote copy, if any, stays."""

    entry: Ignored


Action = Upload | Delete | Forget | Skip | Leave

_UNMIRRORED = (Problematic, Ignored)


def nothing_ignored(_path: str) -> bool:
    """The rules of a home without any."""
    return False


def plan_backup(
    local: Iterable[Entry],
    journal: Iterable[Record],
    *,
    folder_mode: int,
    ignored: Callable[[str], bool] = nothing_ignored,
) -> Iterator[Action]:
    """The actions that bring the mirror to what ``local`` is, in no particular order.

    ``folder_mode`` is the mode of a folder that needs no marker of its own: 0777 less the umask.
    ``ignored`` tells of a path that is not there whether the rules would leave it out. Raises
    UnsortedStreamError when a stream is not sorted by path.
    """
    return plan_pairs(pair(local, journal), folder_mode=folder_mode, ignored=ignored)


def plan_pairs(
    pairs: Iterable[tuple[Entry | None, Record | None]],
    *,
    folder_mode: int,
    ignored: Callable[[str], bool] = nothing_ignored,
) -> Iterator[Action]:
    """The same of entries and rows that stand side by side; unchanged ones may be left out."""
    planner = _Planner(folder_mode, ignored)
    for entry, record in pairs:
        # The common case first: nothing changed, nothing to do.
        if (
            entry is not None
            and record is not None
            and not isinstance(entry, _UNMIRRORED)
            and is_unchanged(entry, record)
        ):
            continue
        yield from planner.take(entry, record)
    yield from planner.finish()


class _Planner:
    """The little that has to be remembered between one path and the next."""

    def __init__(self, folder_mode: int, ignored: Callable[[str], bool]) -> None:
        self._folder_mode = folder_mode
        self._ignored = ignored
        self._cover: str | None = None
        """Below this folder nothing may be taken for deleted."""
        self._mounted: str | None = None
        """What is below this folder lies on what is mounted there."""
        self._retyped: str | None = None
        """This folder stands where the journal has a file or a link."""
        self._deleted: list[str] = []
        """Deleted files and links whose name a folder further on may have; see ``_pass``."""
        self._held: dict[str, Upload] = {}
        """New files that wait to see whether the journal has a folder of their name."""
        self._ends: list[tuple[str, str]] = []

    def take(self, entry: Entry | None, record: Record | None) -> Iterator[Action]:
        """The actions for one path."""
        path = entry.path if entry is not None else record.path  # type: ignore[union-attr]
        self._pass(path)
        yield from self._release(path)
        if entry is None:
            if record is None:
                return
            if self._is_below(self._mounted, path):
                yield Forget(record)
            elif not self._is_below(self._cover, path):
                yield Forget(record) if self._ignored(path) else self._delete(record)
        elif isinstance(entry, Problematic):
            self._cover_folder(path)
            yield Skip(entry)
            if entry.code == OTHER_FILESYSTEM:
                self._mounted = path if path.endswith("/") else self._mounted
                if record is not None:
                    yield Forget(record)
        elif isinstance(entry, Ignored):
            self._cover_folder(path)
            yield Leave(entry)
        else:
            yield from self._mirror(entry, record)

    def finish(self) -> Iterator[Action]:
        """What was still held back."""
        yield from self._held.values()

    def _mirror(self, entry: Mirrored, record: Record | None) -> Iterator[Action]:
        path = entry.path
        if isinstance(entry, Directory):
            if not entry.complete:
                self._cover_folder(path)
            if self._deleted and not self._is_below(self._retyped, path):
                self._retyped = self._stands_for_deleted(path)
            if not self._needs_marker(entry, record):
                return
        upload = Upload(entry, record, self._is_below(self._retyped, path))
        if record is None and not isinstance(entry, Directory):
            self._held[path] = upload
            # Every path below "a/" sorts before "a0", "0" being the character after the slash.
            heapq.heappush(self._ends, (path + "0", path))
        else:
            yield upload

    def _stands_for_deleted(self, folder: str) -> str | None:
        """The folder, or one above it, that has the name of a deleted file or link."""
        # One above: of a few folders that are looked at those above are no entries.
        names = (*ancestors(folder), folder.rstrip("/"))
        return next((f"{name}/" for name in names if name in self._deleted), self._retyped)

    def _needs_marker(self, entry: Directory, record: Record | None) -> bool:
        # A marker that is there stays while the folder does: taking it away when the folder
        # fills, and putting it back when it empties, would be two requests for nothing.
        if not entry.path:
            return False
        if record is not None:
            return record.mode != entry.mode or record.kind != "folder"
        return entry.empty or entry.mode != self._folder_mode

    def _delete(self, record: Record) -> Delete:
        if not record.path.endswith("/"):
            self._deleted.append(record.path)
        for name in ancestors(record.path):
            self._wait(name)
        if record.path.endswith("/"):
            self._wait(record.path[:-1])
        return Delete(record)

    def _wait(self, path: str) -> None:
        held = self._held.get(path)
        if held is not None:
            self._held[path] = held._replace(waits=True)

    def _pass(self, path: str) -> None:
        # What can follow "a" before "a/" ends at "a0", and so does whatever was deleted in
        # between: the list is a stack, as deep as names begin with one another.
        while self._deleted and self._deleted[-1] + "0" <= path:
            self._deleted.pop()

    def _release(self, path: str) -> Iterator[Upload]:
        while self._ends and self._ends[0][0] <= path:
            yield self._held.pop(heapq.heappop(self._ends)[1])

    def _cover_folder(self, path: str) -> None:
        is_folder = path.endswith("/") or not path
        if is_folder and not self._is_below(self._cover, path):
            self._cover = path

    @staticmethod
    def _is_below(folder: str | None, path: str) -> bool:
        return folder is not None and path.startswith(folder)
