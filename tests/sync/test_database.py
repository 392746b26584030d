"""Databases on disks that are full."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.disks import fill, mounted

from wherobots_storage.errors import DiskFull, JournalError
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync import database
from wherobots_storage.sync.database import check_error, is_damage
from wherobots_storage.sync.journal import Journal, open_journal


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of a megabyte."""
    with mounted(tmp_path / "disk", "size=1m") as folder:
        yield folder


def row(path: str) -> Record:
    """A file's row."""
    return Record(path, "file", 1, 2, 3, 4, 0o644, "5" * 64, "etag", 6.0)


def is_troubled(journal: Journal) -> bool:
    """Whether it is in memory only."""
    return journal.trouble is not None


def check_file(path: Path, rows: int) -> None:
    """The file is sound, in the log mode, and has so many rows."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("SELECT count(*) FROM entries").fetchone() == (rows,)


def test_full_disk_is_outlived(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows written while the disk is full are there at once, and on the disk once it has room."""
    path = disk / "journal"
    with open_journal(path) as journal:
        journal.put(row("before"))
        journal.commit()
        ballast = fill(disk)
        for number in range(1000):
            journal.put(row(f"f{number:04}"))
            if number % 100 == 0:
                journal.commit()
        assert journal.get("f0999") == row("f0999")
        journal.commit()
        assert isinstance(journal.trouble, DiskFull)
        assert str(disk) in journal.trouble.message
        assert len(journal) == 1001
        journal.set_meta("home", "x")
        assert journal.trouble is not None
        ballast.unlink()
        monkeypatch.setattr(database, "RETURN_SECONDS", 0.0)
        journal._db._next_try = 0.0
        journal.set_meta("home", "y")
        assert not is_troubled(journal)
        journal.put(row("after"))
        journal.commit()
        assert [record.path for record in journal][:2] == ["after", "before"]
    check_file(path, 1002)


def test_full_disk_at_the_opening(disk: Path) -> None:
    """A journal that a full disk keeps from being written is read, and is not taken for damaged."""
    path = disk / "journal"
    with open_journal(path) as journal:
        journal.put(row("before"))
    assert [file.name for file in disk.iterdir()] == ["journal"]
    ballast = fill(disk)
    with open_journal(path) as journal:
        assert journal.get("before") == row("before")
        journal.put(row("meanwhile"))
        journal.commit()
        assert isinstance(journal.trouble, DiskFull)
        ballast.unlink()
    check_file(path, 2)
    assert [file.name for file in disk.iterdir()] == ["journal"]


def test_disk_that_stays_full(disk: Path) -> None:
    """What never came to the disk is gone at the next start, and what was there before is not."""
    path = disk / "journal"
    with open_journal(path) as journal:
        journal.put(row("before"))
        journal.commit()
        ballast = fill(disk)
        for number in range(1000):
            journal.put(row(f"f{number:04}"))
    ballast.unlink()
    check_file(path, 1)


def test_new_journal_on_a_full_disk(disk: Path) -> None:
    """Even one that was never made works."""
    ballast = fill(disk)
    path = disk / "journal"
    with open_journal(path) as journal:
        journal.put(row("a"))
        journal.commit()
        assert len(journal) == 1
        ballast.unlink()
    check_file(path, 1)


def test_killed_while_in_memory(disk: Path) -> None:
    """The file stays valid all the time."""
    path = disk / "journal"
    journal = open_journal(path)
    journal.put(row("before"))
    journal.commit()
    ballast = fill(disk)
    for number in range(1000):
        journal.put(row(f"f{number:04}"))
    journal.commit()
    check_file(path, 1)
    ballast.unlink()
    journal.close()
    check_file(path, 1001)


def test_locked_journal_is_not_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that another program has locked is out of reach, not damaged."""
    path = tmp_path / "journal"
    with open_journal(path) as journal:
        journal.put(row("a"))
    real = sqlite3.connect
    with closing(real(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(
            sqlite3, "connect", lambda path, **options: real(path, **{**options, "timeout": 0})
        )
        with pytest.raises(JournalError, match="locked"):
            open_journal(path)
        monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["journal"]
    with Journal(path) as journal:
        assert len(journal) == 1


OUT_OF_REACH = sorted(
    name
    for name in dir(sqlite3)
    if (name.startswith("SQLITE_IOERR") or name in {"SQLITE_PROTOCOL", "SQLITE_INTERRUPT"})
    and name != "SQLITE_IOERR_SHORT_READ"  # what a truncated file is told by
)


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_failures_to_read_are_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A journal whose disk fails for now stays where it is, and is whole when the disk is back."""
    path = tmp_path / "journal"
    with open_journal(path) as journal:
        journal.put(row("a"))
    failure = sqlite3.OperationalError("it fails")
    failure.sqlite_errorcode = getattr(sqlite3, name)

    class Failing(sqlite3.Connection):
        def execute(self, *_: object) -> sqlite3.Cursor:
            raise failure

    real = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda path, **options: real(path, factory=Failing, **options)
    )
    with pytest.raises(JournalError):
        open_journal(path)
    monkeypatch.undo()
    assert list(tmp_path.glob("*damaged*")) == []
    with Journal(path) as journal:
        assert journal.get("a") == row("a")


@pytest.mark.parametrize(
    ("verdict", "damaged"),
    [
        ("*** in database main ***\nTree 2 page 2: unable to get the page. error code=266", False),
        ("*** in database main ***\nTree 2 page 2: unable to get the page. error code=11", True),
        ("*** in database main ***\nTree 2 page 2: unable to get the page. error code=522", True),
        ("wrong # of entries in index sqlite_autoindex_entries_1", True),
    ],
)
def test_check_that_cannot_read_a_page(verdict: str, *, damaged: bool) -> None:
    """A check of the journal that fails to read it has found no damage."""
    assert is_damage(check_error(verdict)) is damaged


def test_only_damage_is_damage() -> None:
    """Errors that say nothing of the file's content are no reason to give it up."""
    with closing(sqlite3.connect(":memory:")) as db:
        with pytest.raises(sqlite3.Error) as caught:
            db.execute("SELECT * FROM nothing")
        assert is_damage(caught.value)
    assert is_damage(sqlite3.DatabaseError("row 3 missing from index"))
    assert not is_damage(None)
    assert not is_damage(OSError())


SPILL = """
from wherobots_storage.errors import DiskFull
from wherobots_storage.sync.database import ScratchDatabase
scratch = ScratchDatabase()
scratch.execute("CREATE TABLE work (text TEXT)")
scratch.execute("BEGIN")
try:
    scratch.executemany("INSERT INTO work VALUES (?)", (("x" * 10_000,) for _ in range(10_000)))
except DiskFull as error:
    print(error.message)
scratch.close()
"""


def test_full_disk_for_temporary_files(disk: Path) -> None:
    """It is an error that the agent knows, and tries again after."""
    fill(disk)
    # A process of its own: SQLite looks once where temporary files go.
    done = subprocess.run(
        [sys.executable, "-c", SPILL],
        env={
            **os.environ,
            "SQLITE_TMPDIR": str(disk),
            "PYTHONPATH": str(Path(__file__).parents[2]),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("Temporary files cannot be written: ")
    assert str(disk) in done.stdout
