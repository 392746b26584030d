"""Sync and restore against a real SeaweedFS, which has habits of its own."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from support.homes import OLD, PREFIX, Bench, codes, opened, picture

from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.probe import probe
from wherobots_storage.sync.reconcile import Reconciler

pytestmark = pytest.mark.store


@pytest.fixture
def first(tmp_path: Path, s3_store: S3Store) -> Bench:
    """The home that is saved."""
    return Bench(tmp_path, s3_store, "first")


@pytest.fixture
def second(tmp_path: Path, s3_store: S3Store) -> Bench:
    """The home that it is restored into."""
    return Bench(tmp_path, s3_store, "second")


def test_round_trip(first: Bench, second: Bench) -> None:
    """A tree with odd names, modes, times, links, empty folders and a large file comes back."""
    first.write("plain.txt", b"hello", mtime_ns=OLD)
    first.write("a-b", b"", mtime_ns=0)
    first.write("a.txt", mtime_ns=OLD)
    first.write("a/b", mtime_ns=OLD)
    first.write("odd/100% #?+&'\" äöü 名 🙂 .txt", mtime_ns=OLD)
    first.write("odd/ leading and trailing ", mtime_ns=OLD)
    first.write("odd/new\nline\tand\x7fmore\x01", mtime_ns=OLD)
    first.write("odd/%2e%2e%2fx", mtime_ns=OLD)
    first.write("odd/...", mtime_ns=OLD)
    first.write("bin/run", b"#!/bin/sh\n", mtime_ns=OLD).chmod(0o755)
    first.write("secret", mtime_ns=OLD).chmod(0o400)
    first.write("big", os.urandom(40 * 1024**2), mtime_ns=OLD)
    first.write("locked/in/x", mtime_ns=OLD)
    (first.home / "empty/inner").mkdir(parents=True)
    (first.home / "private").mkdir(mode=0o700)
    (first.home / "link").symlink_to("a/b")
    (first.home / "a/up").symlink_to("../plain.txt")
    for name in ("link", "a/up"):
        os.utime(first.home / name, ns=(OLD, OLD), follow_symlinks=False)
    (first.home / "locked/in").chmod(0o555)
    (first.home / "locked").chmod(0o555)
    outcome = first.sync()
    assert codes(outcome) == {}
    assert outcome.complete
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)


def test_rewritten_names_are_found_out(first: Bench, s3_store: S3Store) -> None:
    """SeaweedFS makes a slash of a backslash: the probe knows, and such a name is skipped."""
    abilities = probe(s3_store, PREFIX)
    assert abilities.unfaithful == {"\\"}
    assert abilities.conditions
    first.write("a\\b", b"odd")
    first.write("a/b", b"plain")
    assert codes(first.sync()) == {"a\\b": "name-rewritten"}
    assert first.keys() == ["a/b"]
    with s3_store.get(f"{PREFIX}a/b") as body:
        assert b"".join(body.chunks()) == b"plain"


def test_hidden_folders_are_found_out(first: Bench, second: Bench, s3_store: S3Store) -> None:
    """SeaweedFS never lists its own folders' names: they are skipped, and nothing is trashed."""
    assert probe(s3_store, PREFIX).hidden == {".uploads", "*.versions"}
    skipped = ["data.versions/a.csv", "x/.uploads/b"]
    # Other names that stores keep for themselves somewhere, and files of these.
    saved = [".minio.sys/a", ".rgw/a", ".snapshot/a", "a.uploads/b", "f/.uploads", "f/x.versions"]
    for path in (*skipped, *saved):
        first.write(path, mtime_ns=OLD)
    assert set(codes(first.sync()).values()) == {"name-hidden"}
    assert first.keys() == [*saved, "x/"]
    for path in skipped:  # as an older version did
        s3_store.put(f"{PREFIX}{path}", b"x")
    first.restore()
    assert not (first.home / ".wherobots/trash").exists()
    second.restore()
    assert all((second.home / path).read_bytes() == b"x" for path in saved)


def test_probe_leaves_nothing(s3_store: S3Store) -> None:
    """The probe takes its objects away again."""
    probe(s3_store, PREFIX)
    assert s3_store.list_page(PREFIX).entries == ()


def test_hundreds_of_files(first: Bench, second: Bench) -> None:
    """A home of hundreds of small files goes there and comes back as it was."""
    for number in range(400):
        first.write(f"d{number % 37}/e{number % 5}/f{number}.py", os.urandom(number), mtime_ns=OLD)
    assert first.sync().complete
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)
    assert second.sync().complete


def test_edits_and_deletions(first: Bench, second: Bench) -> None:
    """Changed files replace their objects, deleted ones take theirs with them."""
    for number in range(10):
        first.write(f"d/f{number}", mtime_ns=OLD)
    first.sync()
    first.write("d/f1", b"changed")
    (first.home / "d/f2").unlink()
    (first.home / "d/f3").rename(first.home / "moved")
    assert first.sync().complete
    second.restore()
    assert picture(second.home) == picture(first.home)


def test_conditions_protect_others(first: Bench, s3_store: S3Store) -> None:
    """Neither a foreign object nor a foreign version is overwritten or deleted."""
    s3_store.put(f"{PREFIX}theirs", b"theirs")
    first.write("theirs", b"mine")
    first.write("ours", b"ours")
    first.write("going", b"ours")
    assert codes(first.sync()) == {"theirs": "conflict"}
    s3_store.put(f"{PREFIX}ours", b"changed by them")
    s3_store.put(f"{PREFIX}going", b"changed by them")
    first.write("ours", b"ours again")
    (first.home / "going").unlink()
    assert codes(first.sync()) == dict.fromkeys(("theirs", "ours", "going"), "conflict")
    assert first.body("theirs") == b"mine"
    assert first.body("ours") == b"ours again"
    assert first.body("going") == b"changed by them"
    assert [first.body(key) for key in first.kept("theirs")] == [b"theirs"]
    assert [first.body(key) for key in first.kept("ours")] == [b"changed by them"]


def test_conflict_of_large_files(first: Bench, second: Bench, s3_store: S3Store) -> None:
    """Two large versions of one name both come to every home, and no upload stays open."""
    first.write("big.bin", os.urandom(20 * 1024**2), mtime_ns=OLD)
    second.write("big.bin", os.urandom(9 * 1024**2), mtime_ns=OLD)
    first.sync()
    assert codes(second.sync()) == {"big.bin": "conflict"}
    (copy,) = second.kept("big.bin")
    assert s3_store.list_uploads(PREFIX) == []
    second.restore()
    first.restore()
    assert picture(first.home) == picture(second.home)
    assert (first.home / copy).stat().st_size == 20 * 1024**2


@pytest.mark.parametrize("back", [False, True], ids=["file to folder", "folder to file"])
def test_type_change(first: Bench, second: Bench, *, back: bool) -> None:
    """A file that became a folder, or the reverse, arrives; the folder's ghost does not matter."""
    names = ("a/b", "a") if back else ("a", "a/b")
    first.write("other")
    first.write(names[0])
    (first.home / "e").mkdir()
    first.sync()
    shutil.rmtree(first.home / "e")
    first.write("e")
    if back:
        shutil.rmtree(first.home / "a")
    else:
        (first.home / "a").unlink()
    first.write(names[1])
    outcome = first.sync()
    assert codes(outcome) == {}
    assert outcome.complete
    assert first.keys() == sorted([names[1], "e", "other"])
    second.restore()
    assert picture(second.home) == picture(first.home)


def test_markers_come_and_go(first: Bench, second: Bench) -> None:
    """An empty folder's marker is made, survives being filled, and goes with the folder."""
    (first.home / "d").mkdir(mode=0o750)
    first.write("keep")
    assert first.sync().complete
    first.write("d/x")
    assert first.sync().complete
    (first.home / "d/x").unlink()
    assert first.sync().complete
    (first.home / "d").chmod(0o700)
    assert first.sync().complete
    second.restore()
    assert stat.S_IMODE((second.home / "d").stat().st_mode) == 0o700
    (first.home / "d").rmdir()
    assert first.sync().complete
    assert first.keys() == ["keep"]


def test_deleting_a_marker_spares_what_is_below(first: Bench, s3_store: S3Store) -> None:
    """A folder that goes here leaves a foreign object in it where it is."""
    (first.home / "d").mkdir(mode=0o700)
    first.write("keep")
    first.sync()
    s3_store.put(f"{PREFIX}d/theirs", b"t")
    (first.home / "d").rmdir()
    assert first.sync().complete
    assert first.keys() == ["d/theirs", "keep"]


def test_emptied_bucket_is_filled_again(first: Bench, s3_store: S3Store) -> None:
    """A mirror that was emptied trashes nothing, and is complete after the next sync."""
    for number in range(5):
        first.write(f"f{number}", mtime_ns=OLD)
    first.sync()
    s3_store.delete_many([f"{PREFIX}f{number}" for number in range(5)])
    assert "mirror-emptied" in codes(first.restore()).values()
    first.sync()
    assert len(first.keys()) == 5


def test_reconcile_finds_what_vanished_and_nothing_else(first: Bench, s3_store: S3Store) -> None:
    """A listing of every kind of object finds them all; what was deleted there goes up again."""
    for name in ("a", "a.txt", "d/a", "odd/ name\n", "gone/x"):
        first.write(name, mtime_ns=OLD)
    first.write("big", os.urandom(9 * 1024**2), mtime_ns=OLD)
    (first.home / "empty").mkdir()
    (first.home / "odd/mode").mkdir(mode=0o700)
    (first.home / "link").symlink_to("a")
    assert first.sync().complete
    keys = first.keys()
    with opened(first, reconciler=Reconciler(0.0)) as (session, _):
        session.cycle(Cancel())  # files as young as the first sync are looked at once more
        assert session.cycle(Cancel()).moved == 0
        s3_store.delete_many([f"{PREFIX}{key}" for key in ("gone/x", "big", "link")])
        assert session.cycle(Cancel()).moved == 3
    assert first.keys() == keys
