"""``sync --final``: by the running agent, or without one in the command's own process."""

from __future__ import annotations

import os
import threading
import time

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, everything, opened

from wherobots_storage.errors import (
    AccessDenied,
    AlreadyRunning,
    InvalidCredentials,
    StoreUnavailable,
)
from wherobots_storage.planning.tree import File, Notice
from wherobots_storage.sync import reading, report
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.lease import LeaseObject, lease_of
from wherobots_storage.sync.reading import Content
from wherobots_storage.sync.state import StateFolder


def down(_name: str, _key: str) -> None:
    """Let no request through."""
    raise StoreUnavailable("It is gone.")


def test_until_nothing_changes(bench: Bench, store: FaultyStore) -> None:
    """What is written while it runs is saved too, and the lease is given up at the end."""
    bench.write("first")

    def write_more(name: str, key: str) -> None:
        if name == "put" and key == f"{PREFIX}first":
            bench.write("second")
        if name == "put" and key == f"{PREFIX}second":
            bench.write("third")

    store.before = write_more
    outcome = bench.final(None)
    assert outcome.complete
    assert outcome.status.state == "idle"
    assert bench.keys() == ["first", "second", "third"]
    assert store.list_page(f"{PREFIX}.wherobots/lease.json").entries == ()


def test_a_log_that_grows_all_the_time(bench: Bench, store: FaultyStore) -> None:
    """A file that has grown at each look does not keep a final sync without a limit for ever."""
    log = bench.write("log")

    def grow(name: str, key: str) -> None:
        if name == "put" and key == f"{PREFIX}log":
            with log.open("ab") as file:
                file.write(b"more")

    store.before = grow
    assert bench.final(None).complete
    assert store.count("put", "/log") > 5


@pytest.mark.parametrize("beside", [False, True])
def test_what_is_refused_for_good(bench: Bench, store: FaultyStore, *, beside: bool) -> None:
    """A file that the store takes never does not keep a final sync without a limit for ever."""
    if beside:
        LeaseObject(store, PREFIX, instance="other", host="there").take(force=True)
    bench.write("good", mtime_ns=OLD)
    bench.write("bad", mtime_ns=OLD)

    def refuse(name: str, key: str) -> None:
        if name == "put" and key.startswith(f"{PREFIX}bad"):
            raise AccessDenied("not yours")

    store.before = refuse
    outcome = bench.final(None)
    assert not outcome.complete
    saved = bench.keys()
    assert [key.partition(" ")[0] for key in saved] == ["good"]
    assert [notice.path for notice in outcome.status.skipped] == ["bad"]


def test_a_moving_file_among_many_notices(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that never holds still is saved beside, also when more is listed than is kept."""
    monkeypatch.setattr(report, "MAX_KEPT", 3)
    for number in range(5):
        os.mkfifo(bench.home / f"a{number}")
    bench.write("z", b"never still")
    real = reading.read_small

    def read(home: Home, entry: File) -> Content | Notice | None:
        return reading.unsettled(entry) if entry.path == "z" else real(home, entry)

    monkeypatch.setattr("wherobots_storage.sync.uploads.read_small", read)
    bench.final(60.0)
    saved = bench.keys()
    assert [key.partition(" (")[0] for key in saved] == ["z"]


def test_a_log_that_grows_beside_anothers_lease(bench: Bench, store: FaultyStore) -> None:
    """Without the lease it leaves one copy of such a file, not one for each look."""
    other = LeaseObject(store, PREFIX, instance="other", host="there")
    other.take()
    log = bench.write("log")

    def grow(name: str, key: str) -> None:
        if name == "put" and "/log (" in key:
            with log.open("ab") as file:
                file.write(b"more")

    store.before = grow
    outcome = bench.final(None)
    assert not outcome.complete
    assert bench.keys() == bench.kept("log")
    assert len(bench.keys()) == 1
    assert outcome.status.conflicts[0].copy == bench.keys()[0]
    other.release()


def test_the_time_is_over(bench: Bench, store: FaultyStore) -> None:
    """Without the store it ends when its time is over, and the next start tells what is left."""
    bench.write("a", b"123")
    bench.sync()
    bench.write("a", b"1234")
    store.before = down
    outcome = bench.final(3.0)
    assert not outcome.complete
    assert outcome.status.last_error is not None
    with opened(bench) as (_, board):
        (notice,) = board.status.skipped
    assert (notice.code, notice.size) == ("not-saved-at-stop", 4)


def test_the_store_comes_back(bench: Bench, store: FaultyStore) -> None:
    """Within its time it goes on when the store is there again."""
    bench.write("a")
    store.before = down
    healing = threading.Timer(1.0, store.heal)
    healing.start()
    assert bench.final(60.0).complete
    healing.join()
    assert bench.keys() == ["a"]


def test_what_cannot_work_fails(bench: Bench, store: FaultyStore) -> None:
    """Keys that the store refuses are an error at once, however much time there is."""
    bench.write("a")

    def refuse(_name: str, _key: str) -> None:
        raise InvalidCredentials("Not these.")

    store.before = refuse
    with pytest.raises(InvalidCredentials):
        bench.final(None)


def test_consent_to_deletions(bench: Bench) -> None:
    """Deletions on hold make it incomplete; with consent they are carried out."""
    for number in range(60):
        bench.write(f"f{number:02}", mtime_ns=OLD)
    bench.sync()
    for number in range(40):
        (bench.home / f"f{number:02}").unlink()
    outcome = bench.final(60.0)
    assert not outcome.complete
    assert outcome.status.state == "vetoed"
    assert len(bench.keys()) == 60
    assert bench.final(60.0, everything).complete
    assert len(bench.keys()) == 20


def test_a_lock_that_is_held(bench: Bench, store: FaultyStore) -> None:
    """A writer that tells nothing is waited for no longer than the time there is."""
    state = StateFolder.for_settings(bench.settings)
    with state.lock(0), pytest.MonkeyPatch.context() as patched:
        # Its holder is this very process, which does not end itself.
        patched.setattr("wherobots_storage.sync.state.DEATH_WAIT", 0.1)
        with pytest.raises(AlreadyRunning):
            bench.final(0.3)
    assert store.count("put") == 0


def test_the_agents_own_lease(bench: Bench, store: FaultyStore) -> None:
    """The lease that a crashed agent of this home left keeps nobody waiting here."""
    bench.write("a")
    with opened(bench):
        assert lease_of(bench.settings, store).take() is None
    assert bench.final(60.0).complete
    assert bench.keys() == ["a"]


def test_by_a_busy_agent_in_time(bench: Bench, store: FaultyStore) -> None:
    """An agent that is held up in a cycle answers when the time is over, and goes on."""
    held = threading.Event()

    def hold(name: str, key: str) -> None:
        if name == "put" and key.endswith("/a"):
            held.wait(100)

    with running_agent(bench.settings, store) as agent:
        eventually(lambda: agent.status is not None and agent.status.last_synced is not None)
        store.before = hold
        bench.write("a")
        asking = threading.Thread(target=agent.client.request, args=("sync",))
        asking.start()
        eventually(lambda: store.count("put", "/a"))
        began = time.monotonic()
        assert not bench.final(1.0).complete
        assert time.monotonic() - began < 60
        held.set()
        asking.join()
        assert bench.final(60.0).complete
    assert bench.keys() == ["a"]
