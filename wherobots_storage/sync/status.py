"""What the agent does and knows, kept for whoever asks and told to whoever subscribed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from wherobots_storage.api.models import (
    Counts,
    ErrorBody,
    Progress,
    SyncNotice,
    SyncState,
    SyncStatus,
)
from wherobots_storage.errors import StorageError
from wherobots_storage.planning.tree import Notice

MAX_NOTICES = 200
"""How many notices of a kind travel in a status; the totals tell of the others."""

PROGRESS_INTERVAL = 0.25
"""The least time between two tellings of mere progress, in seconds."""

Listener = Callable[[SyncStatus], None]


def iso(seconds: float | None = None) -> str:
    """A time (default: now), in seconds since the epoch, as the wire wants it."""
    moment = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def error_body(error: StorageError) -> ErrorBody:
    """An error as it travels."""
    return ErrorBody(
        code=error.code, message=error.message, path=error.path, retryable=error.retryable
    )


def wire_notices(notices: Iterable[Notice]) -> list[SyncNotice]:
    """The first notices, as they travel; odd bytes in a name become question marks."""
    shown: list[SyncNotice] = []
    for notice in notices:
        if len(shown) == MAX_NOTICES:
            break
        path = notice.path.encode("utf-8", "replace").decode("utf-8")
        shown.append(
            SyncNotice(path=path, code=notice.code, reason=notice.reason, size=notice.size)
        )
    return shown


class StatusBoard:
    """The current status; every method may be called from any thread.

    Listeners are called on the thread that changed it, one change at a time, and must not block.
    """

    def __init__(self, *, home: str | None = None, mirror: str | None = None) -> None:
        self._lock = threading.RLock()
        self._status = SyncStatus(state="starting", since=iso(), home=home, mirror=mirror)
        self._listeners: list[Listener] = []
        self._told = 0.0

    @property
    def status(self) -> SyncStatus:
        """The status now."""
        return self._status

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` the status now and at every change; the result ends that."""
        with self._lock:
            self._listeners.append(listener)
            listener(self._status)

        def end() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return end

    def update(self, **changes: Any) -> None:  # noqa: ANN401  # the fields of SyncStatus
        """Change fields; a new ``state`` is dated. Tells listeners when anything differs."""
        with self._lock:
            if changes.get("state", self._status.state) != self._status.state:
                changes["since"] = iso()
            changed = msgspec.structs.replace(self._status, **changes)
            if changed != self._status:
                self._status = changed
                self._tell()

    def enter(self, state: SyncState) -> None:
        """Change the state; progress belonged to the former."""
        self.update(state=state, progress=None)

    def progress(self, progress: Progress) -> None:
        """Tell how far it is, not more often than ``PROGRESS_INTERVAL``."""
        with self._lock:
            self._status = msgspec.structs.replace(self._status, progress=progress)
            if time.monotonic() - self._told >= PROGRESS_INTERVAL:
                self._tell()

    def pending(self, counts: Counts) -> None:
        """Note what is left, told with the next progress."""
        with self._lock:
            self._status = msgspec.structs.replace(self._status, pending=counts)

    def _tell(self) -> None:
        self._told = time.monotonic()
        for listener in tuple(self._listeners):
            listener(self._status)
