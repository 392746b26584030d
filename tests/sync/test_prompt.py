"""Small changed files go up while the home is still scanned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.agents import eventually
from support.faults import FaultyStore
from support.homes import Bench, opened

from wherobots_storage.errors import StorageError, StoreUnavailable
from wherobots_storage.planning.backup import Upload
from wherobots_storage.planning.tree import Directory, File, Record, Symlink
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.pending import Pending
from wherobots_storage.sync.prompt import MOST_BYTES, MOST_FILES, Prompt
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.uploads import TOGETHER
from wherobots_storage.sync.worklist import SMALL_BYTES

FILE = File("a", 1, 10, 20, 30, 0o644)
ROW = Record("a", "file", 1, 9, 20, 30, 0o644, "sha", "etag", 0.0)


@pytest.fixture
def store() -> FaultyStore:
    """A store that tells what it was asked for."""
    return FaultyStore()


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """A home that is saved: more files in one folder than are sent together, and a last folder."""
    bench = Bench(tmp_path, store)
    change(bench, b"1")
    bench.write("z/last")
    assert bench.sync().complete
    store.calls.clear()
    return bench


def change(bench: Bench, body: bytes) -> None:
    """Write all files of the first folder."""
    for number in range(TOGETHER + 1):
        bench.write(f"a/{number:03}", body)


def at_last_folder(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Do something when the scan has come to the last folder."""
    real = Scanner._read

    def read(self: Scanner, folder: str, device: int) -> Any:
        if folder == "z/":
            do()
        return real(self, folder, device)

    monkeypatch.setattr(Scanner, "_read", read)


def test_changed_files_do_not_wait_for_the_scan(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first changed files are put before the last folder is looked at, and all are saved."""
    change(bench, b"22")
    at_last_folder(monkeypatch, lambda: eventually(lambda: store.count("put", "/a/") > 0))
    assert bench.sync().complete
    assert all(bench.body(f"a/{number:03}") == b"22" for number in range(TOGETHER + 1))
    assert store.count("put", "/a/") == TOGETHER + 1


def test_new_files_wait_for_the_scan(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New files may be deleted ones under another name: they wait until all is known."""
    for number in range(TOGETHER + 1):
        bench.write(f"a/new{number:03}")
    seen: list[int] = []
    at_last_folder(monkeypatch, lambda: seen.append(store.count("put")))
    assert bench.sync().complete
    assert seen == [0]
    assert bench.body("a/new000") == b"x"


def test_a_final_sync_knows_the_most_recent_first(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where time is short nothing goes before the whole plan tells what goes first."""
    change(bench, b"22")
    seen: list[int] = []
    at_last_folder(monkeypatch, lambda: seen.append(store.count("put")))
    assert bench.final(None).complete
    assert seen[0] == 0
    assert bench.body("a/000") == b"22"


def test_an_outage_is_asked_about_once(bench: Bench, store: FaultyStore) -> None:
    """After an outage no file is sent before one request has found the store to be back."""

    def away(_name: str, _key: str) -> None:
        raise StoreUnavailable("Away.")

    with opened(bench) as (session, _):
        session.cycle(Cancel())
        change(bench, b"22")
        store.before = away
        for _ in range(2):
            store.calls.clear()
            with pytest.raises(StorageError):
                session.cycle(Cancel())
        assert store.count("put") == 0
        store.heal()
        assert session.cycle(Cancel()).is_complete


class Begun:
    """In an uploader's place."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    def begin(self, entry: File) -> None:
        """Note it."""
        self.paths.append(entry.path)


@pytest.mark.parametrize(
    ("upload", "expected"),
    [
        (Upload(FILE, ROW), True),
        (Upload(FILE, None), False),
        (Upload(FILE, ROW, waits=True), False),
        (Upload(FILE, ROW._replace(kind="symlink")), False),
        (Upload(Symlink("a", 1, 10, 20, 30), ROW), False),
        (Upload(Directory("a/", 0o700, empty=True), ROW), False),
        (Upload(FILE._replace(size=SMALL_BYTES), ROW), True),
        (Upload(FILE._replace(size=SMALL_BYTES + 1), ROW), False),
    ],
)
def test_only_changed_files_begin(upload: Upload, *, expected: bool) -> None:
    """What is new, waits for a deletion, changed its kind, is no file or is large is left."""
    begun = Begun()
    pending = Pending(lambda _: None, lambda _: None)
    assert Prompt(begun, pending).takes(upload) is expected
    assert begun.paths == ["a"] * expected
    assert pending.files == expected


@pytest.mark.parametrize("size", [0, MOST_BYTES // 10])
def test_only_a_few_begin(size: int) -> None:
    """So many files, or so many bytes: the rest goes in its order."""
    prompt = Prompt(Begun(), Pending(lambda _: None, lambda _: None))
    upload = Upload(FILE._replace(size=size), ROW)
    taken = sum(prompt.takes(upload) for _ in range(MOST_FILES + 1))
    assert taken == (10 if size else MOST_FILES)
