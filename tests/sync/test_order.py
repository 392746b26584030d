"""One order for scan, listing and journal: the keys' UTF-8 bytes. A plan depends on it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from support.homes import PREFIX

from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.scan import Scanner

FILES = (
    "a/b",
    "a-b",
    "a.b",
    "a0",
    "a b",
    "A",
    "a\nb",
    "Z/a",
    "Z-a",
    "Z0",
    "b",
    "b!",
    "b\x7f",
    "é",
    "e\u0301",
    "ÿ/x",
    "名/ß",
    "名.ß",
    "\ud7ff",
    "\ue000",
    "\uffee",
    "\U0001f642",
    "\U0001f642-",
    "\U0010fffd",
    "d/e/f",
    "d/e-f",
    "d/e.f/g",
)
"""In UTF-16, which some languages sort by, an emoji comes before U+E000; in UTF-8 it is after."""


def by_bytes(paths: list[str]) -> list[str]:
    """The order that S3 lists in."""
    return sorted(paths, key=lambda path: path.encode())


@pytest.fixture
def shuffled() -> list[str]:
    """The names in no order."""
    names = list(FILES)
    random.Random(7).shuffle(names)
    return names


def test_scan(tmp_path: Path, shuffled: list[str]) -> None:
    """A scan yields files, and folders with their slash, in the order of the bytes."""
    for name in shuffled:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = [entry.path for entry in Scanner(tmp_path).scan()]
    folders = {f"{name.rpartition('/')[0]}/" for name in FILES if "/" in name} | {"d/"}
    assert found == ["", *by_bytes([*FILES, *folders])]


def test_listing(shuffled: list[str]) -> None:
    """A store's listing, and the mirror's that is made of it, have the same order."""
    store = MemoryStore()
    names = [*shuffled, "a", "a/", "a//b", "b/"]  # keys may be what files cannot
    for name in names:
        store.put(PREFIX + name, b"")
    listed = [entry.key for entry in iterate_keys(store, PREFIX) if isinstance(entry, ObjectInfo)]
    assert listed == [PREFIX + name for name in by_bytes(names)]
    with RemoteListing() as listing:
        listing.fill(store, PREFIX)
        assert [remote.path for remote in listing] == by_bytes(names)


def test_journal(tmp_path: Path, shuffled: list[str]) -> None:
    """The journal's rows come in the same order, all of them or a part."""
    names = [*shuffled, "a", "a/", "b/"]
    with Journal(tmp_path / "journal.sqlite") as journal:
        for name in names:
            journal.put(Record(name, "file", 1, 2, 3, 4, 0o644, "sha", "etag", 0.0))
        journal.commit()
        assert [record.path for record in journal] == by_bytes(names)
        part = [record.path for record in journal.between("a/", "a0", page=1)]
        assert part == by_bytes([name for name in names if name.startswith("a/")])


def test_planner_agrees() -> None:
    """Python's own comparison of strings, which the planner uses, is that of their bytes."""
    assert sorted(FILES) == by_bytes(list(FILES))
