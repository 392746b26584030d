"""What is saved while a cycle is under way: small files go between the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, cast

import pytest
from support.agents import WORKERS, eventually, running_agent
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench
from support.tickets import Tickets, syncing, without_rests

from wherobots_storage.objectstore.store import ListPage
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.tree import Entry
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.watch import EVERYTHING, Watcher

LARGE = 9 * 1024**2
MANY = 300


class Watch:
    """A watcher that tells a change when the test says that it came."""

    def __init__(self) -> None:
        self._hint: Callable[[Focus], None] = print

    def __call__(self, hint: Callable[[Focus], None], _trouble: object) -> Watcher:
        self._hint = hint
        return cast("Watcher", self)

    def start(self) -> None:
        """Begin."""

    stop = join = start

    def only_since(self, moment: float | None) -> None:
        """All that is told was written just now."""

    def tell(self) -> None:
        """Something changed."""
        self._hint(Focus(flat=frozenset({"", "empty/"})))

    def tell_of_everything(self) -> None:
        """So much changed that a whole scan is better."""
        self._hint(EVERYTHING)


@pytest.fixture
def watch() -> Watch:
    """A watcher in the test's hand."""
    return Watch()


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints are followed one after the other."""
    without_rests(monkeypatch.setattr)


def hold(store: FaultyStore, concerned: Callable[[str, str], bool]) -> threading.Event:
    """Let these calls wait until the result is set."""
    gate = threading.Event()

    def before(name: str, key: str) -> None:
        if concerned(name, key):
            assert gate.wait(90)

    store.before = before
    return gate


def test_a_save_during_a_large_upload(bench: Bench, store: FaultyStore, watch: Watch) -> None:
    """A notebook that is saved while a large file goes up is in the bucket before that is."""
    bench.write("large", os.urandom(LARGE))
    gate = hold(store, lambda name, _: name == "upload_part")
    with running_agent(bench.settings, store, watch) as agent:
        eventually(lambda: store.count("upload_part"))
        bench.write("notebook.ipynb", b"first")
        watch.tell()
        eventually(lambda: bench.keys() == ["notebook.ipynb"])
        bench.write("notebook.ipynb", b"second")
        watch.tell()
        eventually(lambda: bench.body("notebook.ipynb") == b"second")
        gate.set()
        eventually(lambda: bench.keys() == ["large", "notebook.ipynb"])
        assert agent.reaches("idle").conflicts_total == 0


def test_a_save_during_a_first_sync(bench: Bench, store: FaultyStore, watch: Watch) -> None:
    """A notebook that is saved while many files go up does not wait for the last of them."""
    for number in range(200):
        bench.write(f"many/{number:03}")
    tickets = Tickets(WORKERS)

    def before(name: str, key: str) -> None:
        if name == "put" and "/many/" in key:
            tickets.take()

    store.before = before
    with running_agent(bench.settings, store, watch):
        eventually(lambda: store.count("put", "/many/"))
        bench.write("notebook.ipynb")
        watch.tell()
        tickets.until(lambda: bench.keys()[-1:] == ["notebook.ipynb"])
        assert len(bench.keys()) < 150
        tickets.open()
        eventually(lambda: len(bench.keys()) == 201)


def test_saved_again_while_it_is_sent(bench: Bench, store: FaultyStore, watch: Watch) -> None:
    """A file that is saved while its former bytes are under way is not in conflict with itself."""
    bench.write("a", b"first")
    bench.write("large", os.urandom(LARGE))
    gate = hold(store, lambda name, key: name == "put" and key.endswith("/a"))
    parts = threading.Event()
    former = store.before

    def before(name: str, key: str) -> None:
        former(name, key)
        if name == "upload_part":
            assert parts.wait(90)

    store.before = before
    with running_agent(bench.settings, store, watch) as agent:
        eventually(lambda: store.count("put", "/a"))
        bench.write("a", b"second")
        bench.write("b")
        watch.tell()
        gate.set()
        eventually(lambda: bench.keys() == ["a", "b"])
        parts.set()
        eventually(lambda: bench.body("a") == b"second")
        assert agent.reaches("idle").conflicts_total == 0
    assert bench.keys() == ["a", "b", "large"]


def test_the_rest_comes_after_the_cycle(bench: Bench, store: FaultyStore, watch: Watch) -> None:
    """What cannot go between (a deletion, a folder, a large file) follows without another hint."""
    bench.write("gone")
    gate = threading.Event()
    with running_agent(bench.settings, store, watch) as agent:
        eventually(lambda: bench.keys() == ["gone"])
        gate = hold(store, lambda name, _: name == "upload_part")
        bench.write("large", os.urandom(LARGE))
        watch.tell()
        eventually(lambda: store.count("upload_part"))
        (bench.home / "gone").unlink()
        (bench.home / "empty").mkdir()
        bench.write("larger", os.urandom(LARGE + 1))
        bench.write("small")
        watch.tell()
        eventually(lambda: bench.keys() == ["gone", "small"])
        gate.set()
        eventually(lambda: bench.keys() == ["empty/", "large", "larger", "small"])
        assert agent.reaches("idle").skipped_total == 0


def test_a_save_during_a_scan(
    bench: Bench, store: FaultyStore, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that is saved while a large home is scanned is there before the scan has ended.

    That scan, which has passed its folder, neither deletes it nor sends it again.
    """
    monkeypatch.setattr("wherobots_storage.sync.cycle.LOOK", 1)
    for number in range(MANY):
        bench.write(f"many/{number:03}", mtime_ns=OLD)
    bench.sync()
    tickets = Tickets(1)
    begun, ended = threading.Event(), threading.Event()
    runs = Scanner.runs

    def slow_runs(scanner: Scanner, rules: IgnoreRules | None = None) -> Iterator[list[Entry]]:
        for entry in chain.from_iterable(runs(scanner, rules)):
            if entry.path.startswith("many/"):
                begun.set()
                tickets.take()
            yield [entry]
        ended.set()

    with running_agent(bench.settings, store, watch) as agent:
        agent.reaches("idle")
        monkeypatch.setattr(Scanner, "runs", slow_runs)
        bench.write("many/000", b"changed")
        with syncing(agent, tickets):
            assert begun.wait(90)
            for number in range(5):
                bench.write(f"a{number:02}")
            watch.tell()
            tickets.give(2)
            eventually(lambda: store.count("put", f"{PREFIX}a") == 5)
            assert not ended.is_set()
            tickets.open()
        eventually(lambda: bench.body("many/000") == b"changed")
        agent.reaches("idle")
    assert len(bench.keys()) == MANY + 5
    assert store.count("put", f"{PREFIX}a") == 5
    assert store.count("delete") == 0


def test_a_save_during_a_listing(
    bench: Bench, store: FaultyStore, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that is saved while the bucket is listed has not vanished from it."""
    for number in range(MANY):
        bench.write(f"many/{number:03}", mtime_ns=OLD)
    bench.sync()
    tickets = Tickets(1)
    pages = store.list_page
    due, begun = threading.Event(), threading.Event()
    vanished: list[int] = []

    def list_page(prefix: str, **options: Any) -> ListPage:
        begun.set()
        tickets.take()
        return pages(prefix, **{"limit": 2, **options})

    def is_due(*_: object) -> bool:
        return due.is_set() and not vanished

    compare = Reconciler._compare

    def compared(*arguments: Any) -> int:
        vanished.append(compare(*arguments))
        return vanished[-1]

    with running_agent(bench.settings, store, watch) as agent:
        agent.reaches("idle")
        monkeypatch.setattr(Reconciler, "is_due", is_due)
        monkeypatch.setattr(Reconciler, "_compare", staticmethod(compared))
        monkeypatch.setattr(store, "list_page", list_page)
        store.delete(f"{PREFIX}many/059")
        due.set()
        with syncing(agent, tickets):
            assert begun.wait(90)
            bench.write("a.ipynb")
            watch.tell()
            tickets.give(2)
            eventually(lambda: store.count("put", "a.ipynb"))
            assert not vanished
            tickets.open()
        eventually(lambda: store.count("put", "many/059") == 2)
        agent.reaches("idle")
    assert vanished == [1]
    assert store.count("put", "a.ipynb") == 1
    assert len(bench.keys()) == MANY + 1
