"""Tests of folders that become links to somewhere else while a sync or a restore is under way."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.agents import eventually
from support.faults import FaultyStore
from support.homes import PREFIX, Bench, codes

from wherobots_storage.planning.tree import File, Symlink
from wherobots_storage.sync.folders import MOST, Folders
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.reading import Content, open_file, read_link, read_small
from wherobots_storage.sync.scan import examine


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the home, with a file and a link of the names used here."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "x").write_bytes(b"not of this home")
    (folder / "link").symlink_to("elsewhere")
    return folder


def _becomes_a_link(folder: Path, target: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(target)


def test_a_file_behind_a_link_is_not_read(bench: Bench, outside: Path) -> None:
    """A folder that became a link since the scan has no files any more: nothing of it is sent."""
    bench.write("d/x", b"mine")
    entry = examine(bench.home, "d/x")
    assert isinstance(entry, File)
    assert isinstance(read_small(Home.open(bench.settings), entry), Content)
    _becomes_a_link(bench.home / "d", outside)
    assert read_small(Home.open(bench.settings), entry) is None


def test_a_link_behind_a_link_is_not_read(bench: Bench, outside: Path) -> None:
    """The same for a symbolic link in such a folder."""
    (bench.home / "d").mkdir()
    (bench.home / "d/link").symlink_to("here")
    entry = examine(bench.home, "d/link")
    assert isinstance(entry, Symlink)
    content = read_link(Home.open(bench.settings), entry)
    assert isinstance(content, Content)
    assert content.body == b"here"
    _becomes_a_link(bench.home / "d", outside)
    assert read_link(Home.open(bench.settings), entry) is None


def test_a_home_of_another_name_is_read_all_the_same(bench: Bench, tmp_path: Path) -> None:
    """Where the kernel has another name for the home, its files are reached folder by folder."""
    bench.write("d/e/x", b"mine")
    other = tmp_path / "other-name"
    other.symlink_to(bench.home)
    with open_file(replace(Home.open(bench.settings), path=other), "d/e/x") as descriptor:
        assert os.read(descriptor, 10) == b"mine"


def test_a_restore_writes_nothing_behind_a_link(
    bench: Bench, store: FaultyStore, outside: Path
) -> None:
    """A folder that becomes a link during a restore gets nothing more; the rest is listed."""
    for name in ("1", "2"):
        bench.store.put(f"{PREFIX}d/{name}", name.encode())
    before = sorted(outside.iterdir())

    def becomes_a_link(name: str, key: str) -> None:
        if name == "get" and key.endswith("d/2"):
            eventually((bench.home / "d/1").exists)
            _becomes_a_link(bench.home / "d", outside)

    store.before = becomes_a_link
    assert codes(bench.restore())["d/2"] == "parent-not-folder"
    assert sorted(outside.iterdir()) == before


def test_a_marker_gives_its_mode_to_no_folder_outside(
    bench: Bench, store: FaultyStore, outside: Path
) -> None:
    """The mode that a restore gives a folder at its end is not given to what a link points to."""
    bench.store.put(f"{PREFIX}d/", b"", metadata={"mode": "711"})
    bench.store.put(f"{PREFIX}e", b"e" * (9 * 1024**2))
    outside.chmod(0o700)

    def becomes_a_link(_name: str, key: str) -> None:
        if key.endswith("/e") and not (bench.home / "d").is_symlink():
            eventually((bench.home / "d").is_dir)
            _becomes_a_link(bench.home / "d", outside)

    store.before = becomes_a_link
    assert codes(bench.restore())["d/"] == "not-restored"
    assert outside.stat().st_mode & 0o777 == 0o700


def test_folders_are_made_again_where_their_name_is(tmp_path: Path) -> None:
    """A folder that was moved away or removed meanwhile is made anew under its name."""
    folders = Folders(tmp_path)
    first = folders.open("a/b")
    (tmp_path / "a").rename(tmp_path / "moved")
    assert os.fstat(folders.open("a/b").descriptor).st_ino != os.fstat(first.descriptor).st_ino
    shutil.rmtree(tmp_path / "a")
    os.mkdir("c", dir_fd=folders.open("a/b").descriptor)
    assert (tmp_path / "a/b/c").is_dir()
    assert folders.made == {"a", "a/b"}


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_few_folders_are_held_open(tmp_path: Path) -> None:
    """However many folders a restore goes through, a bounded number of descriptors is open."""
    folders = Folders(tmp_path)
    before = _descriptors()
    for number in range(2 * MOST):
        folders.open(f"{number}")
    assert _descriptors() <= before + MOST + 1
    folders.close()
    assert _descriptors() <= before + 1


def test_a_missing_folder_is_only_made_when_asked_for(tmp_path: Path) -> None:
    """Looking for a folder makes none."""
    with pytest.raises(FileNotFoundError):
        Folders(tmp_path).open("a", make=False)
    assert not (tmp_path / "a").exists()


def test_a_folder_that_another_thread_is_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was made here, also for who meets it before that is written down."""
    folders, real = Folders(tmp_path), os.mkdir
    there, go = threading.Event(), threading.Event()

    def mkdir(*arguments: Any, **options: Any) -> None:
        real(*arguments, **options)
        there.set()
        go.wait(60)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(folders.open, "shut")
        assert there.wait(60)
        made = threads.submit(folders.make, "shut")
        wait([made], timeout=0.2)
        go.set()
        assert made.result(60) is True
    folders.close()
