"""Tells the browser what changed, over Jupyter's own event stream (``/api/events/subscribe``)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol

import msgspec

from wherobots_storage.api.models import Job, JobEvent, SyncEvent, SyncStatus, Wire

SYNC_SCHEMA = "https://wherobots.com/schemas/wherobots-storage/sync/v1"
JOB_SCHEMA = "https://wherobots.com/schemas/wherobots-storage/job/v1"


class EventLogger(Protocol):
    """What is used of ``jupyter_events.EventLogger``."""

    def register_event_schema(self, schema: Any) -> None:  # noqa: ANN401 -- a path or a dict
        """Make a kind of event known."""
        ...

    def emit(self, *, schema_id: str, data: dict[str, Any]) -> object:
        """Send an event to every subscriber."""
        ...


class EventEmitter:
    """Emits this extension's events from the event loop; before it runs there is no listener."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        self._last_status: SyncStatus | None = None
        folder = Path(__file__).parent
        for name in ("sync.yaml", "job.yaml"):
            logger.register_event_schema(folder / name)

    def sync_status(self, status: SyncStatus) -> None:
        """The sync agent's status changed; the same status again is no event."""
        if status != self._last_status:
            self._last_status = status
            self._emit(SYNC_SCHEMA, SyncEvent(status=status))

    def job(self, job: Job) -> None:
        """A job went on or ended."""
        self._emit(JOB_SCHEMA, JobEvent(job=job))

    def _emit(self, schema_id: str, payload: Wire) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # while the server is still loading: nobody can have subscribed
        self._logger.emit(schema_id=schema_id, data=msgspec.to_builtins(payload))
