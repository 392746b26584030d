"""Memory does not grow with the number of changes: they wait on disk."""

from __future__ import annotations

import gc
import json
import logging
import os
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, opened

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.errors import AccessDenied
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.threads import ThreadedTransfers
from wherobots_storage.planning.backup import Upload
from wherobots_storage.planning.tree import File, Notice, Record
from wherobots_storage.sync import multipart, unsettled
from wherobots_storage.sync.aside import AsidePass
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.consent import Consent
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.missing import Missing
from wherobots_storage.sync.openuploads import OpenUploads
from wherobots_storage.sync.report import MAX_KEPT, MAX_STOPPED, Report, Stops
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.unsettled import send_parts
from wherobots_storage.sync.worklist import Deletions, Paths, Uploads
from wherobots_storage.sync.written import Written

MIB = 1024**2
MOST_ALIVE = 6_000
"""More than a page of the journal's rows, and far less than there are."""


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """A home with one saved file; what other tests have left in memory is cleared away."""
    gc.collect()
    bench = Bench(tmp_path, store)
    bench.write("here", mtime_ns=OLD)
    assert bench.sync().complete
    return bench


def row(number: int) -> Record:
    """A saved file's row."""
    return Record(
        f"folder-{number % 100:02}/f{number:06}", "file", 7, OLD, 1, number, 0o644,
        f"{number:064x}", f"etag-{number}", 1.0,
    )  # fmt: skip


def journal_of(bench: Bench, count: int) -> None:
    """Let the journal have so many files that neither home nor store has."""
    with closing(sqlite3.connect(StateFolder.for_settings(bench.settings).journal_path)) as db:
        db.executemany(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(row, range(count))
        )
        db.commit()


def alive(kind: type[object]) -> int:
    """How many values of a kind are in memory."""
    return sum(type(value) is kind for value in gc.get_objects())


@contextmanager
def peak() -> Iterator[Callable[[], int]]:
    """The most bytes that Python held at once since the block began, beyond those of before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        yield lambda: tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_counting_counts() -> None:
    """What is in memory is seen: without that the tests below could not fail."""
    before = alive(Record)
    rows = [row(number) for number in range(MOST_ALIVE)]
    assert alive(Record) - before == len(rows)


def test_the_audit_log_names_everything_in_short_lines(caplog: pytest.LogCaptureFixture) -> None:
    """However much a run writes and deletes, all of it is named, a hundred paths in a line."""
    caplog.set_level(logging.INFO, "wherobots_storage.audit")
    report = Report(written=Written("org/notebooks/customer-a1/", "customer-a1"))
    for number in range(120):
        report.wrote(f"w{number}")
        report.removed(f"d{number}")
    report.close()
    report.close()
    assert (report.moved, report.deleted) == (120, 120)
    lines = [json.loads(record.message) for record in caplog.records]
    assert [line["files"] + line["deleted"] for line in lines] == [100, 100, 40]
    wrote = [path for line in lines for path in line["paths"]]
    deleted = [path for line in lines for path in line["deletedPaths"]]
    assert wrote == [f"w{number}" for number in range(120)]
    assert deleted == [f"d{number}" for number in range(120)]
    assert {line["customer"] for line in lines} == {"customer-a1"}


def test_planned_deletions_wait_on_disk(bench: Bench) -> None:
    """Of 200,000 deletions that a veto holds no more than a page is ever in memory."""
    journal_of(bench, 200_000)
    seen: list[tuple[int, int]] = []

    def agree(held: HeldDeletions) -> bool:
        seen.append((held.files, alive(Record)))
        return False

    with opened(bench) as (session, board):
        report = session.cycle(Cancel(), Consent(agree), upkeep=False)
        assert alive(Record) < MOST_ALIVE
    assert [files for files, _ in seen] == [200_000]
    assert seen[0][1] < MOST_ALIVE
    assert report.held is not None
    assert len(report.held.paths) == 200
    assert board.status.held == report.held


def test_deletions_are_carried_out_from_disk(bench: Bench, store: FaultyStore) -> None:
    """While 20,000 deletions that were agreed to are done, few of them are in memory."""
    journal_of(bench, 20_000)
    seen: list[int] = []

    def count(name: str, key: str) -> None:
        if name == "head" and key.endswith("000"):
            seen.append(alive(Record))

    store.before = count
    consent = Consent(lambda _held: True)
    with opened(bench) as (session, _board):
        report = session.cycle(Cancel(), consent, upkeep=False)
        assert len(session.journal) == 1
    consent.forget()
    assert report.deleted == 20_000
    assert len(seen) == 20
    assert max(seen) < 1000


def test_a_list_that_is_spooled_is_sorted_and_whole() -> None:
    """What is planned comes back as it was, files by path and markers from below."""
    rows = [
        row(2)._replace(path="b", inode=2**64 - 1),
        row(1)._replace(path="a"),
        row(3)._replace(path="d/", kind="folder"),
        row(4)._replace(path="d/e/", kind="folder"),
    ]
    with Deletions() as deletions:
        for number, record in enumerate(rows):
            deletions.add(record, agreed=number == 1)
        assert (deletions.files, deletions.asking) == (4, 3)
        assert list(deletions.files_to_go()) == [rows[1]]
        assert list(deletions.held()) == [rows[0], rows[2], rows[3]]
        deletions.allow()
        assert list(deletions.files_to_go()) == [rows[1], rows[0]]
        assert list(deletions.markers_to_go()) == [rows[3], rows[2]]
        assert (deletions.asking, deletions.asking_bytes) == (0, 0)


def test_each_new_file_stands_for_one_deletion() -> None:
    """Renamed files are paired by kind and bytes, one with one, whatever their number."""
    with Deletions() as deletions:
        for number, sha256 in enumerate("aabbc"):
            deletions.add(row(number)._replace(path=f"{number}", sha256=sha256))
        arrived = [
            ("file", "b", "x"),
            ("file", "a", "y"),
            ("symlink", "c", "z"),
            ("file", "d", "w"),
        ]
        pairs = dict(deletions.pairs(arrived))
    assert pairs == {"0": "y", "1": None, "2": "x", "3": None, "4": None}


def test_rows_are_forgotten_from_disk(tmp_path: Path) -> None:
    """To forget 50,000 paths at once takes no list of them, and is undone as one."""
    with Journal(tmp_path / "journal") as journal, Paths() as paths:
        for number in range(50_000):
            record = row(number)
            journal.put(record)
            paths.add(record.path)
        journal.commit()
        with peak() as most:
            journal.forget_all(paths)
            assert most() < MIB
        assert len(journal) == 0
        journal.commit()
        assert len(paths) == 50_000


def test_a_restore_forgets_from_disk(bench: Bench) -> None:
    """What is gone on both sides is forgotten without a list of it in memory."""
    journal_of(bench, 50_000)
    with opened(bench) as (session, _board):
        with peak() as most:
            report = session.restore(Cancel())
            assert most() < 8 * MIB
        assert len(session.journal) == 1
    assert report.left_files == 0


def test_what_a_restore_leaves_is_kept_on_disk() -> None:
    """The paths of 50,000 objects that did not come are in no list, and each is there once."""
    missing = Missing()
    paths = [f"folder/{number:05}-{'x' * 200}" for number in range(50_000)]
    with peak() as most, missing.anew() as left:
        report = Report(on_left=left.add)
        for path in paths:
            report.leave(Notice(path, "denied", "Not this one.", 1))
            left.add(path)
        assert most() < 2 * MIB
    assert len(missing) == report.left_files == report.skipped.total == len(paths)
    assert list(missing) == paths
    with pytest.raises(LookupError), missing.anew():
        raise LookupError
    assert len(missing) == len(paths)
    missing.close()


def test_the_count_of_what_a_restore_left_stays_true(bench: Bench, store: FaultyStore) -> None:
    """Of more objects than are listed all are counted, and fewer when some of them have come."""
    count = MAX_KEPT + 100
    for number in range(count):
        store.put(f"{PREFIX}far/{number:04}", b"theirs")
    away = ["far/"]

    def refuse(name: str, key: str) -> None:
        if name == "get" and any(part in key for part in away):
            raise AccessDenied("Not this one.")

    store.before = refuse
    with opened(bench) as (session, board):
        assert session.restore(Cancel()).left_files == count
        assert (len(session.missing), board.status.skipped_total) == (count, count)
        for still, left in ((["far/00"], 100), ([], 0)):
            away[:] = still
            assert session.fetch_missing(Cancel()).left_files == left
            assert (len(session.missing), board.status.skipped_total) == (left, left)
    assert sum(1 for _ in (bench.home / "far").iterdir()) == count


def test_what_is_saved_beside_waits_on_disk(bench: Bench, store: FaultyStore) -> None:
    """A final sync without the lease holds few of the entries that it saves, pass after pass."""
    count = 1500
    for number in range(count):
        bench.write(f"new-{number:04}", b"%d" % number)
    seen: list[int] = []

    def look(name: str, key: str) -> None:
        if name == "put" and "00 (" in key:
            seen.append(alive(File))

    store.before = look
    before = alive(File)
    with opened(bench) as (session, _board), AsidePass(session) as work:
        assert work.run(Cancel()).moved == count
        assert work.run(Cancel()).is_quiet
        assert work.differs
        assert alive(File) - before < 500
    assert len(seen) == 15
    assert max(seen) - before < 500


def test_a_large_file_is_in_memory_in_pieces(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file that is sent far less than a part is held, however large its parts are."""
    part = 24 * MIB
    monkeypatch.setattr(multipart, "PART_BYTES", part)
    with (bench.home / "large").open("wb") as file:
        os.truncate(file.fileno(), 6 * part)
    sent: list[int] = []

    def upload_part(*given: Any, size: int) -> str:
        sent.append(sum(map(len, given[-1])))
        assert sent[-1] == size
        return "etag"

    monkeypatch.setattr(type(store), "upload_part", upload_part)
    monkeypatch.setattr(type(store), "complete_multipart", lambda *_, **__: "etag")
    with opened(bench) as (session, _board), peak() as most:
        assert session.cycle(Cancel(), upkeep=False).is_complete
        assert most() < part / 2
    assert sent == [part] * 6


def test_uploads_count_their_files() -> None:
    """Folders' markers are no files."""
    with Uploads() as uploads:
        for entry in islice((File(f"f{n}", 5, OLD, 1, n, 0o644) for n in range(9)), 3):
            uploads.add(Upload(entry, None))
        assert uploads.without_folders() == (3, 15)


def test_conflicts_that_are_remembered_are_bounded() -> None:
    """Of more than ten thousand paths the first are forgotten, and only tried again."""
    stops = Stops()
    records = [row(number) for number in range(MAX_STOPPED + 100)]
    for record in records:
        stops.stop(record, Notice(record.path, "conflict", "Theirs is another.", 7))
    known = [record for record in records if stops.find(record.path, record) is not None]
    assert known == records[100:]


def test_what_is_saved_unsettled_is_in_memory_once(
    tmp_path: Path, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large file that never holds still goes in parts, of which one is in memory at a time."""
    monkeypatch.setattr(unsettled, "PART_BYTES", 8 * MIB)
    monkeypatch.setattr(MemoryStore, "upload_part", lambda *_arguments, **_named: "etag")
    monkeypatch.setattr(MemoryStore, "complete_multipart", lambda *_arguments, **_named: "etag")
    file = tmp_path / "moving"
    with file.open("wb") as stream:
        stream.truncate(64 * MIB)
    mirror = Mirror(store, ThreadedTransfers(store), "org/")
    with Journal(tmp_path / "journal.sqlite") as journal, file.open("rb") as stream:
        uploads = OpenUploads(mirror, journal)
        tracemalloc.start()
        try:
            send_parts(mirror, "moving", stream.fileno(), {}, Cancel(), uploads)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            mirror.transfers.close()
    assert most < 12 * MIB
