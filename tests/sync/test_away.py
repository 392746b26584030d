"""A home that goes away while it is looked at, and vetoes that nothing may dilute."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, everything, opened, picture

from wherobots_storage.errors import AccessDenied, HomeMissing
from wherobots_storage.planning.tree import Directory
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.plain import Sieve
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.session import Session


def files(bench: Bench, folder: str = "") -> list[str]:
    """The keys in a folder of the mirror, less the markers of folders."""
    found = bench.keys()
    return [key for key in found if key.startswith(folder) and not key.endswith("/")]


class Mount:
    """A home that can be taken away, leaving a bare mount point or nothing, and put back."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._away = home.with_name("away")

    def take(self, *, bare: bool = True) -> None:
        """Unmount it, if it is there."""
        if not self._away.exists():
            self._home.rename(self._away)
            if bare:
                self._home.mkdir()

    def back(self) -> None:
        """Mount it again, over what was written in the meantime."""
        if self._home.exists():
            self._home.rename(self._home.with_name("bare"))
        self._away.rename(self._home)


def fill(bench: Bench) -> None:
    """A hundred files in ten folders, saved."""
    for folder in "abcdefghij":
        for number in range(10):
            bench.write(f"{folder}/f{number}", f"{folder}{number}".encode(), mtime_ns=OLD)
    assert bench.sync().complete


def at_folder(monkeypatch: pytest.MonkeyPatch, path: str, happens: Callable[[], None]) -> None:
    """Let something happen when a scan is about to open a folder."""
    real = Scanner._open

    def opening(self: Scanner, folder: Directory, device: int) -> Any:
        if folder.path == path:
            happens()
        return real(self, folder, device)

    monkeypatch.setattr(Scanner, "_open", opening)


@pytest.mark.parametrize("bare", [True, False])
def test_home_that_goes_away_during_a_scan_deletes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, bare: bool
) -> None:
    """Folders that a scan finds missing because the whole home is are not deleted."""
    fill(bench)
    mount = Mount(bench.home)
    with monkeypatch.context() as patched:
        at_folder(patched, "h/", lambda: mount.take(bare=bare))
        with pytest.raises(HomeMissing):
            bench.sync()
    assert len(bench.keys()) == 100
    mount.back()
    assert bench.sync().complete
    assert len(bench.keys()) == 100


def test_home_that_goes_away_behind_a_listed_folder_deletes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last folder's files, missing at the very end of a scan, are not deleted either."""
    fill(bench)
    mount = Mount(bench.home)
    real = Sieve.sift

    def sift(self: Sieve, folder: str, *found: Any, **rest: Any) -> Iterator[os.DirEntry[str]]:
        if folder == "j/":
            mount.take()
        return real(self, folder, *found, **rest)

    with monkeypatch.context() as patched:
        patched.setattr(Sieve, "sift", sift)
        with pytest.raises(HomeMissing):
            bench.sync()
    assert len(bench.keys()) == 100


def test_folder_that_is_back_at_once_is_not_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that could not be opened and then is there again loses nothing, and is listed."""
    fill(bench)
    folder = bench.home / "h"
    real = Scanner._read

    def read(self: Scanner, path: str, device: int) -> Any:
        if path != "h/":
            return real(self, path, device)
        folder.rename(bench.home.with_name("h"))
        try:
            return real(self, path, device)
        finally:
            bench.home.with_name("h").rename(folder)

    with monkeypatch.context() as patched:
        patched.setattr(Scanner, "_read", read)
        outcome = bench.sync()
    assert codes(outcome) == {"h/": "unreadable"}
    assert len(bench.keys()) == 100


def test_home_that_goes_away_before_a_deletion_keeps_the_objects(
    bench: Bench, store: FaultyStore
) -> None:
    """Deletions that are due stop when the home does: a file may be back where it was."""
    fill(bench)
    for number in range(10):
        (bench.home / f"a/f{number}").unlink()
    bench.write("new")
    mount = Mount(bench.home)

    def away(name: str, key: str) -> None:
        if name == "put" and key.endswith("/new"):
            bench.write("a/f3", b"a3", mtime_ns=OLD)
            mount.take()

    store.before = away
    with pytest.raises(HomeMissing):
        bench.sync()
    assert len(files(bench, "a/")) == 10
    store.heal()
    mount.back()
    assert bench.sync().complete
    assert files(bench, "a/") == ["a/f3"]


def test_home_that_goes_away_between_deletions_keeps_the_rest(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was deleted by then is journaled, and the others wait for the home."""
    monkeypatch.setattr("wherobots_storage.sync.deletions.WORKERS", 1)
    fill(bench)
    for folder in "abc":
        for number in range(10):
            (bench.home / f"{folder}/f{number}").unlink()
    mount = Mount(bench.home)

    def away(name: str, key: str) -> None:
        if name == "delete" and key.endswith("/a/f4"):
            mount.take()

    store.before = away
    with pytest.raises(HomeMissing):
        bench.sync()
    assert (
        files(bench)
        == [f"{folder}/f{number}" for folder in "abcdefghij" for number in range(10)][5:]
    )
    store.heal()
    mount.back()
    assert bench.sync().complete
    assert store.count("delete") == 25
    assert len(files(bench)) == 70


def test_hint_in_a_home_that_goes_away_deletes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a few folders knows no more of a home that is not there."""
    fill(bench)
    mount = Mount(bench.home)
    with opened(bench) as (session, _board):
        session.cycle(Cancel())
        with monkeypatch.context() as patched:
            at_folder(patched, "b/", mount.take)
            with pytest.raises(HomeMissing):
                session.hinted(Cancel(), Focus(flat=frozenset({""}), deep=frozenset({"a/", "b/"})))
    assert len(bench.keys()) == 100


def test_home_that_goes_away_during_a_restore_is_restored_later(
    bench: Bench, store: FaultyStore
) -> None:
    """Files that went to a bare mount point are not in the journal, or they would be deleted."""
    fill(bench)
    there = Bench(bench.home.parent.parent, store, "there")
    mount = Mount(there.home)

    def away(name: str, key: str) -> None:
        if name == "get" and key.endswith("/d/f0"):
            mount.take()

    store.before = away
    with pytest.raises(HomeMissing):
        there.restore()
    store.heal()
    mount.back()
    there.sync()
    assert len(files(there)) == 100
    assert there.restore().complete
    assert picture(there.home) == picture(bench.home)


def test_home_that_goes_away_while_a_restore_looks_at_it(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore does not fill a bare mount point either."""
    fill(bench)
    mount = Mount(bench.home)
    store.put(f"{PREFIX}new", b"x")
    with monkeypatch.context() as patched:
        at_folder(patched, "c/", mount.take)
        with pytest.raises(HomeMissing):
            bench.restore()
    assert not (bench.home / "new").exists()
    mount.back()
    assert bench.restore().complete
    assert (bench.home / "new").exists()


@pytest.mark.parametrize("target", ["a", "b", "../home/a"])
def test_link_to_itself_in_a_folders_place(bench: Bench, target: str) -> None:
    """A folder that became a link that leads to itself: its files' objects go, the link arrives."""
    bench.write("a/x")
    bench.write("a/deep/y")
    bench.write("other")
    bench.sync()
    for name in ("a/x", "a/deep/y"):
        (bench.home / name).unlink()
    (bench.home / "a/deep").rmdir()
    (bench.home / "a").rmdir()
    (bench.home / "a").symlink_to(target)
    (bench.home / "b").symlink_to("a")
    assert bench.sync().complete
    assert bench.keys() == ["a", "b", "other"]
    assert bench.sync().complete


def numbered(bench: Bench, count: int = 100) -> list[Path]:
    """So many files, each with bytes of its own, saved."""
    made = [bench.write(f"f{n:03}", b"%d" % n, mtime_ns=OLD) for n in range(count)]
    assert bench.sync().complete
    return made


@pytest.mark.parametrize("count", [51, 90, 100])
def test_new_files_do_not_hide_a_loss(bench: Bench, count: int) -> None:
    """More than half is gone though as many others came: nothing is deleted, all is uploaded."""
    for number, file in enumerate(numbered(bench)[:count]):
        file.rename(f"{file}.encrypted")
        bench.write(f"{file.name}.encrypted", b"garbage %d" % number)
    outcome = bench.sync()
    assert outcome.status.held is not None
    assert (outcome.status.held.code, outcome.status.held.files) == ("half-gone", count)
    assert len(bench.keys()) == 100 + count


def test_half_may_go(bench: Bench) -> None:
    """Exactly half of the files may be deleted without a question."""
    for file in numbered(bench)[:50]:
        file.unlink()
    assert bench.sync().complete
    assert len(bench.keys()) == 50


def test_renames_are_no_loss(bench: Bench) -> None:
    """All files under new names, their bytes saved there, need no answer."""
    every = numbered(bench)
    (bench.home / "moved").mkdir()
    for file in every:
        file.rename(bench.home / "moved" / file.name)
    assert bench.sync().complete
    assert bench.keys() == [f"moved/f{n:03}" for n in range(100)]


def test_rename_counts_only_when_it_is_saved(bench: Bench, store: FaultyStore) -> None:
    """Renamed files that could not be uploaded yet keep their objects under the former names."""
    for file in numbered(bench):
        file.rename(f"{file}.moved")

    def refuse(name: str, key: str) -> None:
        if name == "put" and key.endswith(".moved") and int(key[-9:-6]) % 5:
            raise AccessDenied("Not this one.")

    store.before = refuse
    assert bench.sync().status.veto is not None
    assert {f"f{n:03}" for n in range(100)} < set(bench.keys())
    store.heal()
    assert bench.sync(everything).complete
    assert bench.keys() == [f"f{n:03}.moved" for n in range(100)]


def test_one_copy_stands_for_one_file(bench: Bench) -> None:
    """A single new file of the same bytes is no excuse for the loss of all the others."""
    for number in range(100):
        bench.write(f"f{number:03}", b"the same", mtime_ns=OLD)
    bench.sync()
    for number in range(80):
        (bench.home / f"f{number:03}").unlink()
    bench.write("copy", b"the same")
    assert bench.sync().status.veto is not None
    assert len(bench.keys()) == 101


def look(session: Session) -> Report:
    """What a hint about the home's own files does."""
    return session.hinted(Cancel(), Focus(flat=frozenset({""})))


@pytest.mark.parametrize("renaming", [True, False])
def test_loss_in_small_steps_is_found(bench: Bench, *, renaming: bool) -> None:
    """Files that are replaced a few at a time, each few seen by a hint, add up to a veto."""
    every = numbered(bench)
    with opened(bench) as (session, _board):
        session.cycle(Cancel())
        for start in range(0, 100, 10):
            some = every[start : start + 10]
            if renaming:
                some = [file.rename(f"{file}.old") for file in some]
                look(session)
            for file in some:
                file.unlink()
                bench.write(f"{file.name}.encrypted", b"garbage" + file.name.encode())
            look(session)
        bodies = {bench.body(key) for key in files(bench)}
        assert len([body for body in bodies if not body.startswith(b"garbage")]) == 50
        report = session.cycle(Cancel())
        assert report.veto is not None
        assert report.held is not None
        assert report.held.files == (90 if renaming else 50)


def test_renames_and_passing_files_in_small_steps_are_no_loss(bench: Bench) -> None:
    """Neither files that hints see renamed one after the other, nor such as come and go."""
    every = numbered(bench)
    with opened(bench) as (session, _board):
        session.cycle(Cancel())
        for start in range(0, 100, 10):
            for file in every[start : start + 10]:
                file.rename(f"{file}.moved")
                bench.write(f"passing{file.name}", b"passing" + file.name.encode())
            assert look(session).veto is None
            for file in every[start : start + 10]:
                (bench.home / f"passing{file.name}").unlink()
            assert look(session).veto is None
        assert session.cycle(Cancel()).is_complete
    assert bench.keys() == [f"f{n:03}.moved" for n in range(100)]


def test_files_that_only_pass_are_no_loss(bench: Bench) -> None:
    """What one hint saw come and another saw go was no part of what is saved."""
    numbered(bench)
    with opened(bench) as (session, _board):
        session.cycle(Cancel())
        for _ in range(8):
            passing = [bench.write(f"passing{n}", b"p%d" % n) for n in range(10)]
            assert look(session).is_complete
            for file in passing:
                file.unlink()
            assert look(session).veto is None
    assert len(bench.keys()) == 100


def test_new_objects_do_not_hide_what_vanished(bench: Bench, store: FaultyStore) -> None:
    """A mirror that lost most files and got many others moves nothing of the home to the trash."""
    every = numbered(bench)
    for file in every[:90]:
        store.delete(f"{PREFIX}{file.name}")
    for number in range(200):
        store.put(f"{PREFIX}other{number}", b"x")
    assert bench.restore().status.veto is not None
    assert all(file.exists() for file in every)
    assert (bench.home / "other199").exists()
    assert bench.sync().complete
    assert len(bench.keys()) == 300
