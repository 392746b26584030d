"""What differs between a scan and a journal, of which nearly all is the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherobots_storage.planning.backup import plan_backup, plan_pairs
from wherobots_storage.planning.changes import Facts, changes
from wherobots_storage.planning.merge import UnsortedStreamError
from wherobots_storage.planning.tree import (
    Directory,
    Entry,
    File,
    Ignored,
    Kind,
    Problematic,
    Record,
    Symlink,
)

PATHS = ["a", "a-b", "a/", "a/b", "a/b/", "a/b/c", "a0", "b", "b/", "b/x", "c", "c/", "c/y", "ä"]


def entry_of(path: str, kind: str, number: int) -> Entry:
    """Something in the home; ``number`` tells one version from another."""
    if kind == "bad":
        return Problematic(path, "unreadable", "It cannot be read.", number)
    if kind == "ignored":
        return Ignored(path, 1, number)
    if path.endswith("/"):
        return Directory(path, 0o755 + number, empty=number > 0)
    if kind == "link":
        return Symlink(path, 1, number, 20, 30)
    return File(path, 1, number, 20, 30, 0o644 + number)


def row_of(path: str, kind: str, number: int) -> Record:
    """Its row."""
    if path.endswith("/"):
        return Record(path, "folder", 0, 0, 0, 0, 0o755 + number, "sha", "etag", 0.0)
    word: Kind = "symlink" if kind == "link" else "file"
    # The mode tells no change by itself.
    return Record(path, word, 1, number, 20, 30, 0o644 + (kind == "file"), "sha", "etag", 0.0)


def facts_of(records: list[Record]) -> list[Facts]:
    """What a journal tells first of its rows."""
    return [(*row[:1], *row[2:6], row.mode if row.kind == "file" else row.kind) for row in records]


def parts(found: list[Facts], size: int) -> Iterator[list[Facts]]:
    """So many at a time."""
    return (found[at : at + size] for at in range(0, len(found), size))


SCANS = st.dictionaries(
    st.sampled_from(PATHS),
    st.tuples(st.sampled_from(["file", "file", "link", "bad", "ignored"]), st.integers(0, 1)),
)
JOURNALS = st.dictionaries(
    st.sampled_from(PATHS), st.tuples(st.sampled_from(["file", "link", "other"]), st.integers(0, 1))
)


@given(SCANS, JOURNALS, st.integers(1, 4), st.integers(1, 4))
@settings(deadline=None, max_examples=300)
def test_the_plan_is_the_same(
    scan: dict[str, tuple[str, int]],
    known: dict[str, tuple[str, int]],
    together: int,
    page: int,
) -> None:
    """Whatever is here and in the journal, its changes make the plan that all of it makes."""
    local = [entry_of(path, *what) for path, what in sorted(scan.items())]
    journal = [row_of(path, *what) for path, what in sorted(known.items())]
    rows = {record.path: record for record in journal}
    runs = [local[at : at + together] for at in range(0, len(local), together)]
    found = changes(runs, parts(facts_of(journal), page), rows.get)
    expected = plan_backup(local, journal, folder_mode=0o755)
    assert list(plan_pairs(found, folder_mode=0o755)) == list(expected)


def test_unchanged_files_ask_for_no_row() -> None:
    """Of what is as it was no row is read, nor of what has only changed its neighbour."""
    local: list[Entry] = [entry_of(path, "file", 0) for path in ("a", "b", "c")]
    journal = [row_of("a", "other", 0), row_of("b", "other", 1), row_of("c", "other", 0)]
    asked: list[str] = []

    def get(path: str) -> Record | None:
        asked.append(path)
        return None

    assert list(changes([local], parts(facts_of(journal), 2), get)) == [(local[1], None)]
    assert asked == ["b"]


def test_a_row_that_went_away_since_is_none() -> None:
    """Where the row of a missing file is gone by the time it is asked for, nothing is to do."""
    assert list(changes([], parts(facts_of([row_of("a", "file", 0)]), 1), lambda _: None)) == []


@pytest.mark.parametrize("many", [1, 2])
@pytest.mark.parametrize("paths", [["b", "a"], ["a", "a"]])
def test_entries_out_of_order_are_refused(paths: list[str], many: int) -> None:
    """A scan that is not sorted is no plan: it could delete what is there."""
    local: list[Entry] = [entry_of(path, "file", 0) for path in paths]
    runs = [local[at : at + many] for at in range(0, 2, many)]
    with pytest.raises(UnsortedStreamError):
        list(changes(runs, iter(()), lambda _: None))


@pytest.mark.parametrize("page", [1, 2])
def test_rows_out_of_order_are_refused(page: int) -> None:
    """Nor is a journal that has a path twice."""
    journal = [row_of("a", "file", 0), row_of("a", "file", 1)]
    with pytest.raises(UnsortedStreamError):
        list(changes([], parts(facts_of(journal), page), {"a": journal[0]}.get))
