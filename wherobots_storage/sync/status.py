"""What the agent does and knows, kept for whoever asks and told to whoever subscribed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Literal

import msgspec

from wherobots_storage.api.models import (
    Counts,
    ErrorBody,
    HeldDeletions,
    PathCounts,
    Progress,
    SyncNotice,
    SyncState,
    SyncStatus,
)
from wherobots_storage.errors import StorageError
from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.report import Notices, Report
from wherobots_storage.sync.worklist import Deletions

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


def wire_path(path: str) -> str:
    """A path as it travels; odd bytes in a name become question marks."""
    return path.encode("utf-8", "replace").decode("utf-8")


def wire_notices(
    notices: Iterable[Notice], *, during: Literal["sync", "restore"] = "sync"
) -> list[SyncNotice]:
    """The first notices, as they travel; ``during`` is what found them out."""
    return [
        SyncNotice(
            path=wire_path(notice.path),
            code=notice.code,
            reason=notice.reason,
            size=notice.size,
            copy=None if notice.copy is None else wire_path(notice.copy),
            during=during,
        )
        for notice in islice(notices, MAX_NOTICES)
    ]


def outcome(report: Report, conflicts: Notices, standing: Notices) -> dict[str, Any]:
    """The fields of a status that a run's report tells.

    ``standing`` is what the last restore found out; of a path in both, the report's is shown.
    """
    # A restore's own report has them in one.
    found = Notices() if report.skipped is standing else report.skipped
    known = {notice.path for notice in found}
    others = [notice for notice in standing if notice.path not in known]
    skipped = [*wire_notices(found), *wire_notices(others, during="restore")]
    left_out = report.ignored
    return {
        "conflicts": wire_notices(conflicts),
        "conflicts_total": conflicts.total,
        "skipped": skipped[:MAX_NOTICES],
        "skipped_total": max(found.total + len(others), standing.total),
        "ignored": Counts(files=left_out.files, bytes=left_out.bytes),
        "ignored_paths": [
            PathCounts(path=wire_path(entry.path), files=entry.files, bytes=entry.bytes)
            for entry in left_out.largest()
        ],
        "ignored_total": left_out.paths,
        "pending": Counts(files=report.left_files, bytes=report.left_bytes),
        "veto": report.veto.reason if report.veto is not None else None,
        "held": report.held,
    }


def wire_held(deletions: Deletions, code: str) -> HeldDeletions:
    """What a veto of this ``code`` holds back, as it travels."""
    return HeldDeletions(
        id=deletions.digest(),
        code=code,
        files=deletions.asking,
        bytes=deletions.asking_bytes,
        paths=[
            PathCounts(path=wire_path(record.path), bytes=record.size)
            for record in islice(deletions.held(), MAX_NOTICES)
        ],
    )


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
