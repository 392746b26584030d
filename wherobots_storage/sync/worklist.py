"""Work that a plan found, kept on disk and handed out small and recent first.

A first sync may have a million uploads, and an emptied home as many deletions: they wait in a
private SQLite database, not in memory, which also knows how many there are, and how many bytes,
before the first one begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from itertools import groupby

from wherobots_storage.planning.backup import Upload
from wherobots_storage.planning.restore import Step
from wherobots_storage.planning.tree import (
    Directory,
    File,
    Mirrored,
    Record,
    Remote,
    Symlink,
    kind_of,
)
from wherobots_storage.sync.database import Scratch

SMALL_BYTES = 8 * 1024**2
"""Up to this size a file is read to memory and sent in one request."""

DIGEST_DIGITS = 32
"""How much of a SHA-256, in hexadecimal digits, names a list of deletions."""

_SMALL, _LARGE, _FOLDER, _WAITING, _WAITING_FOLDER = range(5)

_MAKE: dict[str, type[File | Symlink]] = {"file": File, "symlink": Symlink}


class _Spool(Scratch):
    """A private database on disk with one table."""

    def __init__(self, table: str) -> None:
        super().__init__()
        self._db.execute(table)
        # One open transaction: without it every row would be one of its own.
        self._db.execute("BEGIN")
        self.files = 0
        self.bytes = 0


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

    def without_folders(self) -> tuple[int, int]:
        """How many files and links there are, and how many bytes they have."""
        query = "SELECT count(*), coalesce(sum(size), 0) FROM work WHERE kind != 'folder'"
        files, size = self._db.execute(query).fetchone()
        return files, size

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


class Deletions(_Spool):
    """Journal rows whose path is gone from the home; somebody may have agreed to some of them.

    ``asking`` counts those to which nobody has, ``asking_bytes`` their sizes; ``contents`` counts
    files and links.
    """

    def __init__(self) -> None:
        super().__init__(
            "CREATE TABLE work (path TEXT PRIMARY KEY, kind TEXT, size INTEGER, mtime_ns INTEGER,"
            " ctime_ns INTEGER, inode TEXT, mode INTEGER, sha256 TEXT, etag TEXT, time REAL,"
            " agreed INTEGER) WITHOUT ROWID"
        )
        self.asking = 0
        self.asking_bytes = 0
        self.contents = 0

    def add(self, record: Record, *, agreed: bool = False) -> None:
        """Keep one for later."""
        row = (*record._replace(inode=str(record.inode)), agreed)  # type: ignore[arg-type]
        self._db.execute("INSERT INTO work VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.files += 1
        self.bytes += record.size
        self.contents += record.kind != "folder"
        if not agreed:
            self.asking += 1
            self.asking_bytes += record.size

    def allow(self) -> None:
        """Agree to all of them."""
        self._db.execute("UPDATE work SET agreed = 1 WHERE NOT agreed")
        self.asking = self.asking_bytes = 0

    def held(self) -> Iterator[Record]:
        """Those to which nobody has agreed, sorted by path."""
        return self._records("NOT agreed ORDER BY path")

    def asks(self, path: str, etag: str) -> bool:
        """Whether this version of a path is among those to which nobody has agreed."""
        query = "SELECT 1 FROM work WHERE path = ? AND etag = ? AND NOT agreed"
        return self._db.execute(query, (path, etag)).fetchone() is not None

    def files_to_go(self) -> Iterator[Record]:
        """The files and links that may be deleted, sorted by path."""
        return self._records("agreed AND kind != 'folder' ORDER BY path")

    def markers_to_go(self) -> Iterator[Record]:
        """The folders' markers that may be deleted, the deepest first."""
        return self._records("agreed AND kind = 'folder' ORDER BY path DESC")

    def digest(self) -> str:
        """Names those to which nobody has agreed: their paths, and which version of each it is."""
        digest = hashlib.sha256()
        for row in self._db.execute(
            "SELECT path, kind, size, sha256, etag FROM work WHERE NOT agreed ORDER BY path"
        ):
            digest.update("\0".join(map(str, row)).encode() + b"\0\n")
        return digest.hexdigest()[:DIGEST_DIGITS]

    def pairs(self, arrived: Iterable[tuple[str, str, str]]) -> Iterator[tuple[str, str | None]]:
        """The paths to which nobody has agreed, each with a new path that has its very bytes.

        ``arrived`` are new ones, as kind, SHA-256 and path. Each stands for one deletion: of sixty
        empty files one is left in a new one.
        """
        self._db.execute("DROP TABLE IF EXISTS arrived")
        self._db.execute("CREATE TABLE arrived (kind TEXT, sha256 TEXT, path TEXT)")
        self._db.executemany("INSERT INTO arrived VALUES (?, ?, ?)", arrived)
        order = "ORDER BY kind, sha256, path"
        came = self._db.execute(f"SELECT kind, sha256, path FROM arrived {order}")  # noqa: S608
        new = next(came, None)
        for kind, sha256, path in self._db.execute(
            f"SELECT kind, sha256, path FROM work WHERE NOT agreed {order}"  # noqa: S608
        ):
            while new is not None and new[:2] < (kind, sha256):
                new = next(came, None)
            if new is None or new[:2] != (kind, sha256):
                yield path, None
                continue
            yield path, new[2]
            new = next(came, None)

    def _records(self, which: str) -> Iterator[Record]:
        for row in self._db.execute(f"SELECT * FROM work WHERE {which}"):  # noqa: S608
            record = Record._make(row[:-1])
            yield record._replace(inode=int(record.inode))


class Paths(_Spool):
    """Paths, in the order in which they came; gone through as often as one likes."""

    def __init__(self) -> None:
        super().__init__("CREATE TABLE work (path TEXT)")

    def add(self, path: str) -> None:
        """Keep one for later."""
        self._db.execute("INSERT INTO work VALUES (?)", (path,))
        self.files += 1

    def drop(self, paths: Iterable[str]) -> None:
        """Keep these no longer."""
        for path in paths:
            self.files -= self._db.execute("DELETE FROM work WHERE path = ?", (path,)).rowcount

    def __len__(self) -> int:
        return self.files

    def __iter__(self) -> Iterator[str]:
        return (path for (path,) in self._db.execute("SELECT path FROM work ORDER BY rowid"))

    def deepest_first(self) -> Iterator[str]:
        """Each once, whatever lies in a folder before the folder."""
        rows = self._db.execute("SELECT DISTINCT path FROM work ORDER BY path DESC")
        return (path for (path,) in rows)


class PathSet(_Spool):
    """Paths, each once, sorted."""

    def __init__(self) -> None:
        super().__init__("CREATE TABLE work (path TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, path: str) -> None:
        """Keep one; one that is there already is no error."""
        self.files += self._db.execute("INSERT OR IGNORE INTO work VALUES (?)", (path,)).rowcount

    def __len__(self) -> int:
        return self.files

    def __contains__(self, path: object) -> bool:
        query = "SELECT 1 FROM work WHERE path = ?"
        return self._db.execute(query, (path,)).fetchone() is not None

    def __iter__(self) -> Iterator[str]:
        return (path for (path,) in self._db.execute("SELECT path FROM work ORDER BY path"))


class Markers(_Spool):
    """Folders that a restore made, with the ETag and the mode of each; the deepest first."""

    def __init__(self) -> None:
        super().__init__("CREATE TABLE work (path TEXT, etag TEXT, mode INTEGER)")

    def add(self, path: str, etag: str, mode: int) -> None:
        """Keep one for later."""
        self._db.execute("INSERT INTO work VALUES (?, ?, ?)", (path, etag, mode))
        self.files += 1

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        return iter(self._db.execute("SELECT path, etag, mode FROM work ORDER BY path DESC"))


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

    def new_folders(self) -> Iterator[str]:
        """The markers of folders to make."""
        rows = self._db.execute(
            "SELECT path FROM work WHERE step = ? AND substr(path, -1) = '/'", (Step.RESTORE.name,)
        )
        return (path for (path,) in rows)

    def steps(self, *, large: bool) -> Iterator[tuple[Step, Remote]]:
        """The small ones in the order of their paths, or the large ones."""
        sign = ">" if large else "<="
        rows = self._db.execute(
            f"SELECT * FROM work WHERE size {sign} ? ORDER BY path",  # noqa: S608
            (SMALL_BYTES,),
        )
        for step, path, size, etag, modified, shadowed in rows:
            yield Step[step], Remote(path, size, etag, modified, bool(shadowed))
