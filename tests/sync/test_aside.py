"""A final sync while another instance has the lease: it saves beside, and touches nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.haste import Hasty
from support.homes import PREFIX, Bench, opened

from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.sync.aside import WORKERS
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.final import FinalSync
from wherobots_storage.sync.lease import LeaseObject
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.tenure import Tenure

LARGE = 9 * 1024**2
"""More bytes than are held in memory."""


def lease(store: ObjectStore, host: str) -> LeaseObject:
    """The lease as the instance on this host sees it."""
    return LeaseObject(store, PREFIX, instance=f"home-on-{host}", host=host)


def keys(bench: Bench) -> list[str]:
    """What the mirror holds."""
    return bench.keys()


@contextmanager
def guest(bench: Bench, cancel: Cancel | None = None) -> Iterator[tuple[Session, list[bool]]]:
    """A session whose final sync was made while another had the lease, and its outcome."""
    other = lease(bench.store, "there")
    assert other.take() is None
    with opened(bench) as (session, board):
        tenure = Tenure(lease(bench.store, "here"), board)
        complete = FinalSync(session, tenure).run(cancel or Cancel(seconds=60))
        yield session, [complete]
    other.release()


def test_what_differs_goes_beside(
    bench: Bench, store: FaultyStore, caplog: pytest.LogCaptureFixture
) -> None:
    """New and changed files go to conflict names, deletions wait, and nothing else is written."""
    for name in ("same", "changed.tar.gz", "gone"):
        bench.write(name, b"before")
    bench.sync()
    bench.write("changed.tar.gz", b"here")
    bench.write("sub/new", b"new")
    (bench.home / "link").symlink_to("same")
    (bench.home / "gone").unlink()
    store.put(f"{PREFIX}changed.tar.gz", b"there")
    before = {key: bench.body(key) for key in keys(bench)}
    caplog.set_level("INFO")
    with guest(bench) as (session, complete):
        assert complete == [False]
        told = {notice.path: notice.reason for notice in session.board.status.conflicts}
    added = sorted(set(bench.keys()) - set(before))
    assert len(added) == 3
    assert '"files": 3, ' in caplog.text  # the audit's line
    assert '"deleted": 0, ' in caplog.text
    assert {key: bench.body(key) for key in before} == before
    (copy,) = bench.kept("changed.tar.gz")
    assert copy.endswith(".tar.gz")
    assert bench.body(copy) == b"here"
    assert bench.body(bench.kept("sub/new")[0]) == b"new"
    assert store.head(PREFIX + bench.kept("link")[0]).metadata["symlink"] == "1"
    assert set(told) == {"changed.tar.gz", "sub/new", "link"}
    assert copy in told["changed.tar.gz"]


def test_a_second_final_sync_writes_nothing_again(bench: Bench, store: FaultyStore) -> None:
    """What was saved beside once is known, after a restart too; other bytes are saved as well."""
    bench.write("a", b"first")
    for _ in range(2):
        with guest(bench):
            pass
    assert len(bench.keys()) == 1
    bench.write("a", b"second")
    with guest(bench):
        pass
    assert sorted(map(bench.body, bench.keys())) == [b"first", b"second"]
    assert store.count("delete", "/a") == 0


def test_what_the_mirror_has_is_not_saved_again(bench: Bench, store: FaultyStore) -> None:
    """A home whose bytes are all in the mirror writes nothing, and its final sync is complete."""
    bench.write("ours", b"1")
    bench.write("foreign", b"22")
    bench.sync()
    with opened(bench) as (session, _):
        session.journal.forget_all(["ours", "foreign"])
    store.put(f"{PREFIX}foreign", b"22")  # the same bytes, by another program
    with guest(bench) as (session, complete):
        assert complete == [True]
        assert session.board.status.conflicts == []
    assert bench.keys() == ["foreign", "ours"]


def test_a_large_file_goes_beside(bench: Bench, store: FaultyStore) -> None:
    """A file too large for memory goes in parts, with its hash."""
    body = os.urandom(LARGE)
    bench.write("big.bin", body)
    for _ in range(2):
        with guest(bench):
            pass
    (copy,) = bench.keys()
    assert bench.body(copy) == body
    assert len(store.head(PREFIX + copy).metadata["sha256"]) == 64


@pytest.mark.parametrize("size", [0, LARGE], ids=["empty", "equal in size"])
def test_a_large_file_is_not_taken_for_what_is_in_its_place(
    bench: Bench, store: FaultyStore, size: int
) -> None:
    """A large file is saved beside an object that does not say its hash and has other bytes."""
    body = os.urandom(LARGE)
    bench.write("big.bin", body)
    store.put(f"{PREFIX}big.bin", bytes(size))
    with guest(bench):
        pass
    (copy,) = bench.kept("big.bin")
    assert bench.body(copy) == body
    assert bench.body("big.bin") == bytes(size)


def test_a_large_file_that_another_program_uploaded(bench: Bench, store: FaultyStore) -> None:
    """A large object without a hash is read, and the same bytes are not saved once more."""
    body = os.urandom(LARGE)
    bench.write("big.bin", body)
    store.put(f"{PREFIX}big.bin", body)
    with guest(bench) as (_, complete):
        assert complete == [True]
    assert bench.keys() == ["big.bin"]


def test_a_large_file_that_moves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is always written to is saved as unsettled, and no half of it as a conflict."""
    monkeypatch.setattr("wherobots_storage.sync.unsettled.PATIENCE", 1)
    file = bench.write("big.bin", os.urandom(LARGE))
    done = threading.Event()

    def write() -> None:
        while not done.wait(0.001):
            with file.open("r+b") as handle:
                handle.write(os.urandom(8))

    writing = threading.Thread(target=write)
    writing.start()
    try:
        with guest(bench) as (_, complete):
            assert complete == [False]
    finally:
        done.set()
        writing.join()
    assert bench.kept("big.bin") == []
    assert [key.startswith("big (unsettled ") for key in keys(bench)] == [True]


def test_a_taken_name(bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A conflict name that is taken in the bucket, or used in the home, is left to its owner."""
    monkeypatch.setattr("wherobots_storage.sync.aside.time.time", lambda: 1e9)
    bench.write("a", b"mine")
    store.put(f"{PREFIX}a (conflict 2001-09-09 014640)", b"taken")
    bench.write("a (conflict 2001-09-09 014640 2)", b"used")
    with guest(bench):
        pass
    assert bench.body("a (conflict 2001-09-09 014640)") == b"taken"
    assert bench.body("a (conflict 2001-09-09 014640 3)") == b"mine"


def test_without_conditions(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the store ignores conditions, a look before the write keeps a taken name from harm."""
    put = MemoryStore.put

    def careless(self: MemoryStore, key: str, body: bytes, **options: object) -> str:
        kept = {name: value for name, value in options.items() if not name.startswith("if_")}
        return put(self, key, body, **kept)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryStore, "put", careless)
    monkeypatch.setattr("wherobots_storage.sync.aside.time.time", lambda: 1e9)
    bench.write("a", b"mine")
    bench.store.put(f"{PREFIX}a (conflict 2001-09-09 014640)", b"taken")
    with guest(bench):
        pass
    assert bench.body("a (conflict 2001-09-09 014640)") == b"taken"
    assert bench.body("a (conflict 2001-09-09 014640 2)") == b"mine"


def test_what_could_not_be_saved_is_told_at_the_next_start(
    bench: Bench, store: FaultyStore
) -> None:
    """One file fails all the time: the others are saved, it is told as not saved at the stop."""

    def fail(name: str, key: str) -> None:
        if name == "put" and "/bad (" in key:
            raise StoreUnavailable("Not this one.")

    store.before = fail
    bench.write("good", b"12")
    bench.write("bad", b"345")
    with guest(bench, Hasty(pauses=2)) as (_, complete):
        assert complete == [False]
    assert bench.keys() == bench.kept("good")
    with opened(bench) as (_, board):
        (notice,) = board.status.skipped
    assert (notice.code, notice.size) == ("not-saved-at-stop", 3)
    assert "1 files, 3 bytes" in notice.reason


def test_what_was_left_is_told_until_the_home_was_looked_at(
    bench: Bench, store: FaultyStore
) -> None:
    """A final sync that does not find the home settles nothing of what the one before left."""

    def fail(name: str, key: str) -> None:
        if name == "put" and "conflict" in key:
            raise StoreUnavailable("Not this one.")

    store.before = fail
    bench.write("a", b"345")
    with guest(bench, Hasty(pauses=1)):
        pass
    away = bench.home.rename(bench.home.with_name("away"))
    with guest(bench, Hasty(pauses=1)) as (_, complete):
        assert complete == [False]
    away.rename(bench.home)
    with opened(bench) as (_, board):
        (notice,) = board.status.skipped
    assert notice.code == "not-saved-at-stop"


def test_it_is_told_at_the_next_start_until_looked_after(bench: Bench, store: FaultyStore) -> None:
    """The copy comes with the next restore, listed as a conflict until it is deleted there."""
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"mine")
    with guest(bench):
        pass
    (copy,) = bench.kept("a")
    with running_agent(bench.settings, store, lease=lease(store, "here")) as agent:
        agent.reaches("idle")
        eventually((bench.home / copy).exists)
        assert copy in " ".join(notice.reason for notice in agent.client.status().conflicts)
        assert agent.client.request("sync").status is not None
        assert bench.body("a") == b"mine"
        assert b"theirs" in {bench.body(key) for key in keys(bench)}
        for key in bench.kept("a"):
            (bench.home / key).unlink(missing_ok=True)
        agent.client.request("sync")
        listed = " ".join(notice.reason for notice in agent.client.status().conflicts)
        assert copy not in listed


def test_two_live_agents_lose_nothing(
    tmp_path: Path, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both work on one path; the one without the lease ends first, then the other: all is there."""
    monkeypatch.setattr("wherobots_storage.sync.tenure.LOOK", 0.2)
    first, second = Bench(tmp_path, store, "first"), Bench(tmp_path, store, "second")
    first.write("shared", b"0")
    with running_agent(first.settings, store, lease=lease(store, "a")) as writer:
        eventually(lambda: first.keys() == ["shared"])
        with running_agent(second.settings, store, lease=lease(store, "b")) as waiting:
            waiting.reaches("waiting")
            assert (second.home / "shared").read_bytes() == b"0"
            second.write("shared", b"of the second")
            second.write("only second", b"2")
            first.write("shared", b"of the first")
            assert writer.client.request("sync").complete
            event = waiting.client.request("final", 60.0)
            assert event.complete is False
            assert waiting.reaches("waiting").lease is not None
            waiting.stop()
            assert waiting.complete is False
        first.write("late", b"l")
        assert writer.client.request("sync").complete
        assert first.body("shared") == b"of the first"
    assert first.body(first.kept("shared")[0]) == b"of the second"
    assert first.body(first.kept("only second")[0]) == b"2"
    assert len(first.keys()) == 4


def test_lost_in_the_middle_of_the_final_sync(bench: Bench, store: FaultyStore) -> None:
    """An instance that loses the lease while it makes its final sync saves the rest beside."""
    other = lease(store, "there")
    with opened(bench) as (session, board):
        tenure = Tenure(lease(store, "here"), board)
        assert tenure.claim() is None
        for number in range(30):
            bench.write(f"f{number:02}", b"%d" % number)

        def lose(name: str, _key: str) -> None:
            if name == "put" and len(bench.keys()) >= 10 and not tenure.lost.is_set():
                store.before = lambda _name, _key: None
                assert other.take(force=True) is None
                tenure.lost.set()

        session.probe()
        session._mirror.transfers._pool._max_workers = 1  # type: ignore[attr-defined]
        store.before = lose
        assert not FinalSync(session, tenure).run(Cancel(seconds=60))
    found = {bench.body(key) for key in keys(bench)}
    assert found >= {b"%d" % number for number in range(30)}
    assert any(bench.kept(f"f{number:02}") for number in range(30))


def test_it_keeps_its_deadline(bench: Bench, store: FaultyStore) -> None:
    """When the time is over the rest is counted as not saved, and it ends."""
    for number in range(40):
        bench.write(f"f{number}", b"x")
    passes = threading.Semaphore(2 * WORKERS)  # two whole rounds of them, each awaited to its end
    over = threading.Event()

    def hang(name: str, key: str) -> None:
        if name == "put" and "conflict" in key and not passes.acquire(blocking=False):
            over.set()  # It came back when the time was over.
            raise StoreUnavailable("It came to nothing.")

    store.before = hang
    with guest(bench, Cancel(over)) as (session, complete):
        assert complete == [False]
        left = session.board.status.pending.files
        assert left == 40 - len(bench.keys())
        assert left == 40 - 2 * WORKERS
