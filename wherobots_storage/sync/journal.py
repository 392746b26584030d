"""The journal: what of the home is in the bucket, in SQLite, valid whenever the process dies.

Write-ahead logging and one transaction a batch: a kill loses at most the batch that was not yet
committed, whose objects are then found by their hash and adopted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from wherobots_storage.errors import JournalError, StorageError
from wherobots_storage.planning.changes import Facts
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.database import Database, check_error, is_damage
from wherobots_storage.sync.migrations import MIGRATIONS
from wherobots_storage.sync.worklist import Paths

SCHEMA_VERSION = len(MIGRATIONS)
_COLUMNS = "path, kind, size, mtime_ns, ctime_ns, inode, mode, sha256, etag, time"
_ROWS_TOGETHER = 50
"""So many rows go with one statement: each one lets other threads run, and waits for its turn."""

_PUT = "INSERT OR REPLACE INTO entries VALUES "
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_MANY = _PUT + ", ".join([_ROW] * _ROWS_TOGETHER)
_SIGN = 2**63
"""Inodes are unsigned and SQLite's integers signed: those past 2**63 are stored shifted."""


class Journal:
    """One home's journal. For one thread; ``put`` and ``forget`` wait for ``commit``."""

    def __init__(self, path: Path) -> None:
        """Open or make it. Raises JournalError when it is corrupt, or newer than this program."""
        self.path = path
        self._waiting: dict[str, Record] = {}
        """Rows that were put and have not gone to the database yet."""
        self._length: int | None = None
        """How many rows there are, until one is written or deleted."""
        self._db = Database(path)
        try:
            self._prepare()
        except BaseException:
            self._db.close()
            raise

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            message = f"The journal {self.path} was written by a newer version of this program."
            raise JournalError(message)
        for reached, script in enumerate(MIGRATIONS[version:], start=version + 1):
            # One transaction each: a kill leaves a whole version, this one or the one before.
            self._db.executescript(
                f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {reached}; COMMIT;"
            )
        verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            message = f"The journal {self.path} is damaged or unreadable: {verdict}."
            raise JournalError(message) from check_error(verdict)

    @property
    def trouble(self) -> StorageError | None:
        """Why it is kept in memory only, while it is: its disk is full, say."""
        return self._db.trouble

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        self._flush()
        if self._length is None:
            self._length = int(self._db.execute("SELECT count(*) FROM entries").fetchone()[0])
        return self._length

    def contents(self) -> int:
        """How many rows are of files and links."""
        self._flush()
        query = "SELECT count(*) FROM entries WHERE kind != 'folder'"
        return int(self._db.execute(query).fetchone()[0])

    def __iter__(self) -> Iterator[Record]:
        """All rows, sorted by path; rows may be written meanwhile, behind a snapshot."""
        last = ""
        while True:
            self._flush()
            # In pages, so that no read transaction stays open while batches are committed.
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM entries WHERE path > ? "  # noqa: S608
                "ORDER BY path LIMIT 1000",
                (last,),
            ).fetchall()
            yield from _records(rows)
            if not rows:
                return
            last = rows[-1][0]

    def facts(self) -> Iterator[list[Facts]]:
        """What tells of all rows whether their files have changed, sorted, a page at a time."""
        last = ""
        query = (
            "SELECT path, size, mtime_ns, ctime_ns, inode, iif(kind = 'file', mode, kind) "
            "FROM entries WHERE path > ? ORDER BY path LIMIT 1000"
        )
        while True:
            self._flush()
            rows = self._db.execute(query, (last,)).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield _unsigned(rows)

    def between(self, first: str, end: str | None, *, page: int = 5000) -> Iterator[Record]:
        """The rows from ``first`` up to ``end`` (exclusive; None: the last), sorted by path."""
        query = (
            f"SELECT {_COLUMNS} FROM entries WHERE path >= ? "  # noqa: S608
            "AND (? IS NULL OR path < ?) ORDER BY path LIMIT ?"
        )
        while True:
            self._flush()
            rows = self._db.execute(query, (first, end, end, page)).fetchall()
            yield from _records(rows)
            if len(rows) < page:
                return
            first = rows[-1][0] + "\0"  # what sorts right after it

    def get(self, path: str) -> Record | None:
        """The row of one path."""
        waiting = self._waiting.get(path)
        if waiting is not None:
            return waiting
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE path = ?",  # noqa: S608
            (path,),
        ).fetchone()
        return _record(row) if row is not None else None

    def undated(self) -> list[Record]:
        """Rows of files that were saved so soon after a change that their ctime proves nothing."""
        self._flush()
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE ctime_ns = 0 AND kind = 'file'"  # noqa: S608
        )
        return [_record(row) for row in rows]

    def oldest_files(self, before: float, most: int) -> list[Record]:
        """Rows of files written before a time (seconds since the epoch), the oldest first.

        Without those that have no ctime: the next scan reads their files in any case.
        """
        return self._by_time("time < ?", before, most)

    def latest_files(self, after: float, most: int) -> list[Record]:
        """The same of those that say they were written after a time, the oldest first."""
        return self._by_time("time > ?", after, most)

    def _by_time(self, condition: str, value: float, most: int) -> list[Record]:
        self._flush()
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM entries WHERE kind = 'file' AND {condition} "  # noqa: S608
            "AND ctime_ns != 0 ORDER BY time LIMIT ?",
            (value, most),
        )
        return [_record(row) for row in rows]

    def has_below(self, folder: str) -> bool:
        """Whether a row lies at or below a folder, given with its slash."""
        self._flush()
        row = self._db.execute(
            "SELECT 1 FROM entries WHERE path >= ? AND path < ? LIMIT 1",
            (folder, folder[:-1] + "0"),
        ).fetchone()
        return row is not None

    def put(self, record: Record) -> None:
        """Write a row, over an older one of the same path."""
        self._waiting[record.path] = record
        if len(self._waiting) >= _ROWS_TOGETHER:
            self._flush()

    def forget(self, path: str) -> None:
        """Delete a row; a missing one is no error."""
        self._flush()
        self.run("DELETE FROM entries WHERE path = ?", (path,))

    def forget_all(self, paths: list[str] | Paths) -> None:
        """Delete many rows, in one transaction: a kill leaves all of them or none."""
        self._flush()
        self._begin()
        self._length = None
        self._db.executemany("DELETE FROM entries WHERE path = ?", _Rows(paths))

    def commit(self) -> None:
        """End the batch: what was written since the last commit now survives a kill."""
        self._flush()
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    def secure(self) -> None:
        """Commit, and wait for the disk: what was written now survives a power cut too."""
        self.commit()
        # No commit waits (synchronous = NORMAL); a checkpoint flushes the log first.
        self._db.execute("PRAGMA wal_checkpoint").fetchone()

    def ask(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """The rows of a query, for the journal's smaller tables."""
        return self._db.execute(query, values).fetchall()

    def run(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Change one of the smaller tables; it waits for ``commit`` like ``put``."""
        self._begin()
        self._length = None
        self._db.execute(statement, values)

    def meta(self, name: str) -> str | None:
        """A fact about the journal itself: ``home``, ``last-synced``, ``leftovers``."""
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row is not None else None

    def set_meta(self, name: str, value: str | None) -> None:
        """Write such a fact (None removes it), and commit."""
        self._begin()
        if value is None:
            self._db.execute("DELETE FROM meta WHERE name = ?", (name,))
        else:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
        self.commit()

    def close(self) -> None:
        """Commit and close; it is closed also when the commit fails."""
        try:
            self.commit()
        finally:
            self._db.close()

    def _flush(self) -> None:
        """Bring the rows that wait to the database, into the transaction that is open."""
        if not self._waiting:
            return
        self._begin()
        self._length = None
        rows = [_signed(record) for record in self._waiting.values()]
        if len(rows) == _ROWS_TOGETHER:
            self._db.execute(_PUT_MANY, [value for row in rows for value in row])
        else:
            self._db.executemany(_PUT + _ROW, rows)
        self._waiting.clear()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN")


class _Rows:
    """Paths as rows of one value, as often as they are gone through."""

    def __init__(self, paths: list[str] | Paths) -> None:
        self._paths = paths

    def __iter__(self) -> Iterator[tuple[str]]:
        return ((path,) for path in self._paths)


def _signed(record: Record) -> Record:
    if record.inode < _SIGN:
        return record
    return record._replace(inode=record.inode - 2 * _SIGN)


_INODE = itemgetter(5)

_INODE_OF_FACTS = itemgetter(4)


def _unsigned(rows: list[Facts]) -> list[Facts]:
    if min(map(_INODE_OF_FACTS, rows)) >= 0:
        return rows
    return [(*row[:4], row[4] + 2 * _SIGN * (row[4] < 0), row[5]) for row in rows]


_make = partial(tuple.__new__, Record)


def _records(rows: list[tuple[object, ...]]) -> Iterator[Record]:
    """The rows as records; where no inode was shifted, without a call for each."""
    if rows and min(map(_INODE, rows)) < 0:
        return map(_record, rows)
    return map(_make, rows)


def _record(row: tuple[object, ...]) -> Record:
    record: Record = Record._make(row)
    if record.inode < 0:
        return record._replace(inode=record.inode + 2 * _SIGN)
    return record


def open_journal(path: Path) -> Journal:
    """Open the journal, setting a damaged one aside.

    Raises JournalError for one that is only out of reach (locked, its disk gone), and for one of
    a newer version: its rows may mean more than we know.
    """
    try:
        return Journal(path)
    except JournalError as error:
        if not is_damage(error.__cause__):
            raise
        set_aside(path, "damaged")
        return Journal(path)


def set_aside(path: Path, why: str) -> Path | None:
    """Rename a closed journal to ``NAME.why-TIME`` and return the new path; the last three stay."""
    if not path.exists():
        return None
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    aside = path.with_name(f"{path.name}.{why}-{time.time_ns()}")
    path.rename(aside)
    older = sorted(path.parent.glob(f"{path.name}.{why}-*"))
    for old in older[:-3]:
        old.unlink(missing_ok=True)
    return aside
