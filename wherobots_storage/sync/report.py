"""What a cycle or a restore did, and what it left undone."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.planning.safety import Veto
from wherobots_storage.planning.tree import File, Ignored, Mirrored, Notice, Record, Symlink
from wherobots_storage.sync.written import Written

MAX_KEPT = 1000

MAX_STOPPED = 10_000
"""How many paths that met a conflict are remembered."""

MAX_IGNORED = 100
"""How many of the ignored paths are kept: the largest ones."""


class Notices:
    """The first thousand notices, and how many there were."""

    def __init__(self) -> None:
        self._kept: dict[str, Notice] = {}
        self.total = 0

    def add(self, notice: Notice) -> None:
        """Keep one; a second of the same path replaces the first."""
        if notice.path in self._kept:
            self._kept[notice.path] = notice
            return
        self.total += 1
        if len(self._kept) < MAX_KEPT:
            self._kept[notice.path] = notice

    def replace(self, notice: Notice) -> None:
        """Keep one for the one of the same path that was added, whether that was kept or not."""
        self._kept[notice.path] = notice

    def drop(self, path: str) -> None:
        """Of a path that was added, whether its notice was kept or not: it counts no longer."""
        self._kept.pop(path, None)
        self.total = max(len(self._kept), self.total - 1)

    def add_all(self, others: Notices) -> None:
        """Keep what others keep, as far as there is room, and count all of them."""
        notices = list(others)
        for notice in notices:
            self.add(notice)
        self.total += others.total - len(notices)

    def __iter__(self) -> Iterator[Notice]:
        return iter(self._kept.values())


@dataclass(slots=True)
class LeftOut:
    """What the rules leave out: how much it is, and the largest of it."""

    paths: int = 0
    files: int = 0
    bytes: int = 0
    _heap: list[tuple[int, str, int]] = field(default_factory=list)

    def add(self, entry: Ignored) -> None:
        """Count one path, a folder with all below it."""
        self.paths += 1
        self.files += entry.files
        self.bytes += entry.bytes
        change = heapq.heappush if len(self._heap) < MAX_IGNORED else heapq.heappushpop
        change(self._heap, (entry.bytes, entry.path, entry.files))

    def largest(self) -> list[Ignored]:
        """The largest paths, the largest first."""
        return [Ignored(path, files, size) for size, path, files in sorted(self._heap)[::-1]]


@dataclass(slots=True)
class Report:
    """The outcome of one run over the home or the mirror.

    ``left`` counts what should have been done and was not (it changed meanwhile, the store
    failed); ``notices`` that cannot be mirrored, and ``conflicts``, stay until something changes.
    ``refused`` of what is left would be refused again.
    """

    moved: int = 0
    deleted: int = 0
    left_files: int = 0
    left_bytes: int = 0
    refused: int = 0
    on_left: Callable[[str], None] | None = None
    """Told the path of everything that is left: there may be a million, and few ask for them."""
    moving: dict[str, Notice] = field(default_factory=dict)
    """Of what is left the files that changed while they were read."""
    conflicts: Notices = field(default_factory=Notices)
    skipped: Notices = field(default_factory=Notices)
    ignored: LeftOut = field(default_factory=LeftOut)
    veto: Veto | None = None
    held: HeldDeletions | None = None
    """The deletions that the veto holds back; a restore's holds none, it gives its own up."""
    rules_wait: float | None = None
    """In how many seconds an ignore file that lost lines may be believed; None when none did."""
    written: Written | None = None
    """Who names what it writes for the audit log."""

    def wrote(self, path: str) -> None:
        """A path of the home is in the bucket now."""
        self.moved += 1
        self.kept(path)

    def kept(self, path: str) -> None:
        """A path is in the bucket now that need not be one of the home."""
        if self.written is not None:
            self.written.wrote(path)

    def removed(self, path: str) -> None:
        """A path is deleted in the bucket."""
        self.deleted += 1
        if self.written is not None:
            self.written.deleted(path)

    def close(self) -> None:
        """Nothing comes to it any more: the audit log has all of it."""
        if self.written is not None:
            self.written.close()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left that trying again would do."""
        return self.left_files == 0 and self.veto is None

    @property
    def is_quiet(self) -> bool:
        """Whether there was nothing to do, and nothing is left."""
        return self.is_settled and self.moved == 0 and self.deleted == 0

    @property
    def is_complete(self) -> bool:
        """Whether all of the home is in the mirror: nothing left, skipped or in conflict."""
        return self.is_settled and self.skipped.total == 0 and self.conflicts.total == 0

    @property
    def is_stuck(self) -> bool:
        """Whether nothing was done, and all that is left would be refused again."""
        return 0 < self.left_files == self.refused and self.moved == 0 and self.deleted == 0

    def leave(self, notice: Notice, *, refused: bool = False) -> None:
        """Note something to be tried again."""
        self.left_files += 1
        self.refused += refused
        if notice.code == "unsettled":
            self.moving[notice.path] = notice
        self.left_bytes += notice.size or 0
        if self.on_left is not None:
            self.on_left(notice.path)
        self.skipped.add(notice)


class Stops:
    """Paths that met a conflict: left alone until their local side changes, or a retry is asked.

    Of a deletion that was refused the journal's row stands for the local side: a restore that took
    the bucket's version makes it another deletion. Of very many the first are tried again, which
    costs a request each and changes nothing.
    """

    def __init__(self) -> None:
        self._stopped: dict[str, tuple[object, Notice]] = {}

    def stop(self, entry: Mirrored | Record, notice: Notice) -> None:
        """Leave the path alone from now on."""
        self._stopped[notice.path] = (_signature(entry), notice)
        while len(self._stopped) > MAX_STOPPED:
            del self._stopped[next(iter(self._stopped))]

    def find(self, path: str, entry: Mirrored | Record) -> Notice | None:
        """The notice of a path that is stopped and has not changed since, or None."""
        known = self._stopped.get(path)
        if known is None:
            return None
        if known[0] == _signature(entry):
            return known[1]
        del self._stopped[path]
        return None

    def clear(self) -> None:
        """Try them all again."""
        self._stopped.clear()


def _signature(entry: Mirrored | Record) -> object:
    if isinstance(entry, Record):
        return entry.etag
    # Without ctime: what was read right after a change carries none (see ``reading.as_entry``).
    if not isinstance(entry, File | Symlink):
        return None
    return (type(entry), entry.size, entry.mtime_ns, entry.inode)
