"""What the command line tells a running agent, and the events that a server makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_events import EventLogger
from support.agents import eventually
from support.homes import CUSTOMER, Bench

from wherobots_storage.cli import main
from wherobots_storage.events.emit import SYNC_SCHEMA, EventEmitter
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.supervisor import AgentSupervisor

pytestmark = pytest.mark.store


@pytest.fixture
def bench(
    tmp_path: Path,
    s3_store: S3Store,
    seaweed_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """A home for which the command line is configured."""
    assert seaweed_environment
    bench = Bench(tmp_path, s3_store)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent.parent))
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROOT", f"s3://{s3_store.bucket}/org/")
    monkeypatch.setenv("WHEROBOTS_STORAGE_CUSTOMER", CUSTOMER)
    monkeypatch.setenv("WHEROBOTS_STORAGE_HOME", str(bench.home))
    monkeypatch.setenv("WHEROBOTS_STORAGE_STATE", str(bench.state))
    return bench


def events_of(bench: Bench, during: Callable[[list[dict[str, Any]]], None]) -> list[dict[str, Any]]:
    """The events that a server emits while ``during`` runs beside its agent, and after its stop.

    Each was held against its schema, as Jupyter does it.
    """
    seen: list[dict[str, Any]] = []

    async def listen(logger: EventLogger, schema_id: str, data: dict[str, Any]) -> None:
        del logger
        assert schema_id == SYNC_SCHEMA
        seen.append(data["status"])

    async def serve() -> None:
        logger = EventLogger()
        emitter = EventEmitter(logger)
        logger.add_listener(schema_id=SYNC_SCHEMA, listener=listen)
        supervisor = AgentSupervisor(bench.settings, emitter.sync_status)
        supervisor.spawn()
        keeping = asyncio.ensure_future(supervisor.run())
        try:
            await asyncio.to_thread(during, seen)
        finally:
            await supervisor.stop(60)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await logger.gather_listeners()

    asyncio.run(serve())
    return seen


def test_the_agent_is_told_and_each_state_is_an_event(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pause, resume, retry, sync now and takeover by the command line; the panel hears each."""

    def during(seen: list[dict[str, Any]]) -> None:
        eventually(lambda: seen and seen[-1]["state"] == "idle" and seen[-1]["lastSynced"])
        assert main(["sync", "--pause"]) == 0
        eventually(lambda: seen[-1]["state"] == "paused")
        assert seen[-1]["paused"]
        bench.write("meanwhile")
        assert main(["sync", "--resume"]) == 0
        eventually(lambda: bench.keys() == ["meanwhile"])
        eventually(lambda: seen[-1]["state"] == "idle")
        assert main(["sync", "--retry"]) == 0
        assert main(["sync", "--takeover"]) == 0
        bench.write("now")
        assert main(["sync"]) == 0
        assert bench.keys() == ["meanwhile", "now"]

    states = [status["state"] for status in events_of(bench, during)]
    changes = [
        state for state, former in zip(states, [None, *states], strict=False) if state != former
    ]
    paused = changes.index("paused")
    assert changes[paused - 1] == "idle"
    assert changes[paused + 1] in {"syncing", "idle"}
    assert changes[-2:] == ["stopping", "stopped"]
    assert "Paused" in capsys.readouterr().out


def test_the_status_lists_what_is_left_out(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """`status --json` of a real agent: ignored, skipped and conflicts, with reasons and sizes."""
    bench.write("node_modules/m/x", b"12345")
    bench.write("both", b"mine")
    bench.store.put(f"org/notebooks/{CUSTOMER}/both", b"theirs!")
    deep = bench.home
    for letter in "abc":
        deep /= letter * 250
        deep.mkdir()
    (deep / ("e" * 250)).write_bytes(b"1234567")

    def during(seen: list[dict[str, Any]]) -> None:
        eventually(lambda: seen and seen[-1]["state"] == "idle" and seen[-1]["lastSynced"])
        capsys.readouterr()
        assert main(["status", "--json"]) == 3
        status = json.loads(capsys.readouterr().out)
        assert status["ignored"] == {"files": 1, "bytes": 5}
        (skipped,) = status["skipped"]
        assert (skipped["code"], skipped["size"]) == ("key-too-long", 7)
        assert "longer than a key" in skipped["reason"]
        (conflict,) = status["conflicts"]
        assert (conflict["path"], conflict["size"]) == ("both", 7)
        assert conflict["copy"] in conflict["reason"]
        assert (status["skippedTotal"], status["conflictsTotal"]) == (1, 1)

    events_of(bench, during)
