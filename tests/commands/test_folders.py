from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wherobots_storage.commands.folders import claimed
from wherobots_storage.errors import AlreadyRunning, LocalIOError


def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    """A new data folder has mode 0700."""
    with claimed(tmp_path / "a" / "b", "data") as claim:
        assert claim.folder == tmp_path / "a" / "b"
        assert stat.S_IMODE(claim.folder.stat().st_mode) == 0o700


def test_a_given_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    """A folder somebody named is never exchanged for another."""
    with (
        claimed(tmp_path / "d", "data"),
        pytest.raises(AlreadyRunning, match="in use"),
        claimed(tmp_path / "d", "data"),
    ):
        pass


def test_without_a_name_the_next_free_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two at once get two folders, and a later one the first that is free again."""
    monkeypatch.chdir(tmp_path)
    with claimed(None, "data") as first, claimed(None, "data") as second:
        assert (first.folder.name, second.folder.name) == ("data", "data-2")
    with claimed(None, "data") as third:
        assert third.folder.name == "data"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A file in the way is an error that names the folder."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalIOError, match="cannot be made"), claimed(tmp_path / "file", "data"):
        pass
