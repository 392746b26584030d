"""Every cell of the restore table, for each kind of entry: one row a cell, one column a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pytest

from wherobots_storage.planning import restore
from wherobots_storage.planning.restore import TABLE, Decision, Side, Step, plan_restore
from wherobots_storage.planning.tree import Directory, File, Kind, Mirrored, Record, Remote, Symlink

KINDS: tuple[Kind, ...] = ("file", "symlink", "folder")
NOTHING = Step.NOTHING


class Cell(NamedTuple):
    """How home and mirror stand to the journal, and the step for a file, a link and a folder."""

    says: str
    local: Side
    remote: Side
    file: Step
    symlink: Step
    folder: Step


A, S, C, U = Side.ABSENT, Side.SAME, Side.CHANGED, Side.UNKNOWN
CELLS = [
    Cell("gone on both sides", A, A, Step.FORGET, Step.FORGET, Step.FORGET),
    Cell("deleted here while down", A, S, NOTHING, NOTHING, NOTHING),
    Cell("deleted here, changed there", A, C, Step.RESTORE, Step.RESTORE, Step.RESTORE),
    Cell("new there", A, U, Step.RESTORE, Step.RESTORE, Step.RESTORE),
    Cell("deleted there", S, A, Step.TRASH, Step.TRASH, Step.FORGET),
    Cell("untouched", S, S, NOTHING, NOTHING, NOTHING),
    Cell("changed there", S, C, Step.REPLACE, Step.REPLACE, Step.REPLACE),
    Cell("changed here, deleted there", C, A, Step.KEEP, Step.KEEP, NOTHING),
    Cell("changed here", C, S, Step.KEEP, Step.KEEP, NOTHING),
    Cell("changed on both sides", C, C, Step.COMPARE, Step.COMPARE, Step.COMPARE),
    Cell("new here", U, A, NOTHING, NOTHING, NOTHING),
    Cell("new on both sides", U, U, Step.COMPARE, Step.COMPARE, Step.COMPARE),
]

CANNOT_BE = {(U, S), (U, C), (S, U), (C, U)}
"""A path has one row for both sides: neither knows it, or both do."""


def entry_of(kind: Kind, side: Side) -> Mirrored | None:
    """What the home holds."""
    changed = side is C
    if side is A:
        return None
    if kind == "folder":
        return Directory("x/", 0o700 if changed else 0o755, empty=True)
    make = File if kind == "file" else Symlink
    return make("x", 1, 11 if changed else 10, 20, 30, 0o644)


def row_of(kind: Kind) -> Record:
    """What the journal holds."""
    if kind == "folder":
        return Record("x/", "folder", 0, 0, 0, 0, 0o755, "sha", "e1", 0.0)
    return Record("x", kind, 1, 10, 20, 30, 0o644, "sha", "e1", 0.0)


def plan(cell: Cell, kind: Kind) -> list[Decision]:
    """The decisions for one cell."""
    local = entry_of(kind, cell.local)
    known = U not in {cell.local, cell.remote}
    path = "x/" if kind == "folder" else "x"
    remote = [Remote(path, 1, "e1" if cell.remote is S else "e2", 0.0)] if cell.remote != A else []
    found = plan_restore([local] if local else [], [row_of(kind)] if known else [], remote)
    return [item for item in found if isinstance(item, Decision)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.says)
def test_cell(cell: Cell, kind: Kind) -> None:
    """Each cell gives its step, for each kind; nothing to do is no decision."""
    expected = getattr(cell, kind)
    found = [decision.step for decision in plan(cell, kind)]
    assert found == ([] if expected is NOTHING else [expected])


class Noted(Mapping[tuple[Side, Side], Step]):
    """The table, noting what is looked up."""

    def __init__(self) -> None:
        self.asked: set[tuple[Side, Side]] = set()

    def __getitem__(self, key: tuple[Side, Side]) -> Step:
        self.asked.add(key)
        return TABLE[key]

    def __iter__(self) -> Iterator[tuple[Side, Side]]:
        return iter(TABLE)

    def __len__(self) -> int:
        return len(TABLE)


def test_each_cell_of_the_table_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planner comes to every cell of its table but those that cannot be."""
    noted = Noted()
    monkeypatch.setattr(restore, "TABLE", noted)
    for cell in CELLS:
        for kind in KINDS:
            plan(cell, kind)
    # A new local path without an object is nobody's business here: it asks for no cell.
    assert noted.asked == {*TABLE} - CANNOT_BE - {(U, A)}
    assert {(cell.local, cell.remote) for cell in CELLS} == {*TABLE} - CANNOT_BE
