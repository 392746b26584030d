"""A pause: what is under way is given up in good order, and goes on with the resume."""

from __future__ import annotations

import os
import threading
import time

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import Bench, opened

from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.controller import Controller
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.session import Session


def hold(store: FaultyStore, method: str, first: int) -> threading.Event:
    """Let the first calls of a method through, the others when the result is set."""
    gate, tickets = threading.Event(), threading.Semaphore(first)

    def before(name: str, key: str) -> None:
        if name == method and "/probe/" not in key and not tickets.acquire(blocking=False):
            gate.wait(60)

    store.before = before
    return gate


def test_a_pause_ends_a_cycle_that_is_under_way(bench: Bench, store: FaultyStore) -> None:
    """After Pause only what was in flight arrives; the resume brings the rest."""
    for number in range(100):
        bench.write(f"{number:03}")
    gate = hold(store, "put", 10)
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: len(bench.keys()) == 10)
        agent.client.request("pause")
        gate.set()
        status = agent.reaches("paused")
        there = len(bench.keys())
        assert there < 50
        assert status.pending.files == 100 - there
        agent.client.request("resume")
        eventually(lambda: len(bench.keys()) == 100)
        assert not agent.reaches("idle").paused


def test_a_pause_within_a_large_upload(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload of a large file stops between two parts, and goes on with those that arrived."""
    monkeypatch.setattr("wherobots_storage.sync.multipart.PART_BYTES", 5 * 1024**2)
    bench.write("large", os.urandom(35 * 1024**2))
    gate = hold(store, "upload_part", 1)
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: store.count("upload_part") == 5)
        agent.client.request("pause")
        gate.set()
        agent.reaches("paused")
        assert bench.keys() == []
        assert store.count("upload_part") < 7
        agent.client.request("resume")
        eventually(lambda: bench.keys() == ["large"])
    assert store.count("upload_part") == 7


def test_asked_for_in_a_pause(bench: Bench, store: FaultyStore) -> None:
    """A sync and a final sync that somebody asks for in a pause are made whole."""
    with running_agent(bench.settings, store) as agent:
        agent.reaches("idle")
        agent.client.request("pause")
        bench.write("a")
        assert bench.sync().complete
        agent.client.request("pause")
        bench.write("b")
        assert bench.final(60.0).complete
        assert bench.keys() == ["a", "b"]
        assert agent.reaches("paused").paused


def test_a_second_pause_before_the_resume_had_its_turn(bench: Bench, store: FaultyStore) -> None:
    """Resume and Pause at once begin nothing, and leave it paused."""
    bench.write("large-enough-to-wait-for")
    gate = hold(store, "put", 0)
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: store.count("put") == 1)
        for op in ("pause", "resume", "pause"):
            agent.client.request(op)
        bench.write("later")
        gate.set()
        agent.reaches("paused")
        assert bench.sync().complete  # asked for by somebody: in its turn, after the resume's wish
        assert store.count("put", "later") == 1
        assert agent.reaches("paused").paused


def test_a_sleep_ends_with_a_pause() -> None:
    """Somebody who waits before another attempt gives up soon after the pause."""
    halt = threading.Event()
    threading.Timer(0.05, halt.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        Cancel(halt=halt).sleep(60.0)
    assert time.monotonic() - began < 30


def test_a_retry_does_not_swallow_a_restore(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for before a retry is made all the same, and then the retry."""
    done: list[str] = []
    restore, retry = Session.restore, Session.retry

    def restoring(self: Session, cancel: Cancel) -> Report:
        done.append("restore")
        return restore(self, cancel)

    def retrying(self: Session) -> None:
        done.append("retry")
        retry(self)

    monkeypatch.setattr(Session, "restore", restoring)
    monkeypatch.setattr(Session, "retry", retrying)
    with opened(bench) as (session, board):
        controller = Controller(session, board, interval=3600)
        asked = controller.ask("restore")
        controller.retry()
        controller.ask("sync").add_done_callback(lambda _: controller.stop(None))
        assert controller.run()
    assert asked.result(0)
    assert done == ["restore", "restore", "retry"]
