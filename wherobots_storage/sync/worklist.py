"""Work that a plan found, kept on disk and handed out small and recent first.

A first sync may have a million uploads: they wait in a private SQLite database, not in memory,
which also knows how many there are, and how many bytes, before the first one begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from types import TracebackType
from typing import Self

from wherobots_storage.planning.backup import Upload
from wherobots_storage.planning.restore import Step
from wherobots_storage.planning.tree import Directory, File, Mirrored, Remote, Symlink, kind_of
from wherobots_storage.sync.database import ScratchDatabase

SMALL_BYTES = 8 * 1024**2
"""Up to this size a file is read to memory and sent in one request."""

_SMALL, _LARGE, _FOLDER, _WAITING, _WAITING_FOLDER = range(5)

_MAKE: dict[str, type[File | Symlink]] = {"file": File, "symlink": Symlink}


class _Spool:
    """A private database on disk with one table."""

    def __init__(self, table: str) -> None:
        self._db = ScratchDatabase()
        self._db.execute(table)
        # One open transaction: without it every row would be one of its own.
        self._db.execute("BEGIN")
        self.files = 0
        self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()


class Uploads(_Spool):
    """Entries to upload."""

    def __init__(self) -> None:
        super().__init__(
            "CREATE TABLE work (path TEXT, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER,"
            " inode TEXT, mode INTEGER, kind TEXT, phase INTEGER, is_new INTEGER)"
        )

    def add(self, upload: Upload) -> None:
        """Keep one for later."""
        entry = upload.entry
        if isinstance(entry, Directory):
            facts: tuple[object, ...] = (entry.path, 0, 0, 0, "0", entry.mode)
            size = 0
        else:
            facts = (*entry[:4], str(entry.inode), entry.mode)
            size = entry.size
        if isinstance(entry, Directory):
            phase = _WAITING_FOLDER if upload.waits else _FOLDER
        elif upload.waits:
            phase = _WAITING
        else:
            phase = _LARGE if size > SMALL_BYTES else _SMALL
        row = (*facts, kind_of(entry), phase, upload.known is None)
        self._db.execute("INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.files += 1
        self.bytes += size

    def small(self) -> Iterator[Mirrored]:
        """What fits into memory: the most recent first, since that is what a user would miss."""
        return self._phase(_SMALL, "mtime_ns DESC")

    def large(self) -> Iterator[Mirrored]:
        """Large files, the smaller ones first."""
        return self._phase(_LARGE, "size")

    def folders(self, *, waiting: bool = False) -> Iterator[Iterator[Mirrored]]:
        """Folders' markers, level by level from the top.

        A store that keeps real folders (SeaweedFS) makes those above an object on its own; a
        marker written at the same moment would lose its mode to such a one.
        """
        phase = _WAITING_FOLDER if waiting else _FOLDER
        found = self._phase(phase, "length(path) - length(replace(path, '/', '')), path")
        for _, level in groupby(found, key=lambda entry: entry.path.count("/")):
            yield level

    def new_paths(self) -> Iterator[str]:
        """The paths that the journal did not have when this was planned."""
        return (path for (path,) in self._db.execute("SELECT path FROM work WHERE is_new"))

    def waiting(self) -> Iterator[Mirrored]:
        """Files and links that can go only after a deletion."""
        return self._phase(_WAITING, "path")

    def _phase(self, phase: int, order: str) -> Iterator[Mirrored]:
        rows = self._db.execute(
            "SELECT kind, path, size, mtime_ns, ctime_ns, CAST(inode AS TEXT), mode FROM work"  # noqa: S608
            f" WHERE phase = ? ORDER BY {order}",
            (phase,),
        )
        for kind, path, size, mtime_ns, ctime_ns, inode, mode in rows:
            if kind == "folder":
                yield Directory(path, mode, empty=True)
            else:
                yield _MAKE[kind](path, size, mtime_ns, ctime_ns, int(inode), mode)


class Downloads(_Spool):
    """Decisions of a restore with their objects; what is local is looked up when they are due."""

    def __init__(self) -> None:
        super().__init__(
            "CREATE TABLE work (step TEXT, path TEXT, size INTEGER, etag TEXT, modified REAL,"
            " shadowed INTEGER)"
        )

    def add(self, step: Step, remote: Remote) -> None:
        """Keep one for later."""
        self._db.execute("INSERT INTO work VALUES (?, ?, ?, ?, ?, ?)", (step.name, *remote))
        self.files += 1
        self.bytes += remote.size

    def new_folders(self) -> list[str]:
        """The markers of folders to make."""
        rows = self._db.execute(
            "SELECT path FROM work WHERE step = ? AND substr(path, -1) = '/'", (Step.RESTORE.name,)
        )
        return [path for (path,) in rows]

    def steps(self, *, large: bool) -> Iterator[tuple[Step, Remote]]:
        """The small ones in the order of their paths, or the large ones."""
        sign = ">" if large else "<="
        rows = self._db.execute(
            f"SELECT * FROM work WHERE size {sign} ? ORDER BY path",  # noqa: S608
            (SMALL_BYTES,),
        )
        for step, path, size, etag, modified, shadowed in rows:
            yield Step[step], Remote(path, size, etag, modified, bool(shadowed))
