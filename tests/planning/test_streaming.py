"""Plans are streams: a home of any size is planned in the memory of a few entries."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator

import pytest

from wherobots_storage.planning.backup import plan_backup
from wherobots_storage.planning.restore import plan_restore
from wherobots_storage.planning.tree import Directory, Entry, File, Record, Remote

MANY = 200_000
BOUND = 20_000
"""Blocks of memory in use more than at the beginning. A list of the entries has 400,000 and more;
tracemalloc would tell bytes, and take a minute for it."""

EVERY = 5000


class Gauge:
    """The most blocks in use, looked at now and then while the streams flow."""

    most = 0

    def look(self, number: int) -> None:
        """Note what is in use, at every so many entries."""
        if number % EVERY == 0:
            self.most = max(self.most, sys.getallocatedblocks())


GAUGE = Gauge()


def files(*, size: int = 1, folders: bool = True) -> Iterator[Entry]:
    """A home of many files in folders of a hundred, sorted by path."""
    for number in range(MANY):
        GAUGE.look(number)
        if folders and number % 100 == 0:
            yield Directory(f"d{number // 100:06}/", 0o755, empty=False)
        yield File(path_of(number), size, 10, 20, 30, 0o644)


def path_of(number: int) -> str:
    """The path of one of them."""
    return f"d{number // 100:06}/f{number % 100:02}"


def rows() -> Iterator[Record]:
    """Their rows."""
    for number in range(MANY):
        GAUGE.look(number)
        yield Record(path_of(number), "file", 1, 10, 20, 30, 0o644, "sha", "e1", 0.0)


def objects(etag: str = "e1") -> Iterator[Remote]:
    """Their objects."""
    for number in range(MANY):
        GAUGE.look(number)
        yield Remote(path_of(number), 1, etag, 0.0)


def backup(local: Iterable[Entry], journal: Iterable[Record]) -> Iterator[object]:
    """A sync's plan."""
    return plan_backup(local, journal, folder_mode=0o755)


PLANS: dict[str, tuple[Callable[[], Iterator[object]], int]] = {
    "nothing changed": (lambda: backup(files(), rows()), 0),
    "everything is new": (lambda: backup(files(), ()), MANY),
    "everything changed": (lambda: backup(files(size=2), rows()), MANY),
    "everything is gone": (lambda: backup((), rows()), MANY),
    "nothing to restore": (lambda: plan_restore(files(), rows(), objects()), 0),
    "everything to restore": (lambda: plan_restore((), (), objects()), MANY),
    "everything to replace": (lambda: plan_restore(files(), rows(), objects("e2")), MANY),
}


@pytest.mark.parametrize("plan", PLANS)
def test_plan_needs_no_memory_for_what_it_passed(plan: str) -> None:
    """Two hundred thousand entries are planned without ever standing in memory together."""
    make, expected = PLANS[plan]
    gc.collect()
    before = sys.getallocatedblocks()
    GAUGE.most = 0
    found = sum(1 for _ in make())
    assert found == expected
    assert 0 < GAUGE.most < before + BOUND


def test_gauge_sees_what_is_kept() -> None:
    """The bound is one that a plan kept in memory would not hold."""
    gc.collect()
    before = sys.getallocatedblocks()
    GAUGE.most = 0
    kept = list(backup(files(), ()))
    assert len(kept) == MANY
    assert GAUGE.most > before + 10 * BOUND
