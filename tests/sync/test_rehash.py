"""Changes that a file's size and times do not tell."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support.homes import OLD, Bench, opened

from wherobots_storage.sync import reading
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.reading import RACY_NS
from wherobots_storage.sync.rehash import Rehash
from wherobots_storage.sync.session import Session

DAY = 86_400.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once: a fresh one is read again by the scan a second later."""
    monkeypatch.setattr(reading, "RACY_NS", 0)


@pytest.fixture
def clock() -> Clock:
    """A clock that begins now: rows carry the real time."""
    return Clock()


def dated(session: Session) -> None:
    """Sync until every row has a ctime: files just written are compared by their bytes."""
    session.cycle(Cancel())
    time.sleep(RACY_NS / 10**9 + 0.05)
    session.cycle(Cancel())
    assert session.journal.undated() == []


def change_secretly(journal: Journal, file: Path, body: bytes) -> None:
    """Change a file's bytes as another mount would: the journal knows no other times."""
    before = file.stat()
    with file.open("r+b") as stream:
        stream.write(body)
    os.utime(file, ns=(before.st_mtime_ns, before.st_mtime_ns))
    record = journal.get(file.name)
    assert record is not None
    # This machine's kernel did change the ctime; one behind another mount would not have.
    journal.put(record._replace(ctime_ns=file.stat().st_ctime_ns))
    journal.commit()


def test_only_the_rehash_sees_it(bench: Bench, clock: Clock) -> None:
    """Other bytes with the same size, times and inode are found and saved within a day."""
    file = bench.write("a", b"one", mtime_ns=OLD)
    bench.write("b", b"two")
    with opened(bench, rehash=Rehash(DAY, clock=clock)) as (session, _):
        dated(session)
        change_secretly(session.journal, file, b"ONE")
        assert session.cycle(Cancel()).is_quiet
        assert bench.body("a") == b"one"
        for _ in range(int(DAY / 600)):
            clock.now += 600
            session.cycle(Cancel())
        assert bench.body("a") == b"ONE"


def test_every_file_is_read_within_a_day(bench: Bench, clock: Clock) -> None:
    """A day of cycles covers the journal, in small slices, and none before half a day."""
    for number in range(200):
        bench.write(f"f{number}", mtime_ns=OLD)
    rehash = Rehash(DAY, clock=clock)
    with opened(bench, rehash=rehash) as (session, _):
        dated(session)
        begin = clock.now
        slices = []
        for _ in range(int(DAY / 600)):
            clock.now += 600
            session.cycle(Cancel())
            slices.append(sum(record.time == clock.now for record in session.journal))
        assert all(record.time > begin + DAY / 2 - 600 for record in session.journal)
        assert sum(slices[:70]) == 0
        assert max(slices) <= 5


def test_large_file_is_read_over_several_cycles(bench: Bench, clock: Clock) -> None:
    """A file that takes longer than a cycle's share is read on where the last one ended."""
    file = bench.write("big", os.urandom(12 * 1024**2))
    with opened(bench, rehash=Rehash(DAY, budget=0.0, share=0.0, clock=clock)) as (session, _):
        dated(session)
        change_secretly(session.journal, file, os.urandom(12 * 1024**2))
        clock.now += DAY
        for _ in range(11):
            clock.now += 60
            session.cycle(Cancel())
        record = session.journal.get("big")
        assert record is not None
        assert record.ctime_ns
        for _ in range(3):
            clock.now += 60
            session.cycle(Cancel())
    assert bench.body("big") == file.read_bytes()


def test_many_rows_are_read_within_a_day(
    bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be more rows than are in memory at once in all the cycles of a day."""
    monkeypatch.setattr("wherobots_storage.sync.rehash.MOST_ROWS", 2)
    for number in range(200):
        bench.write(f"f{number}", mtime_ns=OLD)
    with opened(bench, rehash=Rehash(DAY, clock=clock)) as (session, _):
        dated(session)
        clock.now += 60  # the rows are dated by the true time
        begin = clock.now
        for _ in range(int(DAY / 600)):
            clock.now += 600
            session.cycle(Cancel())
        assert all(record.time > begin for record in session.journal)


def test_many_bytes_are_read_within_a_day(
    bench: Bench, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the least budget does not suffice for a day, more of the time is used."""
    monkeypatch.setattr("wherobots_storage.sync.rehash.CHUNK", 4096)
    for number in range(10):
        bench.write(f"f{number}", bytes(20 * 4096), mtime_ns=OLD)
    with opened(bench, rehash=Rehash(DAY, budget=0.0, clock=clock)) as (session, _):
        dated(session)
        clock.now += 60  # the rows are dated by the true time
        begin = clock.now
        for _ in range(int(DAY / 600)):
            clock.now += 600
            session.cycle(Cancel())
        assert all(record.time > begin for record in session.journal)


def test_rows_that_had_no_turn_are_made_up_for(bench: Bench, clock: Clock) -> None:
    """What gives way to something more urgent for most of a day is read in the rest of it."""
    urgent = True
    for number in range(100):
        bench.write(f"f{number}", mtime_ns=OLD)
    with opened(bench, rehash=Rehash(DAY, clock=clock)) as (session, _):
        session.wanted = lambda: urgent
        dated(session)
        clock.now += 60  # the rows are dated by the true time
        begin = clock.now
        for cycle in range(int(DAY / 600)):
            urgent = cycle < 140
            clock.now += 600
            session.cycle(Cancel())
            if urgent:
                assert not any(record.time > begin for record in session.journal)
        assert all(record.time > begin for record in session.journal)


def test_what_the_scan_sees_is_left_to_it(bench: Bench, clock: Clock) -> None:
    """A file that is gone or looks changed is no finding of the rehash."""
    for name in ("changed", "gone", "link", "same"):
        bench.write(name, mtime_ns=OLD)
    rehash = Rehash(DAY, clock=clock)
    with opened(bench) as (session, _):
        dated(session)
        bench.write("changed", b"other")
        (bench.home / "gone").unlink()
        (bench.home / "link").unlink()
        (bench.home / "link").symlink_to("same")
        clock.now += DAY
        rows = list(session.journal)
        home = Home.open(bench.settings)
        for _ in range(12):
            clock.now += 3600
            assert rehash.run(home, session.journal, Cancel()) == 0
        after = list(session.journal)
    assert [row._replace(time=0) for row in after] == [row._replace(time=0) for row in rows]
    assert all(row.time > rows[0].time for row in after)


def test_rows_of_a_clock_that_was_ahead_have_their_turn(bench: Bench, clock: Clock) -> None:
    """A row that is dated a year ahead is compared within a day, and dated by the clock again."""
    file = bench.write("a", b"one", mtime_ns=OLD)
    with opened(bench, rehash=Rehash(DAY, clock=clock)) as (session, _):
        dated(session)
        change_secretly(session.journal, file, b"ONE")
        record = session.journal.get("a")
        assert record is not None
        session.journal.put(record._replace(time=record.time + 365 * DAY))
        for _ in range(int(DAY / 600)):
            clock.now += 600
            session.cycle(Cancel())
        assert bench.body("a") == b"ONE"
        record = session.journal.get("a")
        assert record is not None
        assert record.time < clock.now + DAY
