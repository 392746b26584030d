"""Which files a power cut broke, and which somebody edited."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from wherobots_storage.planning.powercut import was_not_edited
from wherobots_storage.planning.tree import File, Record

SAVED = Record("a", "file", 100, 50_000, 60_000, 7, 0o644, "sha", "etag", 0.5)
HASTY = SAVED._replace(ctime_ns=0, time=0.00007)
"""Saved right after it had changed: its row has no ctime, and is of 70,000 ns."""


class Case(NamedTuple):
    """A file and its row, and whether it was not edited in this boot, and after a reboot."""

    says: str
    entry: File
    record: Record
    here: bool
    rebooted: bool


def file(size: int = 100, mtime: int = 50_000, ctime: int = 60_000, inode: int = 7) -> File:
    """A file; by default just as the row has it."""
    return File("a", size, mtime, ctime, inode, 0o644)


CASES = [
    Case("emptied", file(0), SAVED, here=True, rebooted=True),
    Case("shorter", file(40), SAVED, here=True, rebooted=True),
    Case("emptied, saved in haste", file(0), HASTY, here=True, rebooted=True),
    Case("emptied by somebody", file(0, 50_000, 60_001), SAVED, here=False, rebooted=False),
    Case(
        "emptied in haste by somebody", file(0, 70_001, 70_001), HASTY, here=False, rebooted=False
    ),
    Case("longer", file(120), SAVED, here=False, rebooted=True),
    Case("appended in haste", file(120, 50_001, 65_000), HASTY, here=False, rebooted=False),
    Case("an older version", file(40, 20_000, 20_000, 3), SAVED, here=False, rebooted=True),
    Case("another file moved here", file(40, 20_000, 90_000, 3), SAVED, here=False, rebooted=False),
    Case("its time not kept", file(100, 55_000, 55_000), SAVED, here=False, rebooted=True),
    Case("edited", file(90, 80_000, 80_000), SAVED, here=False, rebooted=False),
    Case("a link then", file(0), SAVED._replace(kind="symlink"), here=False, rebooted=False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_an_edit_dates_the_inode(case: Case) -> None:
    """What is younger than its row was edited; what is older was not, as far as that is proved."""
    found = [was_not_edited(case.entry, case.record, rebooted=flag) for flag in (False, True)]
    assert found == [case.here, case.rebooted]
