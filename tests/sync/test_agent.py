"""The agent's loop and socket, over a store in memory."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, settings_for

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.errors import (
    AgentUnavailable,
    ExpiredCredentials,
    InvalidCredentials,
    StorageError,
    StoreUnavailable,
)
from wherobots_storage.sync.client import AgentClient, open_socket


def down(error: type[StorageError] = StoreUnavailable) -> Callable[[str, str], None]:
    """Make every request fail."""

    def fail(_name: str, _key: str) -> None:
        raise error("The server said so.")

    return fail


def up(_name: str, _key: str) -> None:
    """Let every request through."""


def test_restores_then_saves(bench: Bench, store: FaultyStore) -> None:
    """An agent brings the bucket's files, saves the home's, and says when."""
    store.put(f"{PREFIX}theirs", b"t")
    bench.write("mine")
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: bench.keys() == ["mine", "theirs"])
        status = agent.reaches("idle")
        assert (bench.home / "theirs").read_bytes() == b"t"
        eventually(lambda: agent.client.status().last_synced is not None)
        assert status.home == str(bench.home)


def test_saves_by_the_clock(bench: Bench, store: FaultyStore) -> None:
    """Every ``sync_interval`` the home is scanned, without being asked."""
    settings = settings_for(bench.home, bench.state, sync_interval=0.2)
    with running_agent(settings, store) as agent:
        agent.reaches("idle")
        bench.write("a")
        eventually(lambda: bench.keys() == ["a"])


def test_sync_on_request(bench: Bench, store: FaultyStore) -> None:
    """``sync`` answers when the home is in the bucket, and tells progress to who asked for it."""
    seen: list[SyncStatus] = []
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        for number in range(30):
            bench.write(f"f{number}")
        event = agent.client.request("sync", on_status=seen.append)
        assert event.complete
        assert len(bench.keys()) == 30
    assert "syncing" in {status.state for status in seen}


def test_restore_on_request(bench: Bench, store: FaultyStore) -> None:
    """``restore`` brings what was added to the bucket since the start."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        store.put(f"{PREFIX}new", b"n")
        assert agent.client.request("restore").complete
    assert (bench.home / "new").exists()


def test_command_line_asks_the_agent(bench: Bench, store: FaultyStore) -> None:
    """``sync`` and ``restore`` beside a living agent do not fight for the lock: they ask it."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        holder = agent.state.holder()
        bench.write("a")
        store.put(f"{PREFIX}b", b"b")
        assert bench.sync().complete
        assert bench.restore().complete
        assert agent.state.holder() == holder
    assert bench.keys() == ["a", "b"]
    assert (bench.home / "b").exists()


def test_pause_and_resume(bench: Bench, store: FaultyStore) -> None:
    """A paused agent begins nothing by itself; resuming saves at once."""
    settings = settings_for(bench.home, bench.state, sync_interval=0.1)
    with running_agent(settings, store) as agent:
        agent.reaches("idle")
        agent.client.request("pause")
        assert agent.reaches("paused").paused
        bench.write("a")
        with pytest.raises(AssertionError):
            eventually(lambda: bench.keys() == ["a"], seconds=0.6)
        agent.client.request("resume")
        eventually(lambda: bench.keys() == ["a"])
        assert not agent.client.status().paused


def test_pause_does_not_keep_the_final_sync_away(bench: Bench, store: FaultyStore) -> None:
    """What was written during a pause is saved at the stop."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        agent.client.request("pause")
        bench.write("a")
        agent.stop()
        assert agent.complete
    assert bench.keys() == ["a"]


def test_stop_makes_the_final_sync(bench: Bench, store: FaultyStore) -> None:
    """``stop`` saves what was written since the last cycle, answers, and ends."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        bench.write("late")
        event = agent.client.request("stop", 60.0)
        assert event.complete
        agent.thread.join(60)
        assert not agent.state.socket_path.exists()
    assert bench.keys() == ["late"]


def test_offline_at_the_start_and_back(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the store nothing is synced; when it is there, restore and sync follow."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.05)
    store.put(f"{PREFIX}theirs", b"t")
    bench.write("mine")
    store.before = down()
    with running_agent(bench.settings, store) as agent:
        status = agent.reaches("offline")
        assert status.last_error is not None
        assert status.last_error.message == "The server said so."
        store.before = up
        agent.reaches("idle")
        eventually(lambda: bench.keys() == ["mine", "theirs"])
        assert agent.client.status().last_error is None


@pytest.mark.parametrize("error", [StoreUnavailable, ExpiredCredentials, InvalidCredentials])
def test_offline_later_and_back(
    bench: Bench,
    store: FaultyStore,
    monkeypatch: pytest.MonkeyPatch,
    error: type[StorageError],
) -> None:
    """A store that goes away, or expired keys, leave the files pending; it recovers by itself."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.05)
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        agent.client.request("sync")  # the first cycle also tries the store out
        for number in range(20):
            bench.write(f"f{number}")
        store.before = down(error)
        agent.client.request("sync")
        status = agent.reaches("offline")
        assert status.pending.files == 20
        store.before = up
        eventually(lambda: len(bench.keys()) == 20)
        agent.reaches("idle")


def test_offline_with_one_file_pending(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file that cannot be saved is enough to see that the store is away."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.05)
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        bench.write("a")
        store.before = down(StoreUnavailable)
        agent.client.request("sync")
        status = agent.reaches("offline")
        eventually(lambda: agent.client.status().pending.files == 1)
        assert status.last_error is not None
        assert status.last_error.code == "store-unavailable"
        store.before = up
        eventually(lambda: bench.keys() == ["a"])


def test_retry_ends_the_wait(bench: Bench, store: FaultyStore) -> None:
    """``retry`` tries at once, however long the next pause is."""
    bench.write("a")
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        eventually(lambda: bench.keys() == ["a"])
        store.before = down(InvalidCredentials)
        bench.write("b")
        agent.client.request("sync")
        agent.reaches("offline")
        store.before = up
        agent.client.request("retry")
        eventually(lambda: bench.keys() == ["a", "b"])


def test_retry_looks_at_conflicts_again(bench: Bench, store: FaultyStore) -> None:
    """A deletion in conflict is left alone until a retry is asked."""
    for name in "ab":
        bench.write(name)
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        agent.client.request("sync")
        store.put(f"{PREFIX}b", b"theirs")
        (bench.home / "b").unlink()
        agent.client.request("sync")
        assert [notice.path for notice in agent.client.status().conflicts] == ["b"]
        looks = store.count("head", "/b")
        agent.client.request("sync")
        assert store.count("head", "/b") == looks
        store.delete(f"{PREFIX}b")
        agent.client.request("retry")
        eventually(lambda: not agent.client.status().conflicts)
    assert bench.keys() == ["a"]


def test_veto_and_consent(bench: Bench, store: FaultyStore) -> None:
    """Deletions on hold wait for consent, which covers those and no others."""
    for number in range(60):
        bench.write(f"f{number:02}", mtime_ns=OLD)
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: len(bench.keys()) == 60)
        for number in range(40):
            (bench.home / f"f{number:02}").unlink()
        agent.client.request("sync")
        status = agent.reaches("vetoed")
        assert "40 of 60" in (status.veto or "")
        assert len(bench.keys()) == 60
        assert status.held is not None
        agent.client.request("acceptDeletes", held=status.held.id)
        eventually(lambda: len(bench.keys()) == 20)
        assert agent.reaches("idle").veto is None


def test_home_swapped_under_the_agent(bench: Bench, store: FaultyStore) -> None:
    """A home that becomes another directory while it runs is an error; nothing is deleted."""
    for number in range(3):
        bench.write(f"f{number}")
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: len(bench.keys()) == 3)
        bench.home.rename(bench.home.with_name("away"))
        bench.home.mkdir()
        bench.write("f0", b"other")
        agent.client.request("sync")
        status = agent.reaches("offline")
        assert status.last_error is not None
        assert status.last_error.code == "home-missing"
        assert len(bench.keys()) == 3


def test_leftovers_are_told_at_the_next_start(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the final sync did not save is listed from then on until everything was saved once."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.05)
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        bench.write("a", b"12345")
        store.before = down()
        agent.stop(deadline=1.0)
        assert agent.complete is False

    def no_uploads(name: str, key: str) -> None:
        if name == "put" and key.endswith("/a"):
            raise StoreUnavailable("No writing.")

    store.before = no_uploads
    with running_agent(bench.settings, store) as agent:
        restored = store.count("list_page")
        eventually(lambda: store.count("list_page") > restored)
        agent.client.request("sync")
        notices = {note.code: note for note in agent.client.status().skipped}
        assert notices["not-saved-at-stop"].size == 5
        assert agent.client.status().skipped_total == len(notices)
        store.before = up
        agent.client.request("retry")
        eventually(lambda: bench.keys() == ["a"])
        eventually(lambda: agent.client.status().skipped == [])
        assert agent.client.status().skipped_total == 0
    with running_agent(bench.settings, store) as agent:
        assert agent.reaches("idle").skipped == []


def test_stop_while_offline_keeps_its_deadline(bench: Bench, store: FaultyStore) -> None:
    """A final sync that cannot reach the store gives up in time and never raises."""
    store.before = down()
    bench.write("a")
    with running_agent(bench.settings, store) as agent:
        agent.reaches("offline")
        agent.stop(deadline=0.5)
        assert agent.complete is False


def test_final_request_leaves_the_agent_running(bench: Bench, store: FaultyStore) -> None:
    """``final`` saves until the home is quiet, and the agent goes on."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        bench.write("a")
        assert agent.client.request("final", None).complete
        assert bench.keys() == ["a"]
        assert agent.reaches("idle")


def test_socket_is_private(bench: Bench, store: FaultyStore) -> None:
    """Only the user may talk to the agent."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        assert stat.S_IMODE(agent.state.socket_path.stat().st_mode) == 0o600


def test_socket_of_a_long_path(tmp_path: Path, store: FaultyStore) -> None:
    """A state folder whose path is longer than a socket's address may be works all the same."""
    bench = Bench(tmp_path / "/".join(["x" * 50] * 4), store)
    with running_agent(bench.settings, store) as agent:
        assert len(str(agent.state.socket_path)) > 107
        agent.reaches("idle")


def test_nonsense_is_answered_with_an_error(bench: Bench, store: FaultyStore) -> None:
    """A line that is no request gets an error, and the agent goes on."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        with open_socket(agent.state.socket_path, 60.0) as connection:
            connection.sendall(b'{"op": "explode", "id": "1"}\n')
            with connection.makefile("rb") as lines:
                assert json.loads(lines.readline())["event"] == "error"
                assert lines.readline() == b""
        assert agent.status is not None


def test_no_agent(tmp_path: Path) -> None:
    """Where no agent listens, that is what is said."""
    with pytest.raises(AgentUnavailable, match="not running"):
        AgentClient(tmp_path / "agent.sock").status()


def test_another_process_is_not_our_agent(bench: Bench, store: FaultyStore) -> None:
    """A client that expects a certain process does not talk to another."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        with pytest.raises(AgentUnavailable, match="Another"):
            AgentClient(agent.state.socket_path, pid=1).status()


def test_a_failing_object_is_restored_once_more(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that could not be read at first is tried again before the first sync."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.01)
    for name in "abc":
        store.put(PREFIX + name, b"x")
    left = [2]

    def flaky(name: str, key: str) -> None:
        if name == "get" and key.endswith("/b") and left[0]:
            left[0] -= 1
            raise StoreUnavailable("Once more, please.")

    store.before = flaky
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        assert (bench.home / "b").exists()


def test_what_a_restore_could_not_bring_comes_later(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failing objects stay listed with the reason, are no deletions, and come by themselves."""
    monkeypatch.setattr("wherobots_storage.sync.cancel.Backoff.pause", lambda _: 0.05)
    bench.write("gone here", b"former")
    bench.sync()
    (bench.home / "gone here").unlink()
    for name in ("gone here", "b/new", "fine"):
        store.put(PREFIX + name, b"theirs")

    def flaky(name: str, key: str) -> None:
        if name == "get" and key.endswith(("/gone here", "/b/new")):
            raise StoreUnavailable("Not this one.")

    store.before = flaky
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: agent.status is not None and agent.status.last_synced is not None)
        agent.client.request("sync")
        eventually(lambda: store.count("get", "/b/new") > 6)
        status = agent.client.status()
        assert {note.path: note.reason for note in status.skipped} == {
            "b/new": "Not this one.",
            "gone here": "Not this one.",
        }
        assert status.conflicts == []
        assert "gone here" in set(bench.keys())
        store.put(f"{PREFIX}meanwhile", b"stays there")
        store.before = up
        eventually((bench.home / "b/new").exists)
        eventually(lambda: agent.client.status().skipped == [])
        assert (bench.home / "gone here").read_bytes() == b"theirs"
        assert agent.client.request("sync").complete
        assert not (bench.home / "meanwhile").exists()
    assert bench.keys() == ["b/new", "fine", "gone here", "meanwhile"]


def test_retry_brings_what_is_missing_at_once(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``retry`` does not wait for the pause; what was deleted in the bucket is not missing."""
    monkeypatch.setattr("wherobots_storage.sync.work.MISSING_FIRST", 1000.0)
    monkeypatch.setattr("wherobots_storage.sync.controller.RESTORES", 1)
    for name in "ab":
        store.put(PREFIX + name, b"x")
    store.before = lambda name, _: down()(name, "") if name == "get" else None
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        eventually(lambda: len(agent.client.status().skipped) == 2)
        bench.write("a", b"written here meanwhile")
        store.before = up
        store.delete(f"{PREFIX}b")
        agent.client.request("retry")
        eventually(lambda: agent.client.status().skipped == [])
        assert (bench.home / "a").read_bytes() == b"written here meanwhile"
        assert not (bench.home / "b").exists()
        eventually(lambda: bench.body("a") == b"written here meanwhile")
        assert len(bench.keys()) == 2
        assert bench.body(bench.kept("a")[0]) == b"x"


def test_stop_during_a_restore(bench: Bench, store: FaultyStore) -> None:
    """A stop in the middle of a restore ends in time; nothing unrestored counts as deleted."""
    for number in range(50):
        store.put(f"{PREFIX}f{number:02}", b"x")
    stopping = threading.Event()

    def slow(name: str, key: str) -> None:
        if name == "get" and key.endswith("/f20"):
            stopping.wait(60)

    store.before = slow
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: agent.status is not None)
        status = agent.reaches("restoring")
        assert status.state == "restoring"
        with open_socket(agent.state.socket_path, 60.0) as connection:
            connection.sendall(b'{"op": "stop", "id": "1", "deadline": 5}\n')
            stopping.set()
            agent.thread.join(60)
        assert not agent.thread.is_alive()
    assert len(bench.keys()) == 50
