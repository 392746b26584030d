"""Saves while the agent watches, on SeaweedFS."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.homes import OLD, PREFIX, Bench, settings_for
from support.processes import agent_process, is_idle

from wherobots_storage.errors import NotFound
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.watch import Watcher

pytestmark = [pytest.mark.store, pytest.mark.timeout(1200)]

SAVES = 40
FILES = 1000


@pytest.fixture
def bench(tmp_path: Path, s3_store: S3Store) -> Bench:
    """A home with a thousand files in fifty folders."""
    bench = Bench(tmp_path, s3_store)
    bench.settings = settings_for(
        bench.home, bench.state, s3_store.bucket, sync_interval=4 * 3600.0
    )
    for number in range(FILES):
        bench.write(f"d{number % 50:02}/f{number:04}", os.urandom(500), mtime_ns=OLD)
    return bench


def is_there(store: S3Store, key: str, body: bytes) -> bool:
    """Whether the object holds these bytes."""
    try:
        with store.get(key) as found:
            return b"".join(found.chunks()) == body
    except NotFound:
        return False


@pytest.mark.slow
def test_saves_are_durable_by_watching_alone(bench: Bench, s3_store: S3Store) -> None:
    """Saves of old and new files, one after the other: each is there hours before the next scan.

    Within how many seconds is a bar of the benchmarks, which have the machine to themselves.
    """

    def watch(*told: object) -> Watcher:
        return Watcher(Home.open(bench.settings), *told)  # type: ignore[arg-type]

    with running_agent(bench.settings, s3_store, watch) as agent:
        eventually(lambda: agent.status is not None and agent.status.last_synced)
        for number in range(SAVES):
            name = f"d{number % 50:02}/f{number:04}" if number % 2 else f"new{number}/n"
            body = os.urandom(800)
            bench.write(name, body)
            eventually(partial(is_there, s3_store, f"{PREFIX}{name}", body))


def test_rules_are_edited_while_the_agent_runs(
    tmp_path: Path,
    s3_store: S3Store,
    seaweed_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What they leave out is not saved, what was saved stays; without them all of it is saved."""
    assert seaweed_environment
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    bench = Bench(tmp_path, s3_store)
    bench.settings = settings_for(
        bench.home, bench.state, s3_store.bucket, sync_interval=4 * 3600.0
    )

    def saved(*names: str) -> bool:
        return set(names) <= set(bench.keys())

    bench.write("before.log")
    with agent_process(bench.settings) as process:
        eventually(lambda: is_idle(bench.settings) and saved("before.log"))
        bench.write(".wherobotsignore", b"*.log\nbuild/\n")
        eventually(lambda: saved(".wherobotsignore"))
        bench.write("after.log")
        bench.write("build/made")
        bench.write("before.log", b"edited")
        bench.write("seen")
        eventually(lambda: saved("seen"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0  # Its last sync scans all of the home.
    assert bench.keys() == [".wherobotsignore", "before.log", "seen"]
    assert bench.body("before.log") == b"x"
    with agent_process(bench.settings) as process:
        eventually(lambda: is_idle(bench.settings))
        (bench.home / ".wherobotsignore").unlink()
        eventually(lambda: saved("after.log", "build/made"))
        eventually(lambda: bench.body("before.log") == b"edited")
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0
    assert bench.keys() == ["after.log", "before.log", "build/made", "seen"]
