"""Two versions of one name: both survive, on real folders and a store in memory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, opened, picture

from wherobots_storage.errors import (
    ConcurrentChange,
    PreconditionFailed,
    SlowDown,
    StoreUnavailable,
)
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.conflicts import NAMES
from wherobots_storage.sync.focus import Focus

LARGE = 9 * 1024**2


@pytest.fixture
def second(tmp_path: Path, store: FaultyStore) -> Bench:
    """Another home of the same mirror."""
    return Bench(tmp_path, store, "two")


def quiet(_name: str, _key: str) -> None:
    """No fault."""


@pytest.mark.parametrize("size", [4, LARGE], ids=["small", "large"])
def test_foreign_object_of_the_same_name(bench: Bench, store: FaultyStore, size: int) -> None:
    """Another's object is kept beside with its metadata; the local file has the name."""
    store.put(f"{PREFIX}d/a.txt", b"theirs", metadata={"mtime": "12.5"})
    ours = os.urandom(size)
    bench.write("d/a.txt", ours)
    outcome = bench.sync()
    assert codes(outcome) == {"d/a.txt": "conflict"}
    assert outcome.complete
    (copy,) = bench.kept("d/a.txt")
    assert copy.endswith(").txt")
    assert bench.body(copy) == b"theirs"
    assert store.head(PREFIX + copy).metadata == {"mtime": "12.5"}
    assert bench.body("d/a.txt") == ours
    assert (bench.home / "d/a.txt").read_bytes() == ours
    assert store.list_uploads(PREFIX) == []


@pytest.mark.parametrize("size", [4, LARGE], ids=["small", "large"])
def test_remote_change_behind_our_back(bench: Bench, store: FaultyStore, size: int) -> None:
    """A saved file that was changed in the bucket too is kept in both versions."""
    bench.write("a", os.urandom(size), mtime_ns=OLD)
    bench.sync()
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", os.urandom(size))
    assert codes(bench.sync()) == {"a": "conflict"}
    (copy,) = bench.kept("a")
    assert bench.body(copy) == b"theirs"
    assert bench.body("a") == (bench.home / "a").read_bytes()


def test_a_copy_whose_answer_is_lost_is_made_once(bench: Bench, store: FaultyStore) -> None:
    """A transport that asks again meets its own copy: that is the one, and no other is made."""
    store.put(f"{PREFIX}a", b"theirs", metadata={"sha256": "5" * 64})
    bench.write("a", b"ours")

    def asked_again(name: str, _key: str, result: object) -> object:
        if name == "copy":
            raise PreconditionFailed("It is there already.")
        return result

    store.after = asked_again
    assert codes(bench.sync()) == {"a": "conflict"}
    (copy,) = bench.kept("a")
    assert bench.body(copy) == b"theirs"
    assert bench.body("a") == b"ours"


def test_copies_that_are_not_known_again_are_not_made_for_ever(
    bench: Bench, store: FaultyStore
) -> None:
    """Where a copy cannot be told from another's object, the file waits; nothing is overwritten."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours")

    def nameless(name: str, key: str, result: object) -> object:
        if name == "copy":
            raise PreconditionFailed("It is there already.")
        if name == "head" and "(conflict" in key:
            return replace(result, etag="another")  # type: ignore[type-var]
        return result

    store.after = nameless
    assert not bench.sync().complete
    assert len(bench.kept("a")) == NAMES
    assert bench.body("a") == b"theirs"


def test_link_meets_a_file(bench: Bench, store: FaultyStore) -> None:
    """A link and a file of one name are two versions, even with the same bytes."""
    store.put(f"{PREFIX}l", b"target")
    (bench.home / "l").symlink_to("target")
    bench.sync()
    (copy,) = bench.kept("l")
    assert store.head(f"{PREFIX}l").metadata["symlink"] == "1"
    assert "symlink" not in store.head(PREFIX + copy).metadata


def test_it_is_listed_until_it_is_looked_after(bench: Bench, store: FaultyStore) -> None:
    """A conflict stays listed; the copy is left alone, restored later, and settled by deleting."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours", mtime_ns=OLD)
    bench.sync()
    (copy,) = bench.kept("a")
    outcome = bench.sync()
    assert copy in outcome.status.conflicts[0].reason
    assert outcome.status.conflicts[0].copy == copy
    assert not (bench.home / copy).exists()
    assert codes(bench.restore()) == {"a": "conflict"}
    assert (bench.home / copy).read_bytes() == b"theirs"
    assert codes(bench.sync()) == {"a": "conflict"}
    (bench.home / copy).unlink()
    assert codes(bench.sync()) == {}
    assert bench.keys() == ["a"]


def test_conflict_between_two_scans_is_told_at_once(bench: Bench, store: FaultyStore) -> None:
    """A conflict of a hinted folder joins the list, and drives no other from it."""
    for name in ("gone", "d/a"):
        bench.write(name, mtime_ns=OLD)
    with opened(bench) as (session, board):
        session.cycle(Cancel())
        store.put(f"{PREFIX}gone", b"theirs")
        (bench.home / "gone").unlink()
        session.cycle(Cancel())
        store.put(f"{PREFIX}d/a", b"theirs")
        bench.write("d/a", b"ours")
        session.hinted(Cancel(), Focus(flat=frozenset({"d/"})))
        assert [notice.path for notice in board.status.conflicts] == ["gone", "d/a"]


def test_second_restore_ends_the_listing(bench: Bench, store: FaultyStore) -> None:
    """A copy that was brought here and kept is not told for ever."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours", mtime_ns=OLD)
    bench.sync()
    bench.restore()
    assert codes(bench.restore()) == {}


def test_copy_that_went_from_the_bucket_is_no_longer_told(bench: Bench, store: FaultyStore) -> None:
    """A copy, and its name's object, that somebody deleted in the bucket are forgotten."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours", mtime_ns=OLD)
    bench.sync()
    store.delete_many([PREFIX + key for key in ("a", *bench.kept("a"))])
    bench.write("other")
    assert "a" not in {notice.path for notice in bench.restore().status.conflicts}


def test_taken_names_get_a_counter(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conflict name that is taken, in the bucket or in the home, is never written over."""
    monkeypatch.setattr("time.time", lambda: 1_767_225_599.0)
    name = "a (conflict 2025-12-31 235959"
    store.put(f"{PREFIX}{name})", b"older")
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours")
    bench.write(f"{name} 2)", b"mine")
    bench.sync()
    assert bench.body(f"{name})") == b"older"
    assert bench.body(f"{name} 2)") == b"mine"
    assert bench.body(f"{name} 3)") == b"theirs"


def test_every_version_of_a_race_is_kept(bench: Bench, store: FaultyStore) -> None:
    """A version that others write between look and copy is the one that is kept."""
    store.put(f"{PREFIX}a", b"theirs 0")
    bench.write("a", b"ours")
    left = [1, 2]

    def race(name: str, _key: str) -> None:
        if name == "copy" and left:
            number = left.pop(0)
            FaultyStore.put(store, f"{PREFIX}a", b"theirs %d" % number)

    store.before = race
    assert codes(bench.sync()) == {"a": "conflict"}
    assert bench.body("a") == b"ours"
    assert b"theirs 2" in {bench.body(key) for key in bench.kept("a")}


def test_put_that_loses_again_keeps_again(bench: Bench, store: FaultyStore) -> None:
    """A version that comes after the copy, before the put, is found by the put's condition."""
    store.put(f"{PREFIX}a", b"theirs 0")
    bench.write("a", b"ours")
    puts = [0]

    def race(name: str, key: str) -> None:
        if name == "put" and key == f"{PREFIX}a":
            puts[0] += 1
            if puts[0] in {2, 3}:
                number = puts[0]
                store.before = quiet
                store.put(key, b"theirs %d" % number)
                store.before = race

    store.before = race
    assert bench.sync().complete
    assert bench.body("a") == b"ours"
    bodies = sorted(bench.body(key) for key in bench.kept("a"))
    assert bodies == [b"theirs 0", b"theirs 2", b"theirs 3"]


@pytest.mark.parametrize("size", [4, LARGE], ids=["small", "large"])
def test_endless_race_waits_for_the_next_cycle(bench: Bench, store: FaultyStore, size: int) -> None:
    """After five rounds a path waits; nothing of the other's is lost, and later it goes on."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", os.urandom(size))
    rounds = [0]

    def race(name: str, key: str) -> None:
        if name in {"put", "create_multipart", "complete_multipart"} and key == f"{PREFIX}a":
            rounds[0] += 1
            store.before = quiet
            store.put(key, b"theirs %d" % rounds[0])
            store.before = race

    store.before = race
    outcome = bench.sync()
    assert not outcome.complete
    assert outcome.status.pending.files == 1
    assert 5 <= rounds[0] <= 8
    assert bench.body("a").startswith(b"theirs")
    store.before = quiet
    assert bench.sync().complete
    assert store.list_uploads(PREFIX) == []
    assert bench.body("a") == (bench.home / "a").read_bytes()


@pytest.mark.parametrize("after", ["copy", "put"])
def test_outage_makes_no_second_copy(bench: Bench, store: FaultyStore, after: str) -> None:
    """A sync that ends between copy and put goes on with the copy that is there."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours")
    seen = [0]

    def fail(name: str, key: str) -> None:
        if name == after and key == f"{PREFIX}a":
            seen[0] += 1
            if after == "copy" or seen[0] > 1:
                raise StoreUnavailable("It is gone.")

    store.before = fail
    assert not bench.sync().complete
    assert bench.body("a") == b"theirs"
    store.before = quiet
    assert bench.sync().complete
    assert [bench.body(key) for key in bench.kept("a")] == [b"theirs"]
    assert bench.body("a") == b"ours"


@pytest.mark.parametrize("error", [ConcurrentChange, SlowDown])
def test_refused_copies_are_tried_again(
    bench: Bench, store: FaultyStore, error: type[Exception]
) -> None:
    """A copy that the store refuses for the moment leaves both versions as they are."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours")

    def fail(name: str, _key: str) -> None:
        if name == "copy":
            raise error("Not now.")

    store.before = fail
    assert not bench.sync().complete
    assert bench.keys() == ["a"]
    assert bench.body("a") == b"theirs"
    store.before = quiet
    assert bench.sync().complete
    assert len(bench.kept("a")) == 1


def test_object_that_vanishes_in_a_conflict(bench: Bench, store: FaultyStore) -> None:
    """A version that is deleted while it is to be kept leaves only ours, put as new."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours")

    def vanish(name: str, key: str) -> None:
        if name == "copy":
            store.before = quiet
            store.delete(key)

    store.before = vanish
    assert bench.sync().complete
    assert bench.keys() == ["a"]
    assert bench.body("a") == b"ours"


def test_restore_then_sync_makes_one_copy(bench: Bench, second: Bench, store: FaultyStore) -> None:
    """The version a restore put beside is the one that the sync keeps in the bucket."""
    for name, size in {"small.txt": 5, "big.bin": LARGE}.items():
        bench.write(name, os.urandom(size), mtime_ns=OLD)
        second.write(name, os.urandom(size), mtime_ns=OLD)
    store.put(f"{PREFIX}plain", b"theirs")
    second.write("plain", b"ours")
    bench.sync()
    theirs = picture(bench.home)
    assert second.restore().complete
    assert second.restore().complete
    before = picture(second.home)
    assert len(before) == 6
    assert second.sync().complete
    assert sorted(before) == second.keys()
    for name in ("small.txt", "big.bin", "plain"):
        (copy,) = second.kept(name)
        assert second.body(name) == (second.home / name).read_bytes()
        assert second.body(copy) == (second.home / copy).read_bytes()
        if name in theirs:
            assert before[copy] == theirs[name]
    store.calls.clear()
    second.sync()
    assert second.restore().complete
    assert picture(second.home) == before


def test_deleted_copy_does_not_lose_the_version(bench: Bench, second: Bench) -> None:
    """A version whose local copy is gone before the sync is still kept in the bucket."""
    bench.write("a", b"theirs")
    bench.sync()
    second.write("a", b"ours")
    second.restore()
    (copy,) = second.home.glob("a (conflict *")
    copy.unlink()
    assert second.sync().complete
    assert second.body(copy.name) == b"theirs"
    assert second.body("a") == b"ours"


def test_edited_copy_does_not_lose_the_version(bench: Bench, second: Bench) -> None:
    """A local copy that was edited before the sync is one thing, the bucket's version another."""
    bench.write("a", b"theirs")
    bench.sync()
    second.write("a", b"ours")
    second.restore()
    (copy,) = second.home.glob("a (conflict *")
    copy.write_bytes(b"merged")
    second.sync()
    second.sync()
    keys = second.keys()
    assert sorted(map(second.body, keys)) == [b"merged", b"ours", b"theirs"]
    assert second.body(copy.name) == b"merged"


def test_file_of_the_bucket_meets_a_local_folder(second: Bench, store: FaultyStore) -> None:
    """A file whose name is a folder here comes beside the folder, once."""
    store.put(f"{PREFIX}a", b"theirs")
    (second.home / "a").mkdir()
    for _ in range(2):
        second.restore()
        (copy,) = second.home.glob("a (conflict *")
        assert copy.read_bytes() == b"theirs"
