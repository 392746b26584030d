"""Folders whose names a store keeps for itself: what is put there is there, and is never listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults import HidingStore
from support.homes import PREFIX, Bench, codes, opened

from wherobots_storage.errors import (
    AccessDenied,
    NotFound,
    StorageError,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.namespace.hidden import KNOWN, is_hidden, lies_hidden
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.lease import LeaseObject
from wherobots_storage.sync.probe import probe
from wherobots_storage.sync.reconcile import Reconciler

DATA, PARTS = "data.versions/a.csv", "x/.uploads/b"
SKIPPED = {"data.versions/": "name-hidden", "x/.uploads/": "name-hidden"}
OTHERS = [f"other{number}" for number in range(6)]


@pytest.fixture
def store() -> HidingStore:
    """A store that hides them."""
    return HidingStore()


@pytest.fixture
def bench(tmp_path: Path, store: HidingStore) -> Bench:
    """A home with files in such folders, and others."""
    bench = Bench(tmp_path, store)
    for path in (DATA, PARTS, *OTHERS):
        bench.write(path, path.encode())
    return bench


def save_unaware(bench: Bench, store: HidingStore) -> None:
    """Save all of it as a version did that did not know of such folders."""
    store.hides = False
    assert bench.sync().complete
    store.hides = True


def trashed(bench: Bench) -> list[str]:
    """What is in the trash, without the stamps."""
    found = (bench.home / ".wherobots/trash").rglob("*")
    return sorted(path.name for path in found if path.is_file())


def assert_untouched(bench: Bench) -> None:
    """All of the home is where it was."""
    for path in (DATA, PARTS, *OTHERS):
        assert (bench.home / path).read_bytes() == path.encode()
    assert trashed(bench) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.versions/b", True),
        (".versions/b", True),
        ("a/.uploads/b/c", True),
        ("a.versions/", True),
        ("a.versions", False),
        ("a/.uploads", False),
        ("a.versions.d/b", False),
        ("x.uploads/b", False),
        ("versions/b", False),
    ],
)
def test_what_lies_in_such_a_folder(path: str, expected: bool) -> None:
    """A folder's name decides, at any depth, and never a file's."""
    assert lies_hidden(KNOWN, path) is expected


def test_nothing_is_hidden_by_most_stores() -> None:
    """Where a store hides nothing, every name is as good as another."""
    assert not is_hidden((), ".uploads")
    assert not lies_hidden(frozenset(), DATA)


def test_such_a_folder_is_listed_and_nothing_is_put_there(bench: Bench, store: HidingStore) -> None:
    """A sync says that it is not saved, and why; it is not said that all is in the bucket."""
    outcome = bench.sync()
    assert codes(outcome) == SKIPPED
    assert not outcome.complete
    assert bench.keys() == [*OTHERS, "x/"]
    for path in (DATA, PARTS):
        with pytest.raises(NotFound):
            store.head(PREFIX + path)


def test_files_of_such_names_are_saved(tmp_path: Path, store: HidingStore) -> None:
    """Only folders are hidden."""
    bench = Bench(tmp_path, store, "files")
    bench.write("data.versions")
    bench.write(".uploads")
    assert bench.sync().complete
    assert bench.keys() == [".uploads", "data.versions"]


def test_other_stores_have_such_folders(tmp_path: Path, store: HidingStore) -> None:
    """Where the store lists them they are saved as all others are."""
    store.hides = False
    bench = Bench(tmp_path, store, "plain")
    bench.write(DATA)
    bench.write(PARTS)
    assert bench.sync().complete
    assert bench.keys() == [DATA, PARTS]


def test_a_save_in_such_a_folder_is_not_followed(bench: Bench, store: HidingStore) -> None:
    """A hint from it leads to no put either, neither there nor below it."""
    bench.sync()
    with opened(bench) as (session, _):
        session.cycle(Cancel())
        store.calls.clear()
        (bench.home / DATA).write_bytes(b"more")
        deep = bench.write("data.versions/deep/er")
        folders = frozenset({"data.versions/", "data.versions/deep/"})
        session.hinted(Cancel(), Focus(flat=folders))
    assert deep.exists()
    assert store.count("put") == 0


def test_the_start_after_it_takes_nothing_for_deleted(bench: Bench, store: HidingStore) -> None:
    """What an older version put there stays in the home, is listed, and its objects stay too."""
    save_unaware(bench, store)
    outcome = bench.restore()
    assert codes(outcome) == {DATA: "name-hidden", PARTS: "name-hidden"}
    assert_untouched(bench)
    assert codes(bench.sync()) == SKIPPED
    assert_untouched(bench)
    assert bench.body(DATA) == DATA.encode()


def test_what_is_gone_goes_to_the_trash_beside_what_is_hidden(
    bench: Bench, store: HidingStore
) -> None:
    """Each path of a folder is asked for: one that really is deleted there is so here."""
    bench.write("data.versions/b.csv")
    save_unaware(bench, store)
    for path in ("data.versions/b.csv", "other0"):
        store.delete(PREFIX + path)
    assert codes(bench.restore()) == {DATA: "name-hidden", PARTS: "name-hidden"}
    assert trashed(bench) == ["b.csv", "other0"]
    assert (bench.home / DATA).exists()


def test_one_request_asks_for_a_folder(tmp_path: Path, store: HidingStore) -> None:
    """Of a folder's files that vanished one is asked for, where that really is gone."""
    bench = Bench(tmp_path, store, "many")
    for number in range(40):
        bench.write(f"stays/{number}")
        bench.write(f"goes/{number}")
    bench.sync()
    for number in range(30):
        store.delete(f"{PREFIX}goes/{number}")
    store.calls.clear()
    assert bench.restore().complete
    assert len(trashed(bench)) == 30
    assert store.count("head", "goes/") == 1


@pytest.mark.parametrize(
    ("error", "goes"),
    [
        (AccessDenied("Refused."), True),
        (UnexpectedAnswer("What?"), False),
        (StoreUnavailable("Away."), False),
    ],
)
def test_what_cannot_be_asked_for(
    bench: Bench, store: HidingStore, error: StorageError, goes: bool
) -> None:
    """A refusal leaves the listing's word; after any other failure the file stays for now."""
    save_unaware(bench, store)
    store.delete(f"{PREFIX}other0")

    def fail(name: str, key: str) -> None:
        if name == "head" and key == f"{PREFIX}other0":
            raise error

    store.before = fail
    bench.restore()
    assert (trashed(bench) == ["other0"]) is goes
    assert (bench.home / "other0").exists() is not goes
    store.heal()
    bench.restore()
    assert trashed(bench) == ["other0"]


def test_the_hourly_listing_forgets_no_hidden_row(bench: Bench, store: HidingStore) -> None:
    """What cannot be listed has not vanished, so its row stays; another is saved again."""
    save_unaware(bench, store)
    store.delete(f"{PREFIX}other0")
    with opened(bench, reconciler=Reconciler(interval=0.0)) as (session, _):
        session.cycle(Cancel())
        assert session.journal.get(DATA) is not None
        assert session.journal.get(PARTS) is not None
    assert bench.body("other0") == b"other0"


def test_a_renamed_folder_is_saved_and_leaves_nothing(bench: Bench, store: HidingStore) -> None:
    """The way out of it: under another name it is saved, and what was hidden is deleted there."""
    save_unaware(bench, store)
    (bench.home / "data.versions").rename(bench.home / "data-versions")
    outcome = bench.sync()
    assert codes(outcome) == {"x/.uploads/": "name-hidden"}
    assert bench.keys() == ["data-versions/a.csv", *OTHERS, "x/"]
    with pytest.raises(NotFound):
        store.head(PREFIX + DATA)


def test_nothing_is_saved_aside_there(bench: Bench, store: HidingStore) -> None:
    """A final sync without the lease keeps to it, in its first look too."""
    other = LeaseObject(store, PREFIX, instance="other", host="elsewhere")
    assert other.take() is None
    outcome = bench.final(None)
    hidden = [path for path, code in codes(outcome).items() if code == "name-hidden"]
    assert hidden
    with store._lock:
        keys = [key.removeprefix(PREFIX) for key in store._objects]
    assert not [key for key in keys if lies_hidden(KNOWN, key)]
    assert len([key for key in keys if "(conflict" in key]) == len(OTHERS)


def test_the_probe_takes_away_what_it_put(store: HidingStore) -> None:
    """Also what the store does not list, by its key."""
    assert probe(store, PREFIX).hidden == set(KNOWN)
    assert list(store._objects) == []


def test_a_mirror_below_such_a_folder_is_refused(store: HidingStore) -> None:
    """Where the store lists nothing at all of the mirror, nothing is put and called safe."""
    with pytest.raises(UnexpectedAnswer, match="does not list"):
        probe(store, "org/notebooks/customer-a.versions/")
    assert list(store._objects) == []
