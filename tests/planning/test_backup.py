from __future__ import annotations

from typing import NamedTuple

import pytest

from wherobots_storage.planning.backup import (
    Delete,
    Forget,
    Leave,
    Skip,
    Upload,
    plan_backup,
    plan_pairs,
)
from wherobots_storage.planning.changes import Facts, changes
from wherobots_storage.planning.merge import UnsortedStreamError
from wherobots_storage.planning.tree import (
    Directory,
    Entry,
    File,
    Ignored,
    Problematic,
    Record,
    Symlink,
)


def file(path: str, size: int = 1, mtime: int = 10, mode: int = 0o644) -> File:
    """A file of the scan."""
    return File(path, size, mtime, 20, 30, mode)


def link(path: str, size: int = 1) -> Symlink:
    """A link of the scan."""
    return Symlink(path, size, 10, 20, 30)


def folder(
    path: str, mode: int = 0o755, *, empty: bool = False, complete: bool = True
) -> Directory:
    """A folder of the scan."""
    return Directory(path, mode, empty, complete)


def row(path: str, size: int = 1, mtime: int = 10) -> Record:
    """A file's row, which ``file`` is unchanged against."""
    return Record(path, "file", size, mtime, 20, 30, 0o644, "sha", "etag", 0.0)


def link_row(path: str) -> Record:
    """A link's row."""
    return row(path)._replace(kind="symlink", mode=0o777)


def marker(path: str, mode: int = 0o755) -> Record:
    """A folder's row."""
    return Record(path, "folder", 0, 0, 0, 0, mode, "sha", "etag", 0.0)


def bad(path: str) -> Problematic:
    """Something unreadable."""
    return Problematic(path, "unreadable", "It cannot be read.")


class Case(NamedTuple):
    """What the scan and the journal hold, and the actions expected, in short."""

    says: str
    local: list[Entry]
    journal: list[Record]
    expected: list[str]


def short(action: object) -> str:
    """An action as a sign and a path: + upload, ~ upload that waits, - delete, ! skip, . leave."""
    if isinstance(action, Upload):
        return ("~" if action.waits else "+") + action.entry.path
    if isinstance(action, Delete):
        return "-" + action.record.path
    if isinstance(action, Skip):
        return "!" + action.entry.path
    assert isinstance(action, Leave)
    return "." + action.entry.path


CASES = [
    Case("an empty home and an empty journal need nothing", [], [], []),
    Case("a new file is uploaded", [file("a")], [], ["+a"]),
    Case("an unchanged file needs nothing", [file("a")], [row("a")], []),
    Case("another size is a change", [file("a", size=2)], [row("a")], ["+a"]),
    Case("another mtime is a change", [file("a", mtime=11)], [row("a")], ["+a"]),
    Case("another ctime is a change", [file("a")._replace(ctime_ns=21)], [row("a")], ["+a"]),
    Case("another inode is a change", [file("a")._replace(inode=31)], [row("a")], ["+a"]),
    Case("ctime 0 asks for the bytes", [file("a")], [row("a")._replace(ctime_ns=0)], ["+a"]),
    Case("a file that is gone is deleted", [], [row("a")], ["-a"]),
    Case("only what changed is touched", [file("a"), file("b", 2)], [row("a"), row("b")], ["+b"]),
    Case("a new link is uploaded", [link("l")], [], ["+l"]),
    Case("an unchanged link needs nothing", [link("l")], [link_row("l")], []),
    Case("a file that became a link goes up in its place", [link("a")], [row("a")], ["+a"]),
    Case("a link that became a file goes up in its place", [file("a")], [link_row("a")], ["+a"]),
    Case("an empty folder gets a marker", [folder("d/", empty=True)], [], ["+d/"]),
    Case("a folder with files needs none", [folder("d/"), file("d/a")], [], ["+d/a"]),
    Case("an unusual mode gets a marker", [folder("d/", 0o700), file("d/a")], [], ["+d/", "+d/a"]),
    Case("a marker stays as the folder fills", [folder("d/")], [marker("d/")], []),
    Case("a marker follows the mode", [folder("d/", 0o711)], [marker("d/", 0o700)], ["+d/"]),
    Case("a marker follows back to the default", [folder("d/")], [marker("d/", 0o700)], ["+d/"]),
    Case("a folder that is gone loses its marker", [], [marker("d/")], ["-d/"]),
    Case("the home itself never gets one", [Directory("", 0o700, empty=True)], [], []),
    Case("a fifo is listed", [bad("f")], [], ["!f"]),
    Case("what cannot be read is not deleted", [bad("a")], [row("a")], ["!a"]),
    Case(
        "nothing below an unreadable folder is deleted",
        [bad("d/"), file("e")],
        [marker("d/"), row("d/a"), row("d/e/f"), row("d0")],
        ["!d/", "+e", "-d0"],
    ),
    Case(
        "the file beside an unreadable folder of its name is deleted",
        [bad("d/")],
        [row("d"), row("d.txt"), row("d/x")],
        ["!d/", "-d", "-d.txt"],
    ),
    Case(
        "an incomplete folder goes up, and loses nothing",
        [folder("d/", complete=False), file("d/new")],
        [row("d/gone"), row("d/sub/gone"), row("e")],
        ["+d/new", "-e"],
    ),
    Case(
        "an incomplete home loses nothing at all",
        [Directory("", 0o755, False, complete=False), file("a")],
        [row("b"), row("c/d")],
        ["+a"],
    ),
    Case("a newly ignored file keeps its copy", [Ignored("a", 1, 1)], [row("a")], [".a"]),
    Case(
        "a newly ignored folder keeps its copies",
        [Ignored("d/", 2, 2)],
        [marker("d/"), row("d/a"), row("d/b/c")],
        [".d/"],
    ),
    Case(
        "a file that became a folder: what is below waits",
        [folder("a/"), file("a/b"), folder("a/c/"), file("a/c/d")],
        [row("a")],
        ["-a", "~a/b", "~a/c/d"],
    ),
    Case(
        "names between a file and the folder it became do not wait",
        [file("a-b"), file("a.txt"), folder("a/"), file("a/b"), file("a0")],
        [row("a")],
        ["+a-b", "+a.txt", "+a0", "-a", "~a/b"],
    ),
    Case(
        "a file that became an empty folder: its marker waits",
        [folder("a/", empty=True)],
        [row("a")],
        ["-a", "~a/"],
    ),
    Case(
        "a folder that became a file: the file waits",
        [file("a")],
        [row("a/b"), row("a/c/d")],
        ["-a/b", "-a/c/d", "~a"],
    ),
    Case("an empty folder that became a file waits", [file("a")], [marker("a/")], ["-a/", "~a"]),
    Case(
        "files that only look like the folder's name do not wait",
        [file("a"), file("a-b"), file("b")],
        [row("a/b")],
        ["+a-b", "+b", "-a/b", "~a"],
    ),
    Case(
        "a folder that became a link: the link waits",
        [link("a")],
        [row("a/b")],
        ["-a/b", "~a"],
    ),
    Case(
        "names in any script and with odd characters are plain names",
        [file("a b"), file("a\nb"), file("ä"), file("名"), file("🙂")],
        [row("ä")],
        ["+a\nb", "+a b", "+名", "+🙂"],
    ),
    Case(
        "another mode, which moves the ctime, is a change",
        [file("a", mode=0o755)._replace(ctime_ns=21)],
        [row("a")],
        ["+a"],
    ),
    Case(
        "a link with another target's length is a change", [link("l", 2)], [link_row("l")], ["+l"]
    ),
    Case("a link that is gone is deleted", [], [link_row("l")], ["-l"]),
    Case("a link to a folder is a link", [link("l")], [], ["+l"]),
    Case("an ignored link keeps its copy", [Ignored("l", 1, 1)], [link_row("l")], [".l"]),
    Case("what was never saved is ignored without a word there", [Ignored("a", 1, 1)], [], [".a"]),
    Case(
        "a folder ignored since, beside one of a longer name that is gone",
        [Ignored("d/", 1, 1)],
        [row("d/a"), row("d0/a")],
        [".d/", "-d0/a"],
    ),
    Case(
        "an ignored file does not hold back what is gone beside it",
        [Ignored("d/a", 1, 1), file("d/c")],
        [row("d/a"), row("d/b"), row("d/c")],
        [".d/a", "-d/b"],
    ),
    Case(
        "an unreadable file does not hold back what is gone beside it",
        [bad("a")],
        [row("a"), row("b")],
        ["!a", "-b"],
    ),
    Case(
        "a rename is a deletion and a new file, neither waiting for the other",
        [file("new")],
        [row("old")],
        ["+new", "-old"],
    ),
    Case(
        "a folder's rename takes all that is in it",
        [folder("new/"), file("new/a"), file("new/b")],
        [row("old/a"), row("old/b")],
        ["+new/a", "+new/b", "-old/a", "-old/b"],
    ),
    Case(
        "names swapped by a file and a folder: both wait",
        [file("a"), folder("b/"), file("b/x")],
        [row("a/x"), row("b")],
        ["-a/x", "-b", "~a", "~b/x"],
    ),
    Case(
        "a link that became a folder: what is below waits",
        [folder("a/"), file("a/b")],
        [link_row("a")],
        ["-a", "~a/b"],
    ),
    Case(
        "a file that became a folder of a new mode: its marker waits too",
        [folder("a/", 0o700), file("a/b")],
        [row("a")],
        ["-a", "~a/", "~a/b"],
    ),
    Case(
        "deep in a folder that was a file everything waits",
        [folder("a/"), folder("a/b/"), folder("a/b/c/"), file("a/b/c/d")],
        [row("a")],
        ["-a", "~a/b/c/d"],
    ),
    Case(
        "a file in a folder that was a file waits, in the folder beside it not",
        [folder("a/"), file("a/x"), folder("aa/"), file("aa/x")],
        [row("a")],
        ["-a", "~a/x", "+aa/x"],
    ),
    Case(
        "a changed file in place of a file does not wait for what else is gone",
        [file("a", 2)],
        [row("a"), row("a.b")],
        ["+a", "-a.b"],
    ),
    Case(
        "files gone under names that begin with one another, then a folder of the first",
        [folder("a/"), file("a/x")],
        [row("a"), row("a-b"), row("a-b-c"), row("a.b")],
        ["-a", "-a-b", "-a-b-c", "-a.b", "~a/x"],
    ),
    Case(
        "a folder emptied of its files gets a marker",
        [folder("d/", empty=True)],
        [row("d/a")],
        ["-d/a", "+d/"],
    ),
    Case(
        "a folder in a folder, both empty but for each other: the inner one has the marker",
        [folder("d/"), folder("d/e/", empty=True)],
        [],
        ["+d/e/"],
    ),
    Case(
        "a marker and all that was below go together",
        [],
        [marker("d/"), row("d/a"), marker("d/e/")],
        ["-d/", "-d/a", "-d/e/"],
    ),
    Case(
        "a folder ignored by half keeps that half only",
        [folder("d/"), Ignored("d/e/", 3, 3)],
        [row("d/a"), row("d/e/x"), row("d/e/y/z")],
        ["-d/a", ".d/e/"],
    ),
    Case(
        "two unreadable folders, one in an incomplete one",
        [folder("d/", complete=False), bad("d/e/"), file("d/f"), bad("g/")],
        [row("d/e/x"), row("d/y"), row("g/x"), row("h")],
        ["!d/e/", "+d/f", "!g/", "-h"],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_plan(case: Case) -> None:
    """Each described case gives exactly its actions."""
    local = sorted(case.local, key=lambda entry: entry.path)
    journal = sorted(case.journal, key=lambda record: record.path)
    found = [short(action) for action in plan_backup(local, journal, folder_mode=0o755)]
    assert sorted(found) == sorted(case.expected)


def facts_of(records: list[Record]) -> list[Facts]:
    """What a journal tells first of these rows."""
    return [(*row[:1], *row[2:6], row.mode if row.kind == "file" else row.kind) for row in records]


@pytest.mark.parametrize("many", [1, 2, 500])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_plan_of_what_has_changed(case: Case, many: int) -> None:
    """Each case gives the same when entries and rows come many at once, and only changes count."""
    local = sorted(case.local, key=lambda entry: entry.path)
    journal = {record.path: record for record in case.journal}
    facts = facts_of(sorted(case.journal, key=lambda record: record.path))
    runs = [local[at : at + many] for at in range(0, len(local), many)]
    pages = iter([facts[at : at + many] for at in range(0, len(facts), many)])
    found = plan_pairs(changes(runs, pages, journal.get), folder_mode=0o755)
    assert sorted(map(short, found)) == sorted(case.expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_deletions_come_before_what_needs_their_place(case: Case) -> None:
    """An upload waits exactly when a deletion's key is in its way: above it, below it, or of it."""
    local = sorted(case.local, key=lambda entry: entry.path)
    journal = sorted(case.journal, key=lambda record: record.path)
    actions = list(plan_backup(local, journal, folder_mode=0o755))
    gone = [action.record.path for action in actions if isinstance(action, Delete)]
    for action in actions:
        if isinstance(action, Upload):
            path = action.entry.path
            above = any(path.startswith(f"{name}/") for name in gone)
            below = any(name.startswith(f"{path}/") for name in gone)
            assert action.waits is (above or below)


def test_what_is_ignored_and_gone_is_forgotten_not_deleted() -> None:
    """A row that the rules leave out and nothing here stands for goes; its object is not asked."""
    journal = [row("a"), row("d/x"), row("e")]
    plan = plan_backup([], journal, folder_mode=0o755, ignored=lambda path: path != "e")
    assert list(plan) == [Forget(row("a")), Forget(row("d/x")), Delete(row("e"))]


def test_what_lies_below_a_mount_is_forgotten_not_deleted() -> None:
    """Rows of what something is mounted over go, the mount's own too; those beside it count."""
    mount = Problematic("d/", "other-filesystem", "Mounted.")
    journal = [row("c"), marker("d/"), row("d/x"), row("d/y/z"), row("e")]
    found = [*plan_backup([mount, file("e")], journal, folder_mode=0o755)]
    assert found == [
        Delete(row("c")),
        Skip(mount),
        Forget(marker("d/")),
        Forget(row("d/x")),
        Forget(row("d/y/z")),
    ]


def test_unsorted_scan_is_refused() -> None:
    """A stream out of order is no plan: it could delete what is there."""
    with pytest.raises(UnsortedStreamError):
        list(plan_backup([file("b"), file("a")], [], folder_mode=0o755))


def test_unsorted_journal_is_refused() -> None:
    """The same path twice in the journal is no plan either."""
    with pytest.raises(UnsortedStreamError):
        list(plan_backup([], [row("a"), row("a")], folder_mode=0o755))


def test_known_row_travels_with_the_upload() -> None:
    """A changed file's upload carries the journal's row, whose ETag it may replace."""
    (action,) = plan_backup([file("a", size=2)], [row("a")], folder_mode=0o755)
    assert isinstance(action, Upload)
    assert action.known == row("a")


def test_plan_is_a_stream() -> None:
    """The first action comes before the scan has ended."""
    seen = 0

    def local() -> object:
        nonlocal seen
        for number in range(50_000):
            seen += 1
            yield file(f"f{number:06}")

    plan = plan_backup(local(), [], folder_mode=0o755)  # type: ignore[arg-type]
    next(plan)
    assert seen < 10
