"""Tests of objects whose names are folders' and that are no empty markers."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import PREFIX, Bench, codes

BYTES = b"somebody's bytes"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A restored and synchronised home, in whose bucket a folder's marker has bytes."""
    bench = Bench(tmp_path, FaultyStore())
    bench.store.put(f"{PREFIX}d/", BYTES)
    bench.write("a")
    outcome = bench.restore()
    assert codes(outcome)["d/"] == "marker-with-bytes"
    assert (bench.home / "d").is_dir()
    bench.sync()
    return bench


def test_bytes_under_a_marker_are_not_deleted_with_the_folder(bench: Bench) -> None:
    """Who removes the folder here has not removed bytes that no home ever held."""
    (bench.home / "d").rmdir()
    bench.sync()
    assert bench.body("d/") == BYTES


def test_bytes_under_a_marker_are_not_overwritten_by_a_mode(bench: Bench) -> None:
    """A folder's new mode is no reason to put a marker over somebody's bytes: it is listed."""
    (bench.home / "d").chmod(0o700)
    outcome = bench.sync()
    assert bench.body("d/") == BYTES
    assert [notice.path for notice in outcome.status.conflicts] == ["d/"]


def test_a_marker_that_got_bytes_is_forgotten_by_the_next_restore(bench: Bench) -> None:
    """Bytes that somebody put over a marker of this home are neither deleted nor overwritten."""
    (bench.home / "e").mkdir()
    bench.sync()
    bench.store.put(f"{PREFIX}e/", BYTES)
    bench.restore()
    (bench.home / "e").rmdir()
    bench.sync()
    assert bench.body("e/") == BYTES
