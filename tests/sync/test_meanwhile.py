"""What is saved while a cycle is under way: small files go between the others."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import Bench

from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.watch import Watcher

LARGE = 9 * 1024**2


@pytest.fixture
def store() -> FaultyStore:
    """An empty store."""
    return FaultyStore()


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """An empty home beside it."""
    return Bench(tmp_path, store)


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

    def tell(self) -> None:
        """Something changed."""
        self._hint(Focus(flat=frozenset({"", "empty/"})))


@pytest.fixture
def watch() -> Watch:
    """A watcher in the test's hand."""
    return Watch()


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hints are followed one after the other."""
    monkeypatch.setattr("wherobots_storage.sync.meanwhile.REST", 0.0)


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
    ticket = threading.Semaphore(0)

    def before(name: str, key: str) -> None:
        if name == "put" and "/many/" in key:
            assert ticket.acquire(timeout=90)

    store.before = before
    with running_agent(bench.settings, store, watch):
        eventually(lambda: store.count("put", "/many/"))
        bench.write("notebook.ipynb")
        watch.tell()

        def there() -> bool:
            ticket.release()
            return bench.keys()[-1:] == ["notebook.ipynb"]

        eventually(there)
        assert len(bench.keys()) < 150
        ticket.release(200)
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
