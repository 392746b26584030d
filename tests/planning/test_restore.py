from __future__ import annotations

from itertools import product
from typing import NamedTuple

import pytest

from wherobots_storage.planning.restore import TABLE, Decision, Side, Step, plan_restore
from wherobots_storage.planning.tree import (
    Directory,
    Entry,
    File,
    Ignored,
    Notice,
    Problematic,
    Record,
    Remote,
    Symlink,
)


def file(path: str, size: int = 1) -> File:
    """A file of the scan."""
    return File(path, size, 10, 20, 30, 0o644)


def row(path: str, etag: str = "e1") -> Record:
    """A file's row, which ``file`` is unchanged against."""
    return Record(path, "file", 1, 10, 20, 30, 0o644, "sha", etag, 0.0)


def marker(path: str, mode: int = 0o755, etag: str = "e1") -> Record:
    """A folder's row."""
    return Record(path, "folder", 0, 0, 0, 0, mode, "sha", etag, 0.0)


def far(path: str, etag: str = "e1", *, shadowed: bool = False) -> Remote:
    """An object of the mirror."""
    return Remote(path, 1, etag, 0.0, shadowed)


class Case(NamedTuple):
    says: str
    local: list[Entry]
    journal: list[Record]
    remote: list[Remote]
    expected: dict[str, Step | str]


CASES = [
    Case("nothing anywhere", [], [], [], {}),
    Case("absent, absent: forget", [], [row("a")], [], {"a": Step.FORGET}),
    Case("deleted here while down: the next sync's work", [], [row("a")], [far("a")], {}),
    Case("absent, changed: restore", [], [row("a")], [far("a", "e2")], {"a": Step.RESTORE}),
    Case("absent, unknown: restore", [], [], [far("a")], {"a": Step.RESTORE}),
    Case("same, absent: to the trash", [file("a")], [row("a")], [], {"a": Step.TRASH}),
    Case("same, same: nothing", [file("a")], [row("a")], [far("a")], {}),
    Case("same, changed: replace", [file("a")], [row("a")], [far("a", "e2")], {"a": Step.REPLACE}),
    Case("changed, absent: keep", [file("a", 2)], [row("a")], [], {"a": Step.KEEP}),
    Case("changed, same: keep", [file("a", 2)], [row("a")], [far("a")], {"a": Step.KEEP}),
    Case(
        "changed, changed: both",
        [file("a", 2)],
        [row("a")],
        [far("a", "e2")],
        {"a": Step.COMPARE},
    ),
    Case("unknown, absent: the next sync's work", [file("a")], [], [], {}),
    Case("unknown, unknown: both, unless equal", [file("a")], [], [far("a")], {"a": Step.COMPARE}),
    Case(
        "a link in a file's place has changed",
        [Symlink("a", 1, 10, 20, 30)],
        [row("a")],
        [far("a")],
        {"a": Step.KEEP},
    ),
    Case("a new folder's marker: restore", [], [], [far("d/")], {"d/": Step.RESTORE}),
    Case(
        "a folder is never moved to the trash",
        [Directory("d/", 0o755, empty=True)],
        [marker("d/")],
        [],
        {"d/": Step.FORGET},
    ),
    Case(
        "a folder with a mode of its own keeps it",
        [Directory("d/", 0o700, empty=True)],
        [marker("d/")],
        [far("d/")],
        {},
    ),
    Case("reserved names are not restored", [], [], [far(".wherobots/lease.json")], {}),
    Case("nor is an object of the reserved name itself", [], [], [far(".wherobots")], {}),
    Case(
        "a name that only begins like it is restored",
        [],
        [],
        [far(".wherobotsignore")],
        {".wherobotsignore": Step.RESTORE},
    ),
    Case(
        "a file beside a folder of its name is refused, what is in the folder is not",
        [],
        [],
        [far("a", shadowed=True), far("a/b")],
        {"a": "file-and-folder", "a/b": Step.RESTORE},
    ),
    Case("a dot segment is refused", [], [], [far("a/../b")], {"a/../b": "dot-segment"}),
    Case("a single dot too", [], [], [far("./b")], {"./b": "dot-segment"}),
    Case("an empty segment is refused", [], [], [far("a//b")], {"a//b": "empty-segment"}),
    Case("a leading slash too", [], [], [far("/b")], {"/b": "empty-segment"}),
    Case("a closing double slash too", [], [], [far("b//")], {"b//": "empty-segment"}),
    Case("NUL is refused", [], [], [far("a\0b")], {"a\0b": "nul"}),
    Case("256 bytes of name are refused", [], [], [far("ä" * 128)], {"ä" * 128: "name-too-long"}),
    Case("255 bytes of name are not", [], [], [far("x" * 255)], {"x" * 255: Step.RESTORE}),
    Case(
        "below an unreadable folder nothing is restored, trashed or forgotten",
        [Problematic("d/", "unreadable", "no")],
        [row("d/known")],
        [far("d/new")],
        {"d/": "unreadable", "d/new": "unreadable-folder"},
    ),
    Case(
        "what is there in an incomplete folder is still decided",
        [Directory("d/", 0o755, empty=False, complete=False), file("d/a")],
        [row("d/a"), row("d/b")],
        [far("d/a", "e2"), far("d/c")],
        {"d/a": Step.REPLACE, "d/c": "unreadable-folder"},
    ),
    Case(
        "a FIFO in a file's place is left alone",
        [Problematic("a", "fifo", "It is a named pipe.")],
        [row("a")],
        [far("a", "e2")],
        {"a": "fifo"},
    ),
    Case(
        "a file here, a folder of its name there: what is in it is tried, and the file kept",
        [file("a", 2)],
        [row("a")],
        [far("a/b")],
        {"a": Step.KEEP, "a/b": Step.RESTORE},
    ),
    Case(
        "a file that became a folder there: the unchanged file makes way to the trash",
        [file("a")],
        [row("a")],
        [far("a/b")],
        {"a": Step.TRASH, "a/b": Step.RESTORE},
    ),
    Case(
        "a folder that became a file there: its files go to the trash, the folder stays",
        [Directory("a/", 0o755, empty=False), file("a/b")],
        [row("a/b")],
        [far("a")],
        {"a": Step.RESTORE, "a/b": Step.TRASH},
    ),
    Case(
        "a marker beside a file of its name: the folder wins",
        [],
        [],
        [far("a", shadowed=True), far("a/")],
        {"a": "file-and-folder", "a/": Step.RESTORE},
    ),
    Case(
        "a shadowed file that is here all the same is refused, not taken for deleted",
        [file("a")],
        [row("a")],
        [far("a", shadowed=True), far("a/b")],
        {"a": "file-and-folder", "a/b": Step.RESTORE},
    ),
    Case(
        "the bytes may be the same though all three say otherwise",
        [file("a", 2)],
        [row("a", "e1")],
        [far("a", "e2")],
        {"a": Step.COMPARE},
    ),
    Case(
        "another mode, which moves the ctime, is a local change",
        [file("a")._replace(mode=0o755, ctime_ns=21)],
        [row("a")],
        [far("a")],
        {"a": Step.KEEP},
    ),
    Case(
        "a row whose ctime proves nothing counts as changed",
        [file("a")],
        [row("a")._replace(ctime_ns=0)],
        [far("a", "e2")],
        {"a": Step.COMPARE},
    ),
    Case(
        "what is ignored here is left alone, whatever is there",
        [Ignored("a", 1, 1)],
        [row("a")],
        [far("a", "e2")],
        {},
    ),
    Case(
        "an unreadable file is neither replaced nor taken for deleted",
        [Problematic("a", "unreadable", "no")],
        [row("a")],
        [],
        {"a": "unreadable"},
    ),
    Case(
        "a reserved folder's rows are not forgotten either",
        [],
        [row(".wherobots/x")],
        [],
        {},
    ),
    Case(
        "an emptied mirror: every unchanged file is a case for the veto",
        [file("a"), file("b")],
        [row("a"), row("b")],
        [],
        {"a": Step.TRASH, "b": Step.TRASH},
    ),
    Case(
        "a lost journal: everything is compared, nothing replaced or removed",
        [file("a"), file("b")],
        [],
        [far("a"), far("c")],
        {"a": Step.COMPARE, "c": Step.RESTORE},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_plan(case: Case) -> None:
    """Each described case gives exactly its decisions and refusals."""
    found: dict[str, Step | str] = {}
    streams = (
        sorted(case.local, key=lambda item: item.path),
        sorted(case.journal, key=lambda item: item.path),
        sorted(case.remote, key=lambda item: item.path),
    )
    for item in plan_restore(*streams, reserved=(".wherobots/",)):
        found[item.path] = item.step if isinstance(item, Decision) else item.code
    assert found == case.expected


def test_what_is_ignored_is_not_moved_to_the_trash() -> None:
    """A file whose object is gone stays, and is forgotten, when the rules leave it out."""
    here, known = [file("a"), file("b")], [row("a"), row("b")]
    found = plan_restore(here, known, [], ignored=lambda path: path == "a")
    steps = {item.path: item.step for item in found if isinstance(item, Decision)}
    assert steps == {"a": Step.FORGET, "b": Step.TRASH}


def test_what_lies_below_a_mount_is_listed_as_such() -> None:
    """An object whose folder something is mounted over is not restored, for just that reason."""
    mount = Problematic("d/", "other-filesystem", "Mounted.")
    found = list(plan_restore([mount], [], [far("d/x")]))
    codes = {item.path: item.code for item in found if isinstance(item, Notice)}
    assert codes == {"d/": "other-filesystem", "d/x": "other-filesystem"}


def test_the_table_is_complete() -> None:
    """Every pair of states has a decision but the one that cannot be."""
    missing = [pair for pair in product(Side, Side) if pair not in TABLE]
    assert missing == [(Side.UNKNOWN, Side.SAME)]


def test_no_decision_touches_a_local_file_that_changed() -> None:
    """A local file that is not what the journal says is never replaced nor moved."""
    unsafe = {Step.REPLACE, Step.TRASH, Step.RESTORE}
    for (local, _), step in TABLE.items():
        if local in {Side.CHANGED, Side.UNKNOWN}:
            assert step not in unsafe


def test_a_decision_carries_what_it_rests_on() -> None:
    """The entry, the row and the object travel with the decision."""
    (found,) = plan_restore([file("a")], [row("a")], [far("a", "e2")])
    assert found == Decision(Step.REPLACE, "a", file("a"), row("a"), far("a", "e2"))


def test_a_refusal_has_a_reason() -> None:
    """A refused key comes with a sentence and its size."""
    (found,) = plan_restore([], [], [far("a//b")])
    assert isinstance(found, Notice)
    assert found.reason.endswith(".")
    assert found.size == 1
