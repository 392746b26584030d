"""The list of open uploads on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherobots_storage.handlers.registry import OpenUpload, UploadRegistry

ONE = OpenUpload("bucket", "key ☃\n", "id-1")
TWO = OpenUpload("bucket", "key", "id-2")


def abandoned(registry: UploadRegistry) -> list[list[OpenUpload]]:
    """What a registry finds of others."""
    return [uploads for _, uploads in registry.abandoned()]


def test_what_a_dead_server_left_is_found(tmp_path: Path) -> None:
    """An upload that was begun and not ended is found by the next; one that was ended is not."""
    dead = UploadRegistry(tmp_path)
    dead.begin(ONE)
    dead.begin(TWO)
    dead.end(ONE)
    assert dead._handle is not None
    os.close(dead._handle)  # as the kernel does for a process that was killed
    assert abandoned(UploadRegistry(tmp_path)) == [[TWO]]


def test_what_a_living_server_has_open_is_its_own(tmp_path: Path) -> None:
    """The file of a process that lives is locked, and passed over; its own is not looked at."""
    living = UploadRegistry(tmp_path)
    living.begin(ONE)
    assert abandoned(UploadRegistry(tmp_path)) == []
    assert abandoned(living) == []
    living.close()


def test_a_clean_end_leaves_no_file(tmp_path: Path) -> None:
    """With nothing open the file goes; with something open it stays for the next start."""
    clean = UploadRegistry(tmp_path)
    clean.begin(ONE)
    clean.end(ONE)
    clean.end(TWO)
    clean.close()
    clean.close()
    assert list(tmp_path.iterdir()) == []
    untidy = UploadRegistry(tmp_path)
    untidy.begin(ONE)
    untidy.close()
    assert abandoned(UploadRegistry(tmp_path)) == [[ONE]]


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    """The folder is made, for its owner only, when there is something to write."""
    registry = UploadRegistry(tmp_path / "state" / "uploads")
    assert abandoned(registry) == []
    registry.close()
    registry.begin(ONE)
    assert (tmp_path / "state" / "uploads").stat().st_mode & 0o777 == 0o700
    registry.close()


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"begin": 5}', '{"begin": ["a"]}', "\x00"])
def test_lines_without_sense_are_passed_over(tmp_path: Path, line: str) -> None:
    """A torn or foreign line does not hide the others."""
    good = '{"begin": ["bucket", "key", "id-2"]}'
    (tmp_path / "dead.uploads").write_text(f"{line}\n{good}\n{line}")
    assert abandoned(UploadRegistry(tmp_path)) == [[TWO]]
