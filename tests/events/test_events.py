"""Events, from their source to a browser's websocket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
from support.server import Api, Hooks, wait_for_job

from wherobots_storage.api.models import Job, JobEvent, SyncEvent, SyncStatus
from wherobots_storage.app import StorageApp
from wherobots_storage.events.emit import JOB_SCHEMA, SYNC_SCHEMA
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.broken import BrokenFiles
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.telling import Teller


async def next_event(socket: Any, schema: str) -> dict[str, Any]:
    """The payload of the next event of a schema; other events are passed over."""
    while True:
        event = json.loads(await asyncio.wait_for(socket.read_message(), 60))
        if event.pop("schema_id") == schema:
            return event  # type: ignore[no-any-return]


async def test_a_job_tells_its_progress_to_every_browser(
    jp_ws_fetch: Any, api: Api, memory_store: MemoryStore
) -> None:
    """Deleting 2,500 files tells at least one step on the way, and its end."""
    for number in range(2500):
        memory_store.put(f"org/data/shared/f/{number}", b"")
    socket = await jp_ws_fetch("api", "events", "subscribe")
    answer = await api.post("files/delete", {"paths": ["/data/shared/f/"]})
    job = answer.json()["jobs"][0]
    seen: list[Job] = []
    while not seen or seen[-1].state == "running":
        event = msgspec.convert(await next_event(socket, JOB_SCHEMA), JobEvent)
        assert event.job.id == job["id"]
        seen.append(event.job)
    assert [step.done for step in seen] == [1000, 2000, 2500, 2500]
    assert seen[-1].state == "done"
    socket.close()


async def test_the_agents_status_reaches_every_browser_once_a_change(
    jp_ws_fetch: Any, storage_app: StorageApp
) -> None:
    """A status is an event when it differs from the one before."""
    socket = await jp_ws_fetch("api", "events", "subscribe")
    idle = SyncStatus(state="idle", since="2026-01-01T00:00:00Z")
    syncing = SyncStatus(state="syncing", since="2026-01-01T00:00:01Z")
    for status in (idle, idle, syncing):
        storage_app._events.sync_status(status)
    for expected in (idle, syncing):
        event = msgspec.convert(await next_event(socket, SYNC_SCHEMA), SyncEvent)
        assert event.status == expected
    socket.close()


async def test_what_a_power_cut_broke_reaches_every_browser(
    jp_ws_fetch: Any, storage_app: StorageApp, tmp_path: Path
) -> None:
    """The list of it is in the event, each file with the reason, as the schema has it."""
    with Journal(tmp_path / "journal.sqlite") as journal:
        journal.put(Record("notebook.ipynb", "file", 7, 1, 1, 1, 0o644, "", "etag", 1.0))
        journal.commit()
        BrokenFiles(journal).add(["notebook.ipynb"])
        journal.forget("notebook.ipynb")
        board = StatusBoard()
        Teller(board, journal).mended()
    socket = await jp_ws_fetch("api", "events", "subscribe")
    storage_app._events.sync_status(board.status)
    told = await next_event(socket, SYNC_SCHEMA)
    (notice,) = told["status"]["skipped"]
    assert (notice["path"], notice["code"], notice["during"]) == (
        "notebook.ipynb",
        "power-cut",
        "restore",
    )
    assert "A power cut" in notice["reason"]
    assert told["status"]["skippedTotal"] == 1
    socket.close()


def test_a_status_before_the_loop_runs_is_no_accident(
    storage_app: StorageApp, hooks: Hooks
) -> None:
    """While the home is restored the server is still loading; nobody can listen, nothing fails."""
    storage_app._events.sync_status(hooks.supervisor.status)


async def test_a_folders_marker_counts_as_one_object(
    jp_ws_fetch: Any, api: Api, memory_store: MemoryStore
) -> None:
    """An empty folder's delete ends well and at once, with an event all the same."""
    socket = await jp_ws_fetch("api", "events", "subscribe")
    memory_store.put("org/data/shared/f/", b"")
    answer = await api.post("files/delete", {"paths": ["/data/shared/f/"]})
    job = await wait_for_job(api, answer.json()["jobs"][0])
    event = msgspec.convert(await next_event(socket, JOB_SCHEMA), JobEvent)
    assert event.job.done == job["done"] == 1
    socket.close()
