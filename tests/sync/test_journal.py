from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from wherobots_storage.errors import JournalError
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.journal import SCHEMA_VERSION, Journal, open_journal, set_aside


def row(path: str, inode: int = 5) -> Record:
    """A file's row."""
    return Record(path, "file", 1, 2, 3, inode, 0o644, "sha", "etag", 4.5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal is."""
    return tmp_path / "journal.sqlite"


def test_rows_survive(path: Path) -> None:
    """What is committed is there when the journal is opened again."""
    with Journal(path) as journal:
        journal.put(row("a"))
        journal.put(row("b"))
        journal.forget("b")
    with Journal(path) as journal:
        assert journal.get("a") == row("a")
        assert journal.get("b") is None
        assert len(journal) == 1


def test_its_length_is_that_of_now(path: Path) -> None:
    """How many rows there are is told anew after whatever writes or deletes one."""
    with Journal(path) as journal:
        lengths = [len(journal)]
        journal.put(row("a"))
        journal.put(row("b"))
        lengths.append(len(journal))
        journal.forget("b")
        lengths.append(len(journal))
        journal.put(row("c"))
        journal.commit()
        lengths += [len(journal), len(journal)]
        journal.forget_all(["a", "c"])
        lengths.append(len(journal))
        journal.put(row("d"))
        lengths.append(len(journal))
        journal.run("DELETE FROM entries WHERE path = ?", ("d",))
        lengths.append(len(journal))
    assert lengths == [0, 2, 1, 2, 2, 0, 1, 0]


def test_order_is_that_of_the_keys(path: Path) -> None:
    """Rows come in the order of the keys' UTF-8 bytes, beyond one page too."""
    names = ["a", "a-b", "a.txt", "a/", "a/b", "a0", "ä", "名", "🙂", "\uffff"]
    names += [f"n{number:05}" for number in range(6000)]
    with Journal(path) as journal:
        for name in reversed(names):
            journal.put(row(name))
        found = [record.path for record in journal]
    assert found == sorted(names, key=lambda name: name.encode())


def test_numbers_past_all_bounds(path: Path) -> None:
    """A number that the database cannot hold is told as an error of ours, and it is closed."""
    journal = Journal(path)
    journal.put(row("a")._replace(mtime_ns=2**63))
    with pytest.raises(JournalError):
        journal.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # its log is gone


def test_inodes_past_the_sign(path: Path) -> None:
    """An inode of 64 bits, as some network file systems have, comes back as it was."""
    with Journal(path) as journal:
        for inode in (0, 2**63 - 1, 2**63, 2**64 - 1):
            journal.put(row("a", inode))
            found = journal.get("a")
            assert found is not None
            assert found.inode == inode


def test_has_below(path: Path) -> None:
    """A folder with rows is told from a file that only begins like it."""
    with Journal(path) as journal:
        for name in ("a-b", "b/", "c/d/e"):
            journal.put(row(name))
        found = {name: journal.has_below(name) for name in ("a/", "b/", "c/", "c/d/", "c/e/")}
    assert found == {"a/": False, "b/": True, "c/": True, "c/d/": True, "c/e/": False}


def test_meta(path: Path) -> None:
    """Facts about the journal itself can be set, changed and removed."""
    with Journal(path) as journal:
        assert journal.meta("home") is None
        journal.set_meta("home", "1:2")
        journal.set_meta("home", "3:4")
    with Journal(path) as journal:
        assert journal.meta("home") == "3:4"
        journal.set_meta("home", None)
        assert journal.meta("home") is None


def test_version_and_mode(path: Path) -> None:
    """The schema's version stands in the file, which is in write-ahead mode."""
    Journal(path).close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_newer_version_is_refused_and_kept(path: Path) -> None:
    """A journal of a newer program is an error, and stays as it is."""
    Journal(path).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(JournalError, match="newer"):
        open_journal(path)
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
    db.close()


@pytest.mark.parametrize("damage", [b"not a database at all" * 50, b""], ids=["garbage", "empty"])
def test_damaged_journal_is_set_aside(path: Path, damage: bytes) -> None:
    """A file that is no journal makes room for a new one."""
    path.write_bytes(damage)
    with open_journal(path) as journal:
        assert len(journal) == 0
        journal.put(row("a"))


def test_damage_inside_is_found(path: Path) -> None:
    """Damage in the middle of the file is found when it is opened, not while a plan is made."""
    with Journal(path) as journal:
        for number in range(2000):
            journal.put(row(f"f{number:05}"))
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(20_000))
    with open_journal(path) as journal:
        assert len(journal) == 0
    assert list(path.parent.glob("journal.sqlite.damaged-*"))


def test_only_three_are_kept_aside(path: Path) -> None:
    """Journals set aside do not pile up."""
    for _ in range(5):
        Journal(path).close()
        set_aside(path, "former")
    assert len(list(path.parent.glob("journal.sqlite.former-*"))) == 3


WRITER = """
import sys
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.journal import Journal
journal = Journal(__import__("pathlib").Path(sys.argv[1]))
for batch in range(10**6):
    for number in range(50):
        journal.put(Record(f"b{batch:06}/{number}", "file", 1, 2, 3, 4, 0, "s", "e", 0.0))
    journal.commit()
    print(batch, flush=True)
"""


@pytest.mark.parametrize("after", [0, 3, 17])
def test_killed_at_any_instant_it_is_valid(path: Path, after: int) -> None:
    """After SIGKILL in the middle of a batch the journal holds whole batches only."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout as lines:
        for line in lines:
            if int(line) >= after:
                writer.send_signal(signal.SIGKILL)
                break
    writer.wait()
    with open_journal(path) as journal:
        count = len(journal)
    assert count % 50 == 0
    assert count >= 50 * (after + 1)
    assert not list(path.parent.glob("*damaged*"))


OLDEST = """
CREATE TABLE entries (
    path TEXT PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, mode INTEGER NOT NULL,
    sha256 TEXT NOT NULL, etag TEXT NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO entries VALUES ('a', 'file', 1, 2, 3, 5, 420, 'sha', 'etag', 4.5);
PRAGMA user_version = 1;
"""


def test_first_version_is_migrated(path: Path) -> None:
    """A journal of the first version keeps its rows and gets every table of this one."""
    db = sqlite3.connect(path)
    db.executescript(OLDEST)
    db.close()
    with Journal(path) as journal:
        assert list(journal) == [row("a")]
    with Journal(path.with_name("fresh")) as fresh, Journal(path) as journal:
        layout = "SELECT name, sql FROM sqlite_master ORDER BY name"
        assert journal.ask(layout) == fresh.ask(layout)
        assert journal.ask("PRAGMA user_version") == [(SCHEMA_VERSION,)]
