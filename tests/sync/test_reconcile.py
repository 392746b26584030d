"""Objects that vanish from the bucket while a home is in use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, final, opened

from wherobots_storage.errors import AccessDenied, StorageError, StoreUnavailable
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.remote import RemoteListing

HOUR = 3600.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """A home with every kind of entry."""
    bench = Bench(tmp_path, store)
    bench.write("a", b"a", mtime_ns=OLD)
    bench.write("d/b", b"b", mtime_ns=OLD)
    bench.write("big", os.urandom(9 * 1024**2), mtime_ns=OLD)
    (bench.home / "empty").mkdir()
    (bench.home / "link").symlink_to("a")
    return bench


ALL = ["a", "big", "d/b", "empty/", "link"]


def test_vanished_objects_are_saved_again(bench: Bench, store: FaultyStore, clock: Clock) -> None:
    """What somebody deleted in the bucket is there again after the hour, and not before."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        store.delete_many([f"{PREFIX}{key}" for key in ALL])
        clock.now += HOUR - 1
        session.cycle(Cancel())
        assert bench.keys() == []
        clock.now += 1
        assert session.cycle(Cancel()).is_complete
        assert bench.keys() == ALL
        assert bench.body("link") == b"a"


def test_nothing_is_sent_when_nothing_vanished(
    bench: Bench, store: FaultyStore, clock: Clock
) -> None:
    """A listing that finds everything is all that it costs, once an hour."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        session.cycle(Cancel())
        clock.now += HOUR
        store.calls.clear()
        for _ in range(3):
            session.cycle(Cancel())
    assert [name for name, _ in store.calls] == ["list_page"]


def test_time_of_the_last_listing_survives_a_restart(
    bench: Bench, store: FaultyStore, clock: Clock
) -> None:
    """A new process lists only when the hour since the last listing is over."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
    clock.now += HOUR / 2
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        assert store.count("list_page") == 0
        clock.now -= 10 * HOUR  # a clock that was set back does not put it off for long
        session.cycle(Cancel())
        assert store.count("list_page") == 1


def test_restore_counts_as_a_listing(bench: Bench, store: FaultyStore, clock: Clock) -> None:
    """After a restore the next listing is an hour away."""
    bench.sync()
    clock.now += 2 * HOUR
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.restore(Cancel())
        store.calls.clear()
        session.cycle(Cancel())
    assert store.count("list_page") == 0


def no_listing(error: type[StorageError]) -> Callable[[str, str], None]:
    """A store whose listings fail, but for those of its abilities."""

    def fail(name: str, key: str) -> None:
        if name == "list_page" and "/probe/" not in key:
            raise error("No listing.")

    return fail


@pytest.mark.parametrize("error", [AccessDenied, StoreUnavailable])
def test_failed_listing_stops_nothing(
    bench: Bench, store: FaultyStore, clock: Clock, error: type[StorageError]
) -> None:
    """Where listing is forbidden or fails, files are saved all the same, and it is tried later."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        clock.now += HOUR
        store.delete(f"{PREFIX}a")
        store.before = no_listing(error)
        bench.write("new")
        assert session.cycle(Cancel()).is_complete
        session.cycle(Cancel())
        assert store.count("list_page") == 1
        store.before = lambda _name, _key: None
        clock.now += 300
        session.cycle(Cancel())
    assert bench.keys() == sorted([*ALL, "new"])


def test_final_sync_does_not_list(bench: Bench, store: FaultyStore, clock: Clock) -> None:
    """The seconds before a stop are for the home's changes only."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        clock.now += HOUR
        store.calls.clear()
        assert final(session, Cancel())
    assert store.count("list_page") == 0


def test_listing_that_misses_objects_harms_nobody(
    bench: Bench, store: FaultyStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that a listing leaves out is adopted, neither doubled nor deleted."""
    bench.write("gone", mtime_ns=OLD)
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        before = {key: store.head(PREFIX + key).etag for key in ALL}
        clock.now += HOUR
        (bench.home / "gone").unlink()
        with monkeypatch.context() as patched:
            patched.setattr(RemoteListing, "__iter__", lambda _: iter(()))
            assert session.cycle(Cancel()).is_complete
    assert {key: store.head(PREFIX + key).etag for key in ALL} == before
    assert bench.keys() == sorted([*ALL, "gone"])


def test_rows_of_a_clock_that_was_ahead(bench: Bench, store: FaultyStore, clock: Clock) -> None:
    """A file that was saved while the clock was days ahead is saved again when it vanishes too."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        for record in list(session.journal):
            session.journal.put(record._replace(time=record.time + 5 * 24 * HOUR))
        session.journal.commit()
        store.delete(f"{PREFIX}a")
        clock.now += HOUR
        session.cycle(Cancel())
    assert bench.keys() == sorted(ALL)


def test_listing_that_failed_does_not_wait_for_a_clock_that_was_set_back(
    bench: Bench, store: FaultyStore, clock: Clock
) -> None:
    """It is tried again within its usual pause, whatever the clock says then."""
    with opened(bench, reconciler=Reconciler(HOUR, clock)) as (session, _):
        session.cycle(Cancel())
        clock.now += HOUR
        store.delete(f"{PREFIX}a")
        store.before = no_listing(StoreUnavailable)
        session.cycle(Cancel())
        store.before = lambda _name, _key: None
        clock.now -= 24 * HOUR
        session.cycle(Cancel())
    assert bench.keys() == ALL
