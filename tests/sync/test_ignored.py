"""Ignoring leaves a path alone, on both sides: it never deletes anything."""

from __future__ import annotations

import shutil

import pytest
from support.homes import OLD, PREFIX, Bench, opened, settings_for

from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.focus import Focus


def test_what_is_ignored_and_then_removed_here_stays_in_the_bucket(bench: Bench) -> None:
    """Who ignores a folder, and removes it to make room, has its copies in the bucket."""
    bench.write("data/big.csv", b"precious")
    bench.write("data/sub/more", b"too")
    bench.write("a")
    bench.sync()
    bench.write(".wherobotsignore", b"data/\n")
    bench.sync()
    shutil.rmtree(bench.home / "data")
    (bench.home / "a").unlink()
    for _ in range(2):
        assert bench.sync().complete
        assert bench.keys() == [".wherobotsignore", "data/big.csv", "data/sub/more"]


def test_a_hint_does_not_delete_what_is_ignored(bench: Bench) -> None:
    """The same holds while folders are watched."""
    bench.write("data/big.csv", b"precious")
    bench.write("a")
    with opened(bench) as (session, _):
        session.cycle(Cancel())
        bench.write(".wherobotsignore", b"data/\n")
        shutil.rmtree(bench.home / "data")
        session.hinted(Cancel(), Focus(frozenset({""})))
    assert bench.keys() == [".wherobotsignore", "a", "data/big.csv"]


def test_what_another_home_saved_and_this_one_ignores_survives_its_removal(bench: Bench) -> None:
    """Restored although the rules leave it out, it is not deleted in the bucket by its removal."""
    bench.settings = settings_for(
        bench.home, bench.state, bench.store.bucket, ignores=("node_modules/",)
    )
    for number in range(3):
        bench.store.put(f"{PREFIX}proj/node_modules/m{number}.js", b"theirs")
    bench.store.put(f"{PREFIX}proj/main.js", b"main")
    bench.restore()
    bench.sync()
    shutil.rmtree(bench.home / "proj/node_modules")
    assert bench.sync().complete
    assert len(bench.keys()) == 4
    bench.restore()
    assert len([*(bench.home / "proj/node_modules").iterdir()]) == 3


def test_what_is_ignored_stays_here_when_its_copy_is_deleted(bench: Bench) -> None:
    """Who ignores a folder and deletes its copies in the bucket keeps the folder at the restart."""
    bench.write("data/x", b"precious", mtime_ns=OLD)
    bench.write("a", mtime_ns=OLD)
    bench.write("b", mtime_ns=OLD)
    bench.sync()
    bench.write(".wherobotsignore", b"data/\n")
    bench.sync()
    for key in ("data/x", "b"):
        bench.store.delete(f"{PREFIX}{key}")
    for _ in range(2):
        bench.restore()
        assert (bench.home / "data/x").read_bytes() == b"precious"
        assert not (bench.home / "b").exists()  # which nobody ignores
        bench.sync()
    assert bench.keys() == [".wherobotsignore", "a"]


def test_what_is_taken_back_in_is_saved_again(bench: Bench) -> None:
    """Rules that go leave nothing behind: the home and the bucket meet again."""
    bench.write("data/x", b"one", mtime_ns=OLD)
    bench.sync()
    bench.write(".wherobotsignore", b"data/\n")
    bench.sync()
    (bench.home / "data/x").unlink()
    bench.sync()
    (bench.home / ".wherobotsignore").unlink()
    bench.write("data/y", b"two", mtime_ns=OLD)
    assert bench.sync().complete
    assert bench.keys() == ["data/x", "data/y"]
    bench.restore()
    assert (bench.home / "data/x").read_bytes() == b"one"


@pytest.mark.parametrize(
    ("path", "covered"),
    [("data/x", True), ("data/sub/x", True), ("data", False), ("a.log", True), ("b/a.log", True)],
)
def test_rules_cover_what_lies_in_an_ignored_folder(path: str, covered: bool) -> None:
    """A path that is gone is judged by its own name and by those of its folders."""
    assert IgnoreRules(["data/", "*.log"]).covers(path) is covered
