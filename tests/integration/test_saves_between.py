"""What is saved while a home is scanned or its bucket is listed, on SeaweedFS, really watched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pytest
from support.agents import ThreadAgent, eventually, running_agent
from support.homes import OLD, PREFIX, Bench
from support.tickets import Tickets, syncing, without_rests

from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import ListPage
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.tree import Entry
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.watch import Watcher

pytestmark = pytest.mark.store

MANY = [f"many/{number:03}" for number in range(200)]


class Watched:
    """A home of many files, all of them saved, and what the system tells of it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._heard: set[str] = set()
        self._saves = 0
        for name in MANY:
            bench.write(name, name.encode(), mtime_ns=OLD)
        bench.sync()

    def watch(self, hint: Callable[[Focus], None], trouble: Callable[[str], None]) -> Watcher:
        """The system's own watching."""

        def hears(focus: Focus) -> None:
            hint(focus)
            self._heard.update(focus.flat | focus.deep)

        return Watcher(Home.open(self._bench.settings), hears, trouble)

    def save(self, body: bytes) -> None:
        """Save a notebook, and wait until the agent was told, which comes in order."""
        self._saves += 1
        self._bench.write("a.ipynb", body)
        self._bench.write(f"told{self._saves}/last")
        eventually(lambda: f"told{self._saves}/" in self._heard)


@pytest.fixture
def watched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """A home, of which every moment in which saves can go between is used."""
    without_rests(monkeypatch.setattr)
    return Watched(bench)


@contextmanager
def watching(bench: Bench, watched: Watched) -> Iterator[ThreadAgent]:
    """Its agent."""
    with running_agent(bench.settings, bench.store, watched.watch) as agent:
        agent.reaches("idle")
        yield agent


def is_saved(bench: Bench, name: str, body: bytes) -> bool:
    """Whether the bucket has these bytes of a file."""
    return name in set(bench.keys()) and bench.body(name) == body


def test_saves_during_a_scan(
    bench: Bench, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that is saved while a large home is scanned is there before the scan has ended."""
    monkeypatch.setattr("wherobots_storage.sync.cycle.LOOK", 1)
    tickets, begun, ended = Tickets(1), threading.Event(), threading.Event()
    runs = Scanner.runs

    def slow(scanner: Scanner, rules: IgnoreRules | None = None) -> Iterator[list[Entry]]:
        for entry in chain.from_iterable(runs(scanner, rules)):
            if entry.path.startswith("many/"):
                begun.set()
                tickets.take()
            yield [entry]
        ended.set()

    with watching(bench, watched) as agent:
        monkeypatch.setattr(Scanner, "runs", slow)
        with syncing(agent, tickets):
            assert begun.wait(60)
            watched.save(b"new")
            tickets.until(lambda: is_saved(bench, "a.ipynb", b"new"))
            watched.save(b"newer")
            tickets.until(lambda: is_saved(bench, "a.ipynb", b"newer"))
            assert not ended.is_set()
        assert agent.reaches("idle").conflicts_total == 0
    assert bench.keys() == ["a.ipynb", *MANY, "told1/last", "told2/last"]


def test_saves_during_a_listing(
    bench: Bench, watched: Watched, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is saved while the bucket is listed is there before that has ended, and stays."""
    tickets, begun, due = Tickets(1), threading.Event(), threading.Event()
    lost: list[int] = []
    pages, compare = s3_store.list_page, Reconciler._compare

    def list_page(prefix: str, **options: Any) -> ListPage:
        if threading.current_thread() is agent.thread and due.is_set():
            begun.set()
            tickets.take()
            options["limit"] = 2
        return pages(prefix, **options)

    def compared(*arguments: Any) -> int:
        lost.append(compare(*arguments))
        return lost[-1]

    with watching(bench, watched) as agent:
        monkeypatch.setattr(Reconciler, "is_due", lambda *_: due.is_set() and not lost)
        monkeypatch.setattr(Reconciler, "_compare", staticmethod(compared))
        monkeypatch.setattr(s3_store, "list_page", list_page)
        s3_store.delete(f"{PREFIX}{MANY[59]}")
        due.set()
        with syncing(agent, tickets):
            assert begun.wait(60)
            watched.save(b"new")
            tickets.until(lambda: is_saved(bench, "a.ipynb", b"new"))
            assert not lost
        eventually(lambda: bench.keys() == ["a.ipynb", *MANY, "told1/last"])
        assert agent.reaches("idle").conflicts_total == 0
    assert lost == [1]
