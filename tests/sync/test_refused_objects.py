"""Objects that are refused one by one, many of them, in a store that takes all the others."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, settings_for

from wherobots_storage.errors import AccessDenied, InvalidInput, StorageError, StoreUnavailable
from wherobots_storage.sync.mirror import OutageDetector

MANY = 30
ERRORS = [AccessDenied, InvalidInput, StoreUnavailable]


def refusing(error: type[StorageError], *names: str) -> Callable[[str, str], None]:
    """Fail these requests for everything below ``arch/``."""

    def before(name: str, key: str) -> None:
        if name in names and "/arch/" in key:
            raise error("Not this one.")

    return before


@pytest.mark.parametrize("error", ERRORS)
def test_refused_downloads_stop_no_others(
    bench: Bench, store: FaultyStore, error: type[StorageError]
) -> None:
    """However many objects cannot be read, all others are restored, and these are listed."""
    for number in range(MANY):
        store.put(f"{PREFIX}arch/f{number:02}", b"x")
        store.put(f"{PREFIX}z/f{number:02}", b"x")
    store.before = refusing(error, "get", "head")
    told = codes(bench.restore())
    assert told == {f"arch/f{number:02}": error.code for number in range(MANY)}
    assert len(list((bench.home / "z").iterdir())) == MANY
    store.heal()
    assert bench.restore().complete
    assert len(list((bench.home / "arch").iterdir())) == MANY


@pytest.mark.parametrize("error", ERRORS)
def test_refused_uploads_stop_no_others(
    bench: Bench, store: FaultyStore, error: type[StorageError]
) -> None:
    """However many files are refused, all others are saved, large ones too, and deletions done."""
    bench.write("gone")
    assert bench.sync().complete
    (bench.home / "gone").unlink()
    for number in range(MANY):  # The newest first: these come before the others.
        bench.write(f"arch/f{number:02}", mtime_ns=OLD + 10**9)
        bench.write(f"z/f{number:02}", mtime_ns=OLD)
    bench.write("big", os.urandom(9 * 1024**2))
    store.before = refusing(error, "put")
    told = codes(bench.sync())
    assert told == {f"arch/f{number:02}": error.code for number in range(MANY)}
    assert bench.keys() == ["big", *(f"z/f{number:02}" for number in range(MANY))]
    store.heal()
    assert bench.sync().complete


def test_refused_deletions_stop_no_others(bench: Bench, store: FaultyStore) -> None:
    """However many deletions are refused, all others are done, and what waited for them goes."""
    for number in range(MANY):
        bench.write(f"arch/f{number:02}")
    for number in range(2 * MANY):
        bench.write(f"z/f{number:02}")
    bench.write("z/name/below")
    assert bench.sync().complete
    for number in range(MANY):
        (bench.home / f"arch/f{number:02}").unlink()
    (bench.home / "z/name/below").unlink()
    (bench.home / "z/name").rmdir()
    bench.write("z/name")
    store.before = refusing(AccessDenied, "delete")
    told = codes(bench.sync())
    assert set(told.values()) == {"access-denied"}
    assert len(told) == MANY
    assert bench.body("z/name") == b"x"


def test_agent_syncs_beside_refused_objects(bench: Bench, store: FaultyStore) -> None:
    """A start that cannot restore many objects is a start: the agent saves what is new."""
    for number in range(MANY):
        store.put(f"{PREFIX}arch/f{number:02}", b"x")
    store.before = refusing(AccessDenied, "get", "head")
    settings = settings_for(bench.home, bench.state, sync_interval=0.5)
    bench.write("mine")
    with running_agent(settings, store) as agent:
        eventually(lambda: bench.keys()[-1] == "mine")
        assert agent.client.status().last_error is None


@pytest.mark.parametrize("length", [1, OutageDetector.ROW - 1])
def test_few_failures_ask_nothing(length: int) -> None:
    """Fewer failures than a row cost no request, nor do many with successes between."""
    asked: list[int] = []
    outage = OutageDetector(lambda: asked.append(1))
    for _ in range(5):
        for _ in range(length):
            outage.failure(AccessDenied("no"))
        outage.success()
    assert asked == []


def test_each_row_asks_once() -> None:
    """One question a row; the answer begins another, and no answer is the outage."""
    answers: list[StorageError | None] = [None, None, StoreUnavailable("away")]

    def question() -> None:
        answer = answers.pop(0)
        if answer is not None:
            raise answer

    outage = OutageDetector(question)
    for _ in range(3 * OutageDetector.ROW - 1):
        outage.failure(AccessDenied("no"))
    assert len(answers) == 1
    with pytest.raises(StoreUnavailable, match="away"):
        outage.failure(AccessDenied("no"))
