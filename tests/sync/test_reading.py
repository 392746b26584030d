"""Reading files while they are written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wherobots_storage.planning.tree import File, Notice
from wherobots_storage.sync import reading
from wherobots_storage.sync.reading import Content, read_small
from wherobots_storage.sync.scan import examine


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Run something once, when the first half of a file was read."""

    def set_up(what: Callable[[], None]) -> None:
        real = os.read
        left = [what]

        def read(descriptor: int, size: int) -> bytes:
            piece = real(descriptor, min(size, 5))
            if left:
                left.pop()()
            return piece

        monkeypatch.setattr(os, "read", read)

    return set_up


def test_write_that_leaves_no_trace_in_the_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: Callable[[Callable[[], None]], None]
) -> None:
    """A write within one tick of the file system's clock is found by a second look at the bytes."""
    file = tmp_path / "f"
    file.write_bytes(b"1111111111")
    entry = examine(tmp_path, "f")
    assert isinstance(entry, File)
    monkeypatch.setattr(reading, "same_stat", lambda _one, _other: True)

    def write() -> None:
        with file.open("r+b") as opened:
            opened.write(b"2222222222")

    between(write)
    found = read_small(tmp_path, entry)
    assert isinstance(found, Notice)
    assert found.code == "unsettled"
    again = read_small(tmp_path, entry)
    assert isinstance(again, Content)
    assert again.body == b"2222222222"


def test_fresh_file_is_compared_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changed a moment ago gets no ctime in the journal: it could change unseen."""
    monkeypatch.setattr(reading, "RACY_NS", 3600 * 10**9)
    (tmp_path / "f").write_bytes(b"1")
    entry = examine(tmp_path, "f")
    assert isinstance(entry, File)
    found = read_small(tmp_path, entry)
    assert isinstance(found, Content)
    assert isinstance(found.entry, File)
    assert found.entry.ctime_ns == 0
    assert found.entry.mtime_ns == entry.mtime_ns
