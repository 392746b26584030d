"""SQLite connections whose failures are StorageErrors, and one that outlives a full disk.

A disk that is full must not end the saving of a home: the final sync of a server whose user filled
the disk is the last chance for what is on it. So a database that cannot be written any more goes
on as a copy in memory, and comes back to the disk when it can.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from wherobots_storage.errors import DiskFull, JournalError, StorageError

log = logging.getLogger("wherobots_storage.agent")

RETURN_SECONDS = 5.0
"""How often a database in memory tries to come back to its disk."""

LOG_PAGES = 4000
"""So many pages, of 4 KiB, the log may have before it is brought to the database: that waits for
the disk, and while a restore writes thousands of files it waits for all of theirs."""

_UNWRITABLE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMMAP,
}
_SOUND = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
_UNREAD = re.compile(r"error code=(\d+)")


def is_damage(error: BaseException | None) -> bool:
    """Whether an error says that the file is no sound database, not that it is out of reach."""
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if code == sqlite3.SQLITE_IOERR_SHORT_READ:
        return True  # "might be due to a truncated file" (sqlite.org, "Result and Error Codes")
    return code not in _UNWRITABLE and code & 0xFF not in _SOUND


def check_error(verdict: str) -> sqlite3.DatabaseError:
    """What ``PRAGMA quick_check`` found, as an error.

    A page that could not be read is told in the verdict too, with the code of the failure (SQLite's
    checkTreePage: "unable to get the page. error code=266").
    """
    error = sqlite3.DatabaseError(verdict)
    unread = _UNREAD.search(verdict)
    if unread is not None:
        error.sqlite_errorcode = int(unread[1])
    return error


def _is_unwritable(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0)
    return code in _UNWRITABLE or code & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY}


class Database:
    """A database file with write-ahead logging. For one thread. Raises JournalError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._disk: sqlite3.Connection | None = None
        """The connection to the file, while the one in use is a copy in memory."""
        self._begun: list[tuple[str, Iterable[Any], bool]] = []
        """What the open transaction did, to be done again in memory; with many rows, or one."""
        self._next_try = 0.0
        self.trouble: StorageError | None = None
        """Why it is in memory only, while it is."""
        self._db = self._connect()

    def _connect(self) -> sqlite3.Connection:
        try:
            db = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        try:
            _use_log(db)
        except sqlite3.Error as error:
            db.close()
            if not _is_unwritable(error):
                raise self._failure(error) from error
            return self._read_to_memory(error)
        return db

    def _read_to_memory(self, why: sqlite3.Error) -> sqlite3.Connection:
        """What a file holds that not even its index can be made for."""
        memory = sqlite3.connect(":memory:", isolation_level=None)
        try:
            self._disk = sqlite3.connect(self._path, isolation_level=None, timeout=10)
            # With the file to itself SQLite keeps the index of its log in memory (sqlite.org,
            # "Use of WAL Without Shared-Memory").
            self._disk.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._disk.backup(memory)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._tell(why)
        return memory

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._db.in_transaction

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement. A COMMIT may bring the database back to its disk."""
        try:
            cursor = self._db.execute(sql, values)
        except OverflowError as error:
            raise JournalError(f"A number is too large for the journal {self._path}.") from error
        except sqlite3.Error as error:
            self._leave_disk(error)
            cursor = self._db.execute(sql, values)
        if self._db.in_transaction:
            if not sql.startswith("SELECT"):
                self._begun.append((sql, values, False))
        elif self._begun:
            self._begun.clear()
            if self._disk is not None and time.monotonic() >= self._next_try:
                self._return_to_disk()
        return cursor

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row, in the transaction that is open.

        ``rows`` are kept as they are until it ends, and may be gone through more than once: those
        of a list on disk stay there, however many they are.
        """
        try:
            self._db.executemany(sql, rows)
        except OverflowError as error:
            raise JournalError(f"A number is too large for the journal {self._path}.") from error
        except sqlite3.Error as error:
            self._leave_disk(error)
            self._db.executemany(sql, rows)
        self._begun.append((sql, rows, True))

    def executescript(self, sql: str) -> None:
        """Run statements that begin and end their own transaction."""
        try:
            self._db.executescript(sql)
        except sqlite3.Error as error:
            self._leave_disk(error)
            self._db.executescript(sql)

    def close(self) -> None:
        """Close it; what is in memory only is tried to be brought to the disk a last time."""
        if self._disk is not None:
            self._return_to_disk()
        if self._disk is not None:
            log.warning("the journal could not be written: files are compared again at the start")
            self._disk.close()
        self._db.close()

    def _leave_disk(self, error: sqlite3.Error) -> None:
        """Go on in memory, with what the open transaction did so far. Raises JournalError."""
        if self._disk is not None or not _is_unwritable(error):
            raise self._failure(error) from error
        disk, memory = self._db, sqlite3.connect(":memory:", isolation_level=None)
        try:
            if disk.in_transaction:
                disk.execute("ROLLBACK")
            disk.backup(memory)
            for sql, values, many in self._begun:
                (memory.executemany if many else memory.execute)(sql, values)  # type: ignore[arg-type]
        except sqlite3.Error as trouble:
            memory.close()
            raise self._failure(trouble) from trouble
        self._disk, self._db = disk, memory
        self._tell(error)

    def _return_to_disk(self) -> None:
        disk, self._next_try = self._disk, time.monotonic() + RETURN_SECONDS
        if disk is None:
            return
        try:
            self._db.backup(disk)  # one transaction there
            disk.execute("PRAGMA locking_mode = NORMAL")
            _use_log(disk)
        except sqlite3.Error:
            return
        self._db.close()
        self._db, self._disk, self.trouble = disk, None, None
        log.info("the journal is on its disk again")

    def _tell(self, error: sqlite3.Error) -> None:
        folder = self._path.parent
        self._next_try = time.monotonic() + RETURN_SECONDS
        message = (
            f"The journal cannot be written: {error}. The disk of {folder} has "
            f"{free_bytes(folder):,} bytes free. The home is saved all the same; what is saved "
            "meanwhile is compared with the bucket again after a crash. Make room on that disk."
        )
        self.trouble = DiskFull(message, path=str(folder))
        log.warning("%s", message)

    def _failure(self, error: sqlite3.Error) -> JournalError:
        return JournalError(f"The journal {self._path} is unreadable: {error}.")


def _use_log(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # makes the log's index


def free_bytes(folder: Path) -> int:
    """How many bytes a user may still write there; 0 when that cannot be told."""
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return 0


class ScratchDatabase:
    """A private database that goes when it is closed, on disk as far as it does not fit in memory.

    Raises DiskFull when the disk for temporary files is full.
    """

    def __init__(self) -> None:
        # An empty name makes just that (sqlite.org, "Temporary Databases").
        self._db = sqlite3.connect("", isolation_level=None)
        self.execute("PRAGMA journal_mode = OFF")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        try:
            return self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise _scratch_failure(error) from error

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement for many rows."""
        try:
            self._db.executemany(sql, rows)
        except sqlite3.Error as error:
            raise _scratch_failure(error) from error

    def close(self) -> None:
        """Drop it."""
        self._db.close()


class Scratch:
    """What keeps something in a scratch database of its own, until the end of a ``with`` block."""

    def __init__(self) -> None:
        self._db = ScratchDatabase()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was kept."""
        self._db.close()


def _scratch_folder() -> Path:
    """Where SQLite puts temporary files (sqlite.org, "Temporary Files Used By SQLite")."""
    named = [os.environ.get(name) for name in ("SQLITE_TMPDIR", "TMPDIR")]
    for folder in [*named, "/var/tmp", "/usr/tmp", "/tmp"]:  # noqa: S108  # SQLite's own choice
        if folder and os.access(folder, os.W_OK | os.X_OK):
            return Path(folder)
    return Path()


def _scratch_failure(error: sqlite3.Error) -> DiskFull:
    folder = _scratch_folder()
    message = (
        f"Temporary files cannot be written: {error}. The disk of {folder} has "
        f"{free_bytes(folder):,} bytes free. Make room there; it is tried again."
    )
    return DiskFull(message, path=str(folder))
