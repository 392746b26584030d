"""A journal is of one home: it is believed there, wherever that is mounted, and nowhere else."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.homes import OLD, PREFIX, Bench, opened

from wherobots_storage.errors import HomeMissing
from wherobots_storage.planning.format import file_metadata
from wherobots_storage.sync.belonging import claim, is_of
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.intents import Intent, Intents
from wherobots_storage.sync.state import StateFolder


def moved(bench: Bench) -> None:
    """Bring a home to another disk, as it is: every device number and inode is another one."""
    copy = bench.home.with_name("copy")
    shutil.copytree(bench.home, copy, symlinks=True)
    bench.home.rename(bench.home.with_name("former"))
    copy.rename(bench.home)


def made_anew(bench: Bench) -> None:
    """A home whose directory has the former's device and inode, and nothing else of it."""
    for entry in bench.home.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def test_a_home_stays_the_same_under_another_device_and_inode(bench: Bench) -> None:
    """What was edited and deleted before a remount is an edit and a deletion after it."""
    for name in "abc":
        bench.write(name, name.encode(), mtime_ns=OLD)
    bench.sync()
    (bench.home / "b").unlink()
    bench.write("a", b"edited")
    before = bench.home.stat()
    moved(bench)
    assert (before.st_dev, before.st_ino) != (bench.home.stat().st_dev, bench.home.stat().st_ino)
    bench.restore()
    assert bench.sync().complete
    assert (bench.keys(), bench.body("a")) == (["a", "c"], b"edited")


def test_a_home_made_anew_in_the_same_place_has_deleted_nothing(bench: Bench) -> None:
    """A skeleton under the former home's device and inode is a new instance: all is restored."""
    for number in range(40):
        bench.write(f"f{number}", b"%d" % number, mtime_ns=OLD)
    bench.write(".bashrc", b"skeleton", mtime_ns=OLD)
    bench.sync()
    made_anew(bench)
    bench.write(".bashrc", b"skeleton")
    bench.restore()
    assert len([*bench.home.glob("f*")]) == 40
    bench.sync()
    assert len(bench.keys()) == 41


def test_a_sync_without_a_restore_deletes_nothing_of_a_home_made_anew(bench: Bench) -> None:
    """The same without a restore in between."""
    for number in range(40):
        bench.write(f"f{number}", b"%d" % number, mtime_ns=OLD)
    bench.sync()
    made_anew(bench)
    bench.write("new")
    bench.sync()
    assert len(bench.keys()) == 41


def test_a_token_that_is_removed_while_the_home_is_looked_after_comes_back(bench: Bench) -> None:
    """Who tidies ``.wherobots`` away has not got a new home by it."""
    bench.write("a", b"a", mtime_ns=OLD)
    bench.write("b", b"b", mtime_ns=OLD)
    with opened(bench) as (session, _):
        session.cycle(Cancel())
        shutil.rmtree(bench.home / ".wherobots")
        session.cycle(Cancel())
    (bench.home / "b").unlink()
    bench.restore()
    bench.sync()
    assert bench.keys() == ["a"]


@pytest.mark.parametrize("way", ["file", "link", "closed"])
def test_a_home_that_takes_no_token_is_told_by_its_inode(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Where ``.wherobots`` is no folder, or another user's, a home is known as it was before."""
    work = bench.home / ".wherobots"
    bench.write("a", mtime_ns=OLD)
    bench.write("b", mtime_ns=OLD)
    if way == "file":
        work.write_bytes(b"in its place")
    elif way == "link":
        (tmp_path / "elsewhere").mkdir()
        work.symlink_to(tmp_path / "elsewhere")
    else:
        bench.sync()
        real = Path.lstat

        def lstat(path: Path) -> os.stat_result:
            if path == work:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(Path, "lstat", lstat)
    bench.sync()
    (bench.home / "b").unlink()
    bench.restore()
    bench.sync()
    assert bench.keys() == ["a"]
    assert way != "link" or not [*(tmp_path / "elsewhere").iterdir()]


def test_a_killed_first_sync_leaves_nothing_to_a_new_home(bench: Bench) -> None:
    """What it was about to put was of the former home: the new one has not deleted it."""
    body = b"precious"
    digest = hashlib.sha256(body).hexdigest()
    bench.write("a", body, mtime_ns=OLD)
    with opened(bench) as (session, _):
        session.home()
        # The object arrived; the process died before its row was written.
        Intents(session.mirror, session.journal).note([Intent("a", digest, is_new=True)])
        bench.store.put(f"{PREFIX}a", body, metadata=file_metadata(OLD, 0o644, digest))
    bench.home.rename(bench.home.with_name("former"))
    bench.home.mkdir()
    bench.restore()
    assert (bench.home / "a").read_bytes() == body
    bench.sync()
    assert bench.keys() == ["a"]


def test_a_journal_that_says_nothing_yet_does_not_tie_two_homes(bench: Bench) -> None:
    """A bare mount point that a start found instead of the home is no part of it afterwards."""
    bench.sync()
    away = bench.home.rename(bench.home.with_name("away"))
    bench.home.mkdir()
    bench.store.put(f"{PREFIX}theirs", b"another's")
    bench.restore()
    bench.home.rename(bench.home.with_name("bare"))
    away.rename(bench.home)
    bench.write("new")
    bench.sync()
    assert bench.keys() == ["new", "theirs"]


def test_a_bare_mount_point_does_not_get_the_homes_token(bench: Bench) -> None:
    """A home that goes away as it is claimed is missing; its token stays in it alone."""
    bench.write("a", mtime_ns=OLD)
    with opened(bench) as (session, _):
        session.cycle(Cancel())
        home = session.home()
        away = bench.home.rename(bench.home.with_name("away"))
        bench.home.mkdir()
        for look in (claim, is_of):
            with pytest.raises(HomeMissing):
                look(session.journal, home)
        assert not [*bench.home.iterdir()]
        bench.home.rmdir()
        away.rename(bench.home)
        assert is_of(session.journal, session.home())


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.ENOTCONN, errno.EIO])
def test_a_home_whose_disk_answers_an_error_is_missing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A closed folder, a stale network mount and a dead FUSE process are told, and lose nothing."""
    bench.write("a")
    bench.sync()
    real = os.stat

    def stat(path: Any, *args: Any, **named: Any) -> os.stat_result:
        if not isinstance(path, int) and os.fspath(path) == str(bench.home):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", stat)
        for run in (bench.sync, bench.restore):
            with pytest.raises(HomeMissing, match=os.strerror(number)):
                run()
    assert bench.sync().complete
    assert bench.keys() == ["a"]


def test_a_home_that_leads_to_itself_is_missing(bench: Bench) -> None:
    """A link to itself is no home, and no crash either."""
    bench.home.rmdir()
    bench.home.symlink_to(bench.home)
    with pytest.raises(HomeMissing):
        Home.open(bench.settings)
    with pytest.raises(HomeMissing):
        StateFolder.for_settings(bench.settings)
