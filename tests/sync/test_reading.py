"""Reading files while they are written."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import PREFIX, Bench, settings_for

from wherobots_storage.planning.tree import File, Notice, Record
from wherobots_storage.sync import reading
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.reading import Content, as_entry, read_small, unchanged_by_hash
from wherobots_storage.sync.scan import examine
from wherobots_storage.sync.state import StateFolder


def _home(folder: Path) -> Home:
    return Home.open(settings_for(folder, folder.parent / "state"))


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
    found = read_small(_home(tmp_path), entry)
    assert isinstance(found, Notice)
    assert found.code == "unsettled"
    again = read_small(_home(tmp_path), entry)
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
    found = read_small(_home(tmp_path), entry)
    assert isinstance(found, Content)
    assert isinstance(found.entry, File)
    assert found.entry.ctime_ns == 0
    assert found.entry.mtime_ns == entry.mtime_ns


def test_file_of_a_clock_that_was_set_back_is_not_fresh(tmp_path: Path) -> None:
    """What changed before a clock was set back is dated by it, and not read in each cycle."""
    (tmp_path / "f").write_bytes(b"1")
    found = (tmp_path / "f").stat()
    an_hour_ago = found.st_ctime_ns - 3600 * 10**9
    assert as_entry("f", found, an_hour_ago).ctime_ns == found.st_ctime_ns
    assert as_entry("f", found, found.st_ctime_ns).ctime_ns == 0
    a_server_ahead = found.st_ctime_ns - 5 * 10**9
    assert as_entry("f", found, a_server_ahead).ctime_ns == 0


def test_file_that_a_restore_adopts_is_compared_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that changed a moment ago may change again within a tick of the file system's clock."""
    monkeypatch.setattr(reading, "RACY_NS", 3600 * 10**9)
    bench = Bench(tmp_path, FaultyStore())
    bench.store.put(f"{PREFIX}fresh", b"one")
    bench.write("fresh", b"one")
    bench.restore()
    with Journal(StateFolder.for_settings(bench.settings).journal_path) as journal:
        assert [record.path for record in journal.undated()] == ["fresh"]


def test_hash_waits_for_the_next_second_of_a_coarse_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where times are whole seconds, a file counts as unchanged once a change would show."""
    (tmp_path / "f").write_bytes(b"1")
    entry = examine(tmp_path, "f")
    assert isinstance(entry, File)
    coarse = entry._replace(ctime_ns=time.time_ns() // 10**9 * 10**9)
    monkeypatch.setattr(reading, "examine", lambda _home, _path: coarse)
    digest = hashlib.sha256(b"1").hexdigest()
    record = Record("f", "file", *coarse[1:6], digest, "etag", 0.0)
    assert unchanged_by_hash(tmp_path, record) == coarse
    assert time.time_ns() >= coarse.ctime_ns + 10**9
