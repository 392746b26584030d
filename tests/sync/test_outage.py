"""An hour without a network, by a clock that runs as fast as the agent waits."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agents import eventually, running_agent
from support.homes import OLD, Bench, picture, settings_for
from support.stub_s3 import Call, StubS3, stub_s3
from support.stub_server import Reply

from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.state import StateFolder

HOUR = 3600.0
FILES = 300


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits = 0
        self.real = 0.0
        """How long a wait really takes: nothing, until others are to do something."""
        self._lock = threading.Lock()
        self.at: list[tuple[float, Callable[[], None]]] = []
        """What is to happen at which time."""

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(self.real)
        with self._lock:
            self.waits += 1
            self.now += seconds
            due = [what for moment, what in self.at if moment <= self.now]
            self.at = [later for later in self.at if later[0] > self.now]
        for what in due:
            what()


class FakeQueue(queue.SimpleQueue[Any]):
    """The controller's inbox, whose waiting is the clock's."""

    clock: Clock

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next wish, or the end of the wait for one."""
        try:
            return super().get(block=False)
        except queue.Empty:
            if block and timeout is not None:
                self.clock.sleep(timeout)
                raise
            if not block:
                raise
            return super().get()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The controller's time, and that of pauses between attempts."""
    clock = Clock()

    class Inbox(FakeQueue):
        pass

    Inbox.clock = clock
    where = "wherobots_storage.sync.controller"
    monkeypatch.setattr(f"{where}.queue.SimpleQueue", Inbox)
    monkeypatch.setattr(f"{where}.time", clock)
    monkeypatch.setattr("wherobots_storage.sync.work.time", clock)
    monkeypatch.setattr("wherobots_storage.objectstore.pace.time", clock)
    # What pytest keeps of the log would count as the agent's memory.
    monkeypatch.setattr(logging.getLogger("wherobots_storage.agent"), "disabled", True)
    return clock


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server that speaks S3."""
    with stub_s3() as running:
        yield running


@pytest.fixture
def store(server: StubS3) -> Iterator[S3Store]:
    """Its bucket."""
    store = connect("test", server.environment())
    yield store
    store.close()


def memory() -> int:
    """Bytes that this package's code has allocated and holds."""
    only = tracemalloc.Filter(True, "*/wherobots_storage/*")
    traces = tracemalloc.take_snapshot().filter_traces([only]).traces
    return sum(trace.size for trace in traces)


def test_an_hour_without_a_network(
    server: StubS3, store: S3Store, clock: Clock, tmp_path: Path
) -> None:
    """It costs the delay: few requests, no memory, no damage, and everything is there after it."""
    bench = Bench(tmp_path, store)
    settings = settings_for(bench.home, bench.state, sync_interval=120.0)
    for number in range(FILES):
        bench.write(f"d{number % 9}/f{number}", b"%d" % number, mtime_ns=OLD)
    held: list[int] = []
    threads: list[int] = []
    over = threading.Event()
    requests: dict[str, int] = {}

    def measure() -> None:
        held.append(memory())
        # Without the server's: they end when a client's connection does, in their own time.
        alive = [thread.name for thread in threading.enumerate()]
        threads.append(len([name for name in alive if "process_request" not in name]))

    def back() -> None:
        measure()
        requests.update(server.calls, waits=clock.waits)
        clock.real = 0.02
        server.heal()
        over.set()

    def break_down(call: Call) -> Reply | None:
        if call.name == "put" and server.calls["put"] > FILES / 2:
            began = clock.now
            clock.waits = 0
            clock.at = [(began + HOUR / 4, measure), (began + HOUR, back)]
            server.calls.clear()
            server.before = lambda _: Reply(cut=True)
        return None

    server.before = break_down
    tracemalloc.start()
    try:
        with running_agent(settings, store) as agent:
            assert over.wait(100)
            eventually(lambda: len(bench.keys()) == FILES)
            agent.reaches("idle")
            assert agent.client.status().last_error is None
    finally:
        tracemalloc.stop()
    # A hundred repetitions at first, those under way, and about one a minute.
    waits = requests.pop("waits")
    assert 60 < sum(requests.values()) < 300
    assert waits < 1000
    # What is under way just then differs; a note of each file in each try would be many megabytes.
    assert held[-1] - held[0] < 1_000_000
    assert len(set(threads)) == 1
    with sqlite3.connect(StateFolder.for_settings(settings).journal_path) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    journal.close()
    other = Bench(tmp_path, store, "other")
    assert other.restore().complete
    assert picture(other.home) == picture(bench.home)
