"""What is saved while a restore is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from support.agents import WORKERS, ThreadAgent, eventually, running_agent
from support.faults import PagedStore
from support.homes import OLD, PREFIX, Bench
from support.tickets import Tickets, without_rests

from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.planning.ignore import IGNORE_FILE
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.watch import Watcher

FILES = 200
LAST = f"many/{FILES - 1:03}"


class Watch:
    """A watcher that tells a change when the test says that it came."""

    def __init__(self) -> None:
        self._hint: Callable[[Focus], None] = print
        self.started = False

    def __call__(self, hint: Callable[[Focus], None], _trouble: object) -> Watcher:
        self._hint = hint
        return cast("Watcher", self)

    def start(self) -> None:
        """Begin."""
        self.started = True

    def stop(self) -> None:
        """End."""

    def only_since(self, moment: float | None) -> None:
        """All that is told was written just now."""

    join = stop

    def tell(self, *folders: str) -> None:
        """Something changed in these folders."""
        eventually(lambda: self.started)
        self._hint(Focus(flat=frozenset(folders)))


@pytest.fixture
def store() -> PagedStore:
    """A mirror of many files."""
    store = PagedStore()
    for number in range(FILES):
        store.put(f"{PREFIX}many/{number:03}", b"%d" % number, metadata={"mtime": "1600000000"})
    store.calls.clear()
    return store


@pytest.fixture
def bench(tmp_path: Path, store: PagedStore) -> Bench:
    """An empty home, worked in from the first moment."""
    bench = Bench(tmp_path, store)
    bench.settings = replace(bench.settings, restore_wait=0.0)
    return bench


@pytest.fixture
def tickets(store: PagedStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tickets]:
    """What is read of the many files has to be paid for."""
    without_rests(monkeypatch.setattr)
    tickets = Tickets(WORKERS)

    def before(name: str, key: str) -> None:
        if name == "get" and "/many/" in key:
            tickets.take()

    store.before = before
    yield tickets
    tickets.open()


@pytest.fixture
def watch() -> Watch:
    """A watcher in the test's hand."""
    return Watch()


@contextmanager
def restoring(bench: Bench, watch: Watch, *tickets: Tickets) -> Iterator[ThreadAgent]:
    """An agent that goes on as far as the tickets reach, and to its end after the test."""
    with running_agent(bench.settings, bench.store, watch) as agent:
        try:
            yield agent
        finally:
            for held in tickets:
                held.open()


def here(bench: Bench) -> set[str]:
    """What of the many files is in the home."""
    return {f"many/{path.name}" for path in (bench.home / "many").glob("*")}


def is_saved(bench: Bench, path: str) -> bool:
    """Whether a path has an object."""
    return path in set(bench.keys())


def is_over(agent: ThreadAgent) -> bool:
    """Whether the restore is, and the cycle after it."""
    status = agent.status
    return status is not None and status.state == "idle" and status.last_synced is not None


def test_a_new_file(bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch) -> None:
    """A notebook that is saved during a restore is in the bucket before that has ended."""
    with restoring(bench, watch, tickets) as agent:
        tickets.until(lambda: here(bench))
        bench.write("notebook.ipynb", b"new")
        watch.tell("")
        tickets.until(lambda: is_saved(bench, "notebook.ipynb"))
        bench.write("notebook.ipynb", b"newer")
        watch.tell("")
        tickets.until(lambda: bench.body("notebook.ipynb") == b"newer")
        assert len(here(bench)) < FILES
        tickets.open()
        eventually(lambda: is_over(agent))
        assert len(here(bench)) == FILES
        assert agent.reaches("idle").conflicts_total == 0
    assert store.count("delete") == 0
    assert len(bench.keys()) == FILES + 1


def test_a_file_just_restored(bench: Bench, tickets: Tickets, watch: Watch) -> None:
    """What is edited after it was restored replaces the version that it was made of."""
    with restoring(bench, watch, tickets) as agent:
        tickets.until(lambda: "many/000" in here(bench))
        bench.write("many/000", b"edited")
        watch.tell("many/")
        tickets.until(lambda: bench.body("many/000") == b"edited")
        assert LAST not in here(bench)
        tickets.open()
        eventually(lambda: is_over(agent))
        assert agent.reaches("idle").conflicts_total == 0
    assert (bench.home / "many/000").read_bytes() == b"edited"
    assert len(bench.keys()) == FILES


def test_a_file_not_restored_yet(
    bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch
) -> None:
    """Its object is brought beside it first, then the home's version takes the bucket's name."""
    with restoring(bench, watch, tickets) as agent:
        tickets.until(lambda: here(bench))
        bench.write(LAST, b"ours")
        watch.tell("many/")
        tickets.until(lambda: bench.body(LAST) == b"ours")
        assert f"many/{FILES - 2}" not in here(bench)
        theirs = b"%d" % (FILES - 1)
        kept = bench.kept(LAST)
        assert [bench.body(key) for key in kept] == [theirs]
        assert (bench.home / kept[0]).read_bytes() == theirs
        tickets.open()
        eventually(lambda: is_over(agent))
        assert agent.reaches("idle").conflicts_total == 1
    assert bench.kept(LAST) == kept
    assert (bench.home / LAST).read_bytes() == b"ours"
    assert len(bench.keys()) == len(here(bench)) == FILES + 1
    assert store.count("delete") == 0


def test_the_same_bytes_are_adopted(
    bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch
) -> None:
    """A file that is written as the bucket has it is no conflict, and is not sent."""
    with restoring(bench, watch, tickets) as agent:
        tickets.until(lambda: here(bench))
        bench.write(LAST, b"%d" % (FILES - 1), mtime_ns=1_600_000_000 * 10**9)
        watch.tell("many/")
        bench.write("after")
        watch.tell("")
        tickets.until(lambda: is_saved(bench, "after"))
        tickets.open()
        eventually(lambda: is_over(agent))
        assert agent.reaches("idle").conflicts_total == 0
    assert store.count("put", "/many/") == 0
    assert len(bench.keys()) == FILES + 1


def test_a_deletion(bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch) -> None:
    """Nothing is deleted in the bucket before the restore's end, and then what was deleted here."""
    with restoring(bench, watch, tickets) as agent:
        tickets.until(lambda: "many/000" in here(bench))
        (bench.home / "many/000").unlink()
        bench.write("many/new")
        watch.tell("many/", "")
        tickets.until(lambda: is_saved(bench, "many/new"))
        assert store.count("delete") == 0
        assert is_saved(bench, "many/000")
        tickets.open()
        eventually(lambda: not is_saved(bench, "many/000"))
        eventually(lambda: is_over(agent))
    assert store.count("delete") == 1
    assert set(bench.keys()) == here(bench)
    assert len(bench.keys()) == FILES


def test_what_vanished_and_is_edited(
    bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch
) -> None:
    """A file whose object is gone is saved when it is edited, and not moved to the trash then."""
    tickets.open()
    bench.restore()
    bench.write("old", b"old", mtime_ns=OLD)
    bench.write("gone", b"gone", mtime_ns=OLD)
    bench.sync()
    for path in ("old", "gone"):
        store.delete(f"{PREFIX}{path}")
    for number in range(FILES):
        store.put(f"{PREFIX}many/{number:03}", b"other")
    tickets.close()
    store.calls.clear()
    with restoring(bench, watch, tickets) as agent:
        tickets.until(lambda: store.count("get", "/many/") > 4)
        bench.write("old", b"edited")
        watch.tell("")
        tickets.until(lambda: is_saved(bench, "old"))
        tickets.open()
        eventually(lambda: is_over(agent))
    assert bench.body("old") == (bench.home / "old").read_bytes() == b"edited"
    assert not (bench.home / "gone").exists()
    assert not is_saved(bench, "gone")
    assert (bench.home / LAST).read_bytes() == b"other"


def test_rules_that_are_not_here_yet(
    bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch
) -> None:
    """Nothing is saved before the user's ignore file is here, and nothing that it leaves out."""
    store.put(f"{PREFIX}many.txt", b"x")
    store.put(f"{PREFIX}{IGNORE_FILE}", b"secret*\n", metadata={"mtime": "1600000000"})
    store.calls.clear()
    held = Tickets(1)
    former = store.before

    def before(name: str, key: str) -> None:
        former(name, key)
        if name == "get" and key.endswith(IGNORE_FILE):
            held.take()

    store.before = before
    tickets.takers = WORKERS - 1  # One has the ignore file in its hands.
    with restoring(bench, watch, tickets, held) as agent:
        tickets.until(lambda: here(bench))
        bench.write("secret")
        bench.write("plain")
        watch.tell("")
        tickets.until(lambda: len(here(bench)) > 8)
        assert store.count("put") == 0
        held.open()
        tickets.takers = WORKERS
        tickets.until(lambda: is_saved(bench, "plain"))
        assert len(here(bench)) < FILES
        tickets.open()
        eventually(lambda: is_over(agent))
    assert not is_saved(bench, "secret")


@pytest.mark.parametrize("known", [True, False])
def test_while_the_bucket_is_listed(
    bench: Bench, store: PagedStore, tickets: Tickets, watch: Watch, *, known: bool
) -> None:
    """A new file is saved while the listing lasts; what the bucket has waits for its restore."""
    store.limit = 2
    pages = Tickets(1)
    former = store.before

    def before(name: str, key: str) -> None:
        former(name, key)
        if name == "list_page" and key == PREFIX:
            pages.take()

    store.before = before
    if known:
        bench.write("many/first", b"x", mtime_ns=OLD)
    with restoring(bench, watch, tickets, pages) as agent:
        pages.until(lambda: store.count("list_page") > 2)
        bench.write("notebook.ipynb", b"new")
        bench.write(LAST, b"ours")
        watch.tell("", "many/")
        eventually(lambda: store.count("put", "notebook.ipynb"))
        assert store.count("list_page") < FILES // 2
        assert store.count("put", LAST) == 0
        assert not here(bench) - {LAST, "many/first"}
        pages.open()
        tickets.open()
        eventually(lambda: is_over(agent))
        assert agent.reaches("idle").conflicts_total == 1
    store.limit = 1000
    assert bench.body(LAST) == b"ours"
    assert [bench.body(key) for key in bench.kept(LAST)] == [b"%d" % (FILES - 1)]
    assert store.count("put", "notebook.ipynb") == 1
    assert store.count("delete") == 0
    assert len(bench.keys()) == FILES + 2 + known


def test_while_nobody_works_in_it(bench: Bench, store: PagedStore, watch: Watch) -> None:
    """A restore that ends in time is not watched at all."""
    seen: list[bool] = []

    def before(name: str, _key: str) -> None:
        if name == "get":
            seen.append(watch.started)

    store.before = before
    bench.settings = replace(bench.settings, restore_wait=1000.0)
    with running_agent(bench.settings, store, watch) as agent:
        eventually(lambda: is_over(agent))
        assert watch.started
    assert seen == [False] * FILES


def test_what_a_restore_left_gives_way_too(
    bench: Bench, store: PagedStore, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook that is saved while that is fetched is in the bucket before its end."""
    without_rests(monkeypatch.setattr)
    monkeypatch.setattr("wherobots_storage.sync.work.MISSING_FIRST", 0.0)
    monkeypatch.setattr("wherobots_storage.sync.controller.RESTORES", 1)
    tickets, is_down = Tickets(WORKERS), threading.Event()
    is_down.set()

    def before(name: str, key: str) -> None:
        if name == "get" and "/many/" in key:
            if is_down.is_set():
                raise StoreUnavailable("Not these.")
            tickets.take()

    store.before = before
    with restoring(bench, watch, tickets) as agent:
        eventually(lambda: is_over(agent))
        assert here(bench) == set()
        is_down.clear()
        tickets.until(lambda: here(bench))
        bench.write("notebook.ipynb", b"new")
        bench.write(LAST, b"mine")
        watch.tell("", "many/")
        tickets.until(lambda: is_saved(bench, "notebook.ipynb"))
        tickets.until(lambda: bench.body(LAST) == b"mine")
        assert len(here(bench)) < FILES
        tickets.open()
        eventually(lambda: len(here(bench)) >= FILES)
        eventually(lambda: bench.kept(LAST) != [])
        assert bench.body(bench.kept(LAST)[0]) == b"%d" % (FILES - 1)
