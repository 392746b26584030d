"""The agent's main function in this very process, and what is handed to it."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from support.agents import eventually
from support.faults import FaultyStore
from support.homes import PREFIX, Bench, settings_for

from wherobots_storage.audit import audit
from wherobots_storage.errors import (
    AgentUnavailable,
    InvalidConfiguration,
    NotConfigured,
    StoreUnavailable,
)
from wherobots_storage.objectstore.threads import ThreadedTransfers
from wherobots_storage.settings import Settings
from wherobots_storage.sync import agent
from wherobots_storage.sync.agent import run_agent
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.handover import (
    DONE,
    FAILED,
    HELD,
    INCOMPLETE,
    settings_from_json,
    settings_to_json,
)
from wherobots_storage.sync.state import StateFolder


@contextmanager
def lifeline() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Both ends of the server's pipe: the agent's, and the server's."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as ours, os.fdopen(writing, "wb") as theirs:
        yield ours, theirs


def when_idle(settings: Settings, then: threading.Thread) -> threading.Thread:
    """Start ``then`` once the agent of these settings is idle; on another thread."""
    client = AgentClient(StateFolder.for_settings(settings).socket_path)

    def is_idle() -> bool:
        try:
            status = client.status()
        except AgentUnavailable:
            return False
        return status.state == "idle" and status.last_synced is not None

    def watch() -> None:
        eventually(is_idle)
        then.start()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    return watching


def wait_for(event: threading.Event) -> None:
    """Wait until it is set."""
    assert event.wait(60)


def run(settings: Settings, store: FaultyStore, line: BinaryIO | None = None) -> int:
    """The agent, until it ends."""
    transfers = ThreadedTransfers(store, workers=4)
    try:
        return run_agent(settings, store, transfers, lifeline=line)
    finally:
        transfers.close()


def test_end_of_the_lifeline(bench: Bench, store: FaultyStore) -> None:
    """When the server's pipe closes, the agent saves what is left and ends with 0."""
    with lifeline() as (ours, theirs):

        def leave() -> None:
            bench.write("late")
            theirs.close()

        when_idle(bench.settings, threading.Thread(target=leave))
        assert run(bench.settings, store, ours) == DONE
    assert bench.keys() == ["late"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals(bench: Bench, store: FaultyStore, number: signal.Signals) -> None:
    """SIGTERM and SIGINT make the final sync; the former handlers are back afterwards."""
    before = signal.getsignal(number)
    sent = threading.Event()
    # The end waits for all signals: the former handlers would end this very process.
    store.before = lambda _, key: wait_for(sent) if str(key).endswith("/late") else None

    def interrupt() -> None:
        bench.write("late")
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)
        sent.set()

    when_idle(bench.settings, threading.Thread(target=interrupt))
    assert run(bench.settings, store) == DONE
    assert bench.keys() == ["late"]
    assert signal.getsignal(number) == before


def test_a_signal_that_another_thread_was_given(bench: Bench, store: FaultyStore) -> None:
    """The agent ends though its main thread sleeps on: so it is when a stopped process goes on."""
    settings = settings_for(bench.home, bench.state, sync_interval=86_400.0)
    ended, in_vain = threading.Event(), threading.Event()

    def interrupt() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        if not ended.wait(60):
            in_vain.set()
            os.kill(os.getpid(), signal.SIGTERM)

    interrupting = threading.Thread(target=interrupt)
    when_idle(settings, interrupting)
    assert run(settings, store) == DONE
    ended.set()
    interrupting.join()
    assert not in_vain.is_set()


def test_incomplete_end(bench: Bench, store: FaultyStore) -> None:
    """An agent that could not save everything ends with 3."""
    settings = settings_for(bench.home, bench.state, shutdown_timeout=0.5)

    def fail(_name: str, _key: str) -> None:
        raise StoreUnavailable("It is gone.")

    def interrupt() -> None:
        store.before = fail
        bench.write("late")
        os.kill(os.getpid(), signal.SIGTERM)

    when_idle(settings, threading.Thread(target=interrupt))
    assert run(settings, store) == INCOMPLETE


def test_stop_before_it_began(bench: Bench, store: FaultyStore) -> None:
    """A server that is gone before its agent began still gets its final sync."""
    bench.write("a")
    with lifeline() as (ours, theirs):
        theirs.close()
        assert run(bench.settings, store, ours) == DONE
    assert bench.keys() == ["a"]


def test_giving_up_on_a_held_lock(bench: Bench, store: FaultyStore) -> None:
    """An agent that is stopped while it waits for the lock goes in time, and ends nobody."""
    settings = settings_for(bench.home, bench.state, shutdown_timeout=1.0)
    with StateFolder.for_settings(settings).lock(0), lifeline() as (ours, theirs):
        threading.Timer(0.3, theirs.close).start()
        assert run(settings, store, ours) == HELD


def test_yielding_to_a_holder(bench: Bench, store: FaultyStore) -> None:
    """An agent that yields ends nobody: it goes soon, and its exit code says why."""
    with StateFolder.for_settings(bench.settings).lock(0) as state:
        transfers = ThreadedTransfers(store, workers=2)
        code = run_agent(bench.settings, store, transfers, lifeline=None, yielding=True)
        transfers.close()
        holder = state.holder()
        assert code == HELD
        assert holder is not None
        assert holder.pid == os.getpid()


@pytest.mark.parametrize("watched", [True, False])
def test_no_thread_is_left(bench: Bench, store: FaultyStore, *, watched: bool) -> None:
    """When the agent has ended no thread of it lives on; watching can be turned off."""
    settings = settings_for(bench.home, bench.state, watch=watched)
    before = set(threading.enumerate())
    names: set[str] = set()
    with lifeline() as (ours, theirs):

        def leave() -> None:
            names.update(thread.name for thread in threading.enumerate())
            theirs.close()

        leaving = threading.Thread(target=leave)
        watching = when_idle(settings, leaving)
        assert run(settings, store, ours) == DONE
        watching.join()
        leaving.join()
    assert {"lease", "agent-socket", "lifeline"} <= names
    assert ("watch" in names) is watched
    eventually(lambda: set(threading.enumerate()) <= before)


def test_no_root(tmp_path: Path, store: FaultyStore, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a root the agent ends with 1 and says what to set."""
    assert run(Settings(home=tmp_path, state_dir=tmp_path), store) == FAILED
    assert "WHEROBOTS_STORAGE_ROOT" in capsys.readouterr().err


def test_log_is_small_and_private(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log lies in the state folder, is rotated, and handlers do not pile up."""
    monkeypatch.setattr(agent, "LOG_BYTES", 300)
    for _ in range(3):
        with lifeline() as (ours, theirs):
            theirs.close()
            run(bench.settings, store, ours)
    folder = StateFolder.for_settings(bench.settings).path
    logs = sorted(file.name for file in folder.glob("agent.log*"))
    assert logs == ["agent.log", "agent.log.1"]
    assert agent.log.handlers == []


def test_what_is_written_is_audited(bench: Bench, store: FaultyStore) -> None:
    """What a cycle or the final sync wrote is a line of the agent's log, with who and what."""
    bench.write("kept.txt")
    for change in (lambda: bench.write("a.txt"), (bench.home / "a.txt").unlink):
        change()
        with lifeline() as (ours, theirs):
            theirs.close()
            run(bench.settings, store, ours)
    folder = StateFolder.for_settings(bench.settings).path
    lines = (folder / "agent.log").read_text().splitlines()
    told = [line.partition(" INFO agent: ")[2] for line in lines if "mirror-written" in line]
    always = {
        "event": "mirror-written",
        "mirror": PREFIX,
        "user": "customer-a1",
        "customer": "customer-a1",
    }
    written = {"files": 2, "paths": ["a.txt", "kept.txt"], "deleted": 0, "deletedPaths": []}
    deleted = {"files": 0, "paths": [], "deleted": 1, "deletedPaths": ["a.txt"]}
    found = [json.loads(line) for line in told]
    found[0]["paths"].sort()
    assert found == [always | written, always | deleted]
    assert audit.handlers == []


def test_handover_round_trip(bench: Bench) -> None:
    """What the agent needs of the settings arrives as it was, in one line."""
    settings = settings_for(bench.home, bench.state, ignores=("*.log", "a\nb"), sync_interval=7.5)
    line = settings_to_json(settings)
    assert b"\n" not in line
    assert settings_from_json(line + b"\n") == settings


def test_handover_needs_a_root(tmp_path: Path) -> None:
    """Settings without a root are not handed over."""
    with pytest.raises(NotConfigured):
        settings_to_json(Settings(home=tmp_path, state_dir=tmp_path))


@pytest.mark.parametrize("line", [b"", b"{}", b"hello", b'{"home": 1}'])
def test_handover_of_nonsense(line: bytes) -> None:
    """A person who starts the agent by hand is told who starts it."""
    with pytest.raises(InvalidConfiguration, match="started by the Jupyter server"):
        settings_from_json(line)
