"""Objects that arrived just before a kill: they are this home's own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench

from wherobots_storage.sync.intents import MOST_NEW
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.worklist import SMALL_BYTES

Interrupt = Callable[[str], None]


@pytest.fixture
def sync_and_die(bench: Bench, store: FaultyStore, tmp_path: Path) -> Interrupt:
    """Sync, and leave the journal as a kill leaves it right after a request has arrived."""
    state = StateFolder.for_settings(bench.settings).path
    aside = tmp_path / "aside"

    def run(request: str) -> None:
        def copy(name: str, key: str) -> None:
            if name == request and "/.wherobots/" not in key and not aside.exists():
                aside.mkdir()
                for file in state.glob("journal.sqlite*"):
                    shutil.copy(file, aside)

        store.before = copy
        bench.sync()
        store.before = lambda _name, _key: None
        for file in state.glob("journal.sqlite*"):
            file.unlink()
        for file in aside.iterdir():
            shutil.move(file, state)
        aside.rmdir()

    return run


def bodies(size: int) -> list[bytes]:
    """Three versions of a file."""
    return [letter * size for letter in (b"1", b"2", b"3")]


SIZES = pytest.mark.parametrize(
    ("size", "request_name"), [(100, "put"), (SMALL_BYTES + 1, "complete_multipart")]
)


@SIZES
@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("restore", [False, True])
def test_edited_after_the_kill(
    bench: Bench, sync_and_die: Interrupt, size: int, request_name: str, new: bool, restore: bool
) -> None:
    """A version that arrived unnoticed, and was edited since, makes no conflict."""
    first, second, third = bodies(size)
    if not new:
        bench.write("a", first, mtime_ns=OLD)
        bench.sync()
    bench.write("a", second)
    sync_and_die(request_name)
    assert bench.body("a") == second
    bench.write("a", third)
    if restore:
        assert bench.restore().complete
    assert bench.sync().complete
    assert bench.keys() == ["a"]
    assert bench.body("a") == (bench.home / "a").read_bytes() == third


def test_edited_back_after_the_kill(bench: Bench, sync_and_die: Interrupt) -> None:
    """An edit that was taken back after the kill stays taken back, here and in the bucket."""
    first, second, _ = bodies(10)
    bench.write("a", first, mtime_ns=OLD)
    bench.sync()
    bench.write("a", second)
    sync_and_die("put")
    bench.write("a", first)
    assert bench.restore().complete
    assert bench.sync().complete
    assert bench.body("a") == (bench.home / "a").read_bytes() == first


def test_deleted_after_the_kill(bench: Bench, sync_and_die: Interrupt) -> None:
    """A file that was deleted after the kill stays deleted."""
    first, second, _ = bodies(10)
    bench.write("a", first, mtime_ns=OLD)
    bench.write("b")
    bench.sync()
    bench.write("a", second)
    sync_and_die("put")
    (bench.home / "a").unlink()
    bench.restore()
    bench.sync()
    assert not (bench.home / "a").exists()
    assert bench.keys() == ["b"]


def test_link_changed_after_the_kill(bench: Bench, sync_and_die: Interrupt) -> None:
    """A link is known again just as a file is."""
    (bench.home / "link").symlink_to("one")
    bench.sync()
    (bench.home / "link").unlink()
    (bench.home / "link").symlink_to("two")
    sync_and_die("put")
    assert bench.restore().complete
    (bench.home / "link").unlink()
    (bench.home / "link").symlink_to("three")
    assert bench.sync().complete
    assert bench.keys() == ["link"]
    assert bench.body("link") == b"three"


def test_anothers_version_after_the_kill_is_kept(
    bench: Bench, store: FaultyStore, sync_and_die: Interrupt
) -> None:
    """What somebody else put there since is a conflict as ever."""
    first, second, third = bodies(10)
    bench.write("a", first, mtime_ns=OLD)
    bench.sync()
    bench.write("a", second)
    sync_and_die("put")
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", third)
    bench.sync()
    (kept,) = bench.kept("a")
    assert bench.body(kept) == b"theirs"
    assert bench.body("a") == third


def test_many_new_files_are_not_all_noted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first sync of thousands of files notes the first few hundred, and leaves no note behind."""
    assert MOST_NEW > 2
    monkeypatch.setattr("wherobots_storage.sync.intents.MOST_NEW", 2)
    noted: list[bool] = []
    real = Journal.run

    def run(journal: Journal, statement: str, values: tuple[object, ...] = ()) -> None:
        noted.append(statement.startswith("INSERT") and str(values[0]).startswith("putting:"))
        real(journal, statement, values)

    monkeypatch.setattr(Journal, "run", run)
    for number in range(5):
        bench.write(f"f{number}")
    bench.sync()
    assert sum(noted) == 2
    assert len(bench.keys()) == 5
    with Journal(StateFolder.for_settings(bench.settings).journal_path) as journal:
        assert journal.ask("SELECT * FROM meta WHERE name LIKE 'putting:%'") == []
