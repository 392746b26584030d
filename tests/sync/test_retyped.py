"""A restore of names that another instance gave another type: files that are folders now."""

from __future__ import annotations

from contextlib import suppress

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, picture

from wherobots_storage.errors import StorageError, StoreUnavailable


@pytest.fixture
def saved(bench: Bench) -> Bench:
    """A home with a file, folders of files, and an empty folder, all in the bucket."""
    for name in ("file", "folder/one", "folder/in/two", "z"):
        bench.write(name, name.encode(), mtime_ns=OLD)
    (bench.home / "empty").mkdir()
    bench.sync()
    return bench


def of_others(bench: Bench, *, gone: list[str], new: dict[str, bytes]) -> None:
    """Another instance deletes and saves objects."""
    for name in gone:
        bench.store.delete(f"{PREFIX}{name}")
    for name, body in new.items():
        bench.store.put(f"{PREFIX}{name}", body)


def here(bench: Bench) -> dict[str, bytes]:
    """The files of the home, and folders with a slash and no bytes."""
    found = {}
    for path in bench.home.rglob("*"):
        name = str(path.relative_to(bench.home))
        if not name.startswith(".wherobots"):
            found[name if path.is_file() else f"{name}/"] = (
                path.read_bytes() if path.is_file() else b""
            )
    return found


def trashed(bench: Bench) -> dict[str, bytes]:
    """What is in the trash, by its path in the home."""
    stamps = bench.home.glob(".wherobots/trash/*")
    return {
        str(file.relative_to(stamp)): file.read_bytes()
        for stamp in stamps
        for file in stamp.rglob("*")
        if file.is_file()
    }


def test_a_file_became_a_folder(saved: Bench) -> None:
    """What is in the folder is here after one restore, and the file is in the trash."""
    of_others(saved, gone=["file"], new={"file/in/it": b"new", "file/x": b""})
    assert saved.restore().complete
    assert here(saved).items() >= {"file/in/it": b"new", "file/x": b""}.items()
    assert trashed(saved) == {"file": b"file"}
    assert saved.sync().complete
    assert set(saved.keys()) >= {"file/in/it", "file/x"}
    assert "file" not in saved.keys()  # noqa: SIM118  # no mapping


def test_a_file_became_an_empty_folder(saved: Bench) -> None:
    """A marker alone makes the folder, too."""
    of_others(saved, gone=["file"], new={"file/": b""})
    assert saved.restore().complete
    assert (saved.home / "file").is_dir()
    assert trashed(saved) == {"file": b"file"}


def test_a_folder_became_a_file(saved: Bench) -> None:
    """The file has its name after one restore, and what was in the folder is in the trash."""
    of_others(saved, gone=["folder/one", "folder/in/two"], new={"folder": b"new"})
    assert saved.restore().complete
    assert (saved.home / "folder").read_bytes() == b"new"
    assert trashed(saved) == {"folder/one": b"folder/one", "folder/in/two": b"folder/in/two"}
    before = saved.keys()
    assert saved.sync().complete
    assert saved.keys() == before == ["empty/", "file", "folder", "z"]


def test_an_empty_folder_became_a_file(saved: Bench) -> None:
    """A folder with nothing in it makes way; its marker does not come back."""
    of_others(saved, gone=["empty/"], new={"empty": b"new"})
    assert saved.restore().complete
    assert (saved.home / "empty").read_bytes() == b"new"
    assert saved.sync().complete
    assert "empty/" not in saved.keys()  # noqa: SIM118  # no mapping


@pytest.mark.parametrize("mine", ["folder/mine", "folder/in/mine", "folder/new/"])
def test_a_folder_with_something_of_its_own(saved: Bench, mine: str) -> None:
    """What only this home has stays where it is, and the file arrives beside the folder."""
    if mine.endswith("/"):
        (saved.home / mine).mkdir()
    else:
        saved.write(mine, b"mine")
    of_others(saved, gone=["folder/one", "folder/in/two"], new={"folder": b"new"})
    saved.restore()
    found = here(saved)
    assert found[mine] == (b"" if mine.endswith("/") else b"mine")
    assert [body for name, body in found.items() if name.startswith("folder (conf")] == [b"new"]
    saved.sync()
    assert b"new" in {saved.body(key) for key in saved.keys()}  # noqa: SIM118  # no mapping


def test_a_file_that_was_edited_here(saved: Bench) -> None:
    """It stays, what is in the folder of its name is listed, and all of it is in the bucket."""
    saved.write("file", b"edited here")
    of_others(saved, gone=["file"], new={"file/x": b"new"})
    assert codes(saved.restore())["file/x"] == "parent-not-folder"
    saved.sync()
    assert (saved.home / "file").read_bytes() == b"edited here"
    assert saved.body("file") == b"edited here"
    assert saved.body("file/x") == b"new"


def test_a_veto_keeps_what_stands_there(bench: Bench) -> None:
    """Where most of the bucket vanished nothing makes way: files stay, and are saved again."""
    for number in range(60):
        bench.write(f"f{number:02}", mtime_ns=OLD)
    bench.sync()
    of_others(bench, gone=[f"f{number:02}" for number in range(60)], new={"f00/x": b"new"})
    outcome = bench.restore()
    assert codes(outcome)["f00/x"] == "parent-not-folder"
    assert len(picture(bench.home)) >= 60
    assert trashed(bench) == {}
    bench.sync()
    assert len(bench.keys()) == 61


def test_a_restore_that_breaks_off_in_between(saved: Bench, store: FaultyStore) -> None:
    """When the store goes away after the folder made way, a later restore brings the file."""
    of_others(saved, gone=["folder/one", "folder/in/two"], new={"folder": b"new"})

    def away(name: str, key: str) -> None:
        if name == "get" or (name == "head" and key.endswith("probe")):
            raise StoreUnavailable("It is away.")

    store.before = away
    with suppress(StorageError):
        saved.restore()
    store.heal()
    saved.sync()
    assert saved.body("folder") == b"new"
    assert saved.restore().complete
    assert (saved.home / "folder").read_bytes() == b"new"
    assert trashed(saved) == {"folder/one": b"folder/one", "folder/in/two": b"folder/in/two"}
