"""A file system may give a name twice while its folder changes (XFS does): that ends nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, Bench, opened

from wherobots_storage.planning.tree import File
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.scan import Scanner


@contextmanager
def twice(descriptor: int) -> Iterator[Iterator[os.DirEntry[str]]]:
    """A folder's entries, each two times."""
    path = f"/proc/self/fd/{descriptor}"
    with _scandir(path) as found, _scandir(path) as again:
        yield (entry for pair in zip(found, again, strict=True) for entry in pair)


_scandir = os.scandir


def test_the_later_of_two_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at last is what the name has now."""
    (tmp_path / "a").write_bytes(b"one")

    @contextmanager
    def replaced(descriptor: int) -> Iterator[Iterator[os.DirEntry[str]]]:
        with twice(descriptor) as entries:
            yield (_grown(tmp_path / "a", entry) for entry in entries)

    monkeypatch.setattr(os, "scandir", replaced)
    found = [entry for entry in Scanner(tmp_path).scan() if isinstance(entry, File)]
    assert [(entry.path, entry.size) for entry in found] == [("a", 5)]


def _grown(file: Path, entry: os.DirEntry[str]) -> os.DirEntry[str]:
    with file.open("ab") as opened:
        opened.write(b"+")
    return entry


def test_a_name_that_is_given_twice_ends_no_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a whole cycle nor a hint's nor a restore fails over it."""
    bench = Bench(tmp_path, FaultyStore())
    for name in ("a", "b", "d/x"):
        bench.write(name, mtime_ns=OLD)
    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", twice)
        assert bench.sync().complete
        with opened(bench) as (session, _):
            session.cycle(Cancel())
            bench.write("d/y")
            assert session.hinted(Cancel(), Focus(frozenset({"d/"}))).is_complete
        assert bench.restore().complete
    assert bench.keys() == ["a", "b", "d/x", "d/y"]
