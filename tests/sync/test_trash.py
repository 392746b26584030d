"""What a restore takes out of the home is kept in the trash, every version of it."""

from __future__ import annotations

from pathlib import Path

from wherobots_storage.planning.tree import File, Record
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer
from wherobots_storage.sync.scan import examine

STAMP = "2026-01-31 120000"


def trash(home: Path, path: str, body: bytes) -> bool:
    """Write a file, and trash it as one that the journal knows."""
    (home / path).parent.mkdir(parents=True, exist_ok=True)
    (home / path).write_bytes(body)
    entry = examine(home, path)
    assert isinstance(entry, File)
    record = Record(path, "file", *entry[1:], "sha256", "etag", 0.0)
    return Installer(Home(home, (".wherobots/",), (), 0o022)).trash(path, record, STAMP)


def kept(home: Path) -> dict[str, bytes]:
    """What is in the trash, by its path there."""
    folder = home / ".wherobots/trash"
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_two_versions_within_a_second_are_both_kept(tmp_path: Path) -> None:
    """A path that comes to the trash again in the same second takes nobody's place."""
    for body in (b"one", b"two", b"three"):
        assert trash(tmp_path, "folder/a", body)
    assert kept(tmp_path) == {
        f"{STAMP}/folder/a": b"one",
        f"{STAMP} (2)/folder/a": b"two",
        f"{STAMP} (3)/folder/a": b"three",
    }


def test_a_file_that_is_a_folder_a_moment_later(tmp_path: Path) -> None:
    """A path below one that is in the trash as a file finds a place, and so the other way."""
    assert trash(tmp_path, "a", b"a file")
    assert trash(tmp_path, "a/b", b"below it")
    (tmp_path / "a").rmdir()
    assert trash(tmp_path, "a", b"a file again")
    assert sorted(kept(tmp_path).values()) == [b"a file", b"a file again", b"below it"]
