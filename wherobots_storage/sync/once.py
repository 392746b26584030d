"""One sync or one restore from the command line: by the running agent, or in this process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from wherobots_storage.api.models import Progress, SyncStatus
from wherobots_storage.errors import AgentUnavailable, StorageError
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.consent import Agree, Consent, nobody
from wherobots_storage.sync.final import FinalSync
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.lease import lease_of
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.tenure import Tenure

OnProgress = Callable[[Progress], None]

ANSWER_SECONDS = 10.0
"""How long a running agent may take to say that it is there, on a machine that is busy: one that
does not is taken for one that hangs, and ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended; ``complete``: nothing was skipped, vetoed, in conflict or left undone."""

    status: SyncStatus
    complete: bool


def sync_once(
    settings: Settings,
    store: ObjectStore,
    transfers: BulkTransfers,
    on_progress: OnProgress,
    *,
    agree: Agree = nobody,
) -> Outcome:
    """Bring the home's changes to the bucket, once.

    A running agent is asked to do it; otherwise it is done here, under the lock. ``agree`` is
    asked about deletions that a veto holds back. Raises NotConfigured, HomeMissing,
    AlreadyRunning, DeletionsChanged when the agent holds others by the time it hears of the
    consent, JournalError, and the StorageError of an outage.
    """
    Home.open(settings)
    asked = _ask_agent(settings, "sync", on_progress, agree)
    if asked is not None:
        return asked
    with _session(settings, store, transfers, on_progress) as (session, board):
        _tell_lease(settings, store, board)
        consent = Consent(agree)
        try:
            report = session.cycle(Cancel(), consent)
        finally:
            consent.forget()
        board.enter("vetoed" if report.veto is not None else "idle")
        return Outcome(board.status, report.is_complete)


def restore_once(
    settings: Settings, store: ObjectStore, transfers: BulkTransfers, on_progress: OnProgress
) -> Outcome:
    """Bring what the bucket holds into the home, once; makes the home if it is not there.

    Raises NotConfigured, InvalidConfiguration (the home is ``/``), DiskFull, LocalIOError,
    AlreadyRunning, JournalError, and the StorageError of an outage.
    """
    asked = _ask_agent(settings, "restore", on_progress)
    if asked is not None:
        return asked
    with _session(settings, store, transfers, on_progress) as (session, board):
        board.enter("restoring")
        _tell_lease(settings, store, board)
        report = session.restore(Cancel())
        board.enter("idle")
        return Outcome(board.status, report.is_complete)


def final_once(
    settings: Settings,
    store: ObjectStore,
    transfers: BulkTransfers,
    on_progress: OnProgress,
    *,
    seconds: float | None,
    agree: Agree = nobody,
) -> Outcome:
    """Make the final sync of a stop: until the home is quiet, or ``seconds`` are over.

    A running agent is asked to do it, and goes on; otherwise it is done here, under the lock and
    with the lease, without which only conflict names are written. Raises what ``sync_once`` does.
    """
    Home.open(settings)
    cancel = Cancel(seconds=seconds)
    with suppress(AgentUnavailable):
        return _ask_for_final(settings, on_progress, cancel, agree)
    patience = min(settings.shutdown_timeout, cancel.remaining())
    with _session(settings, store, transfers, on_progress, patience) as (session, board):
        tenure = Tenure(lease_of(settings, store), board)
        tenure.begin(lambda: None)
        try:
            work = FinalSync(session, tenure, agree=agree)
            complete = work.run(cancel)
        finally:
            tenure.end()
        if work.error is not None:
            raise work.error
        board.enter("vetoed" if board.status.veto is not None else "idle")
        return Outcome(board.status, complete)


def _ask_for_final(
    settings: Settings, on_progress: OnProgress, cancel: Cancel, agree: Agree
) -> Outcome:
    """Have the running agent make its final sync.

    Raises AgentUnavailable when none answers, DeletionsChanged.
    """
    client = AgentClient(StateFolder.for_settings(settings).socket_path)
    held = client.status(timeout=ANSWER_SECONDS).held
    if held is not None and agree(held):
        client.request("acceptDeletes", held=held.id, timeout=ANSWER_SECONDS)
    seconds = None if math.isinf(cancel.remaining()) else max(0.0, cancel.remaining())
    event = client.request(
        "final",
        seconds,
        on_status=_progress_to(on_progress),
        # An agent that was stopped (SIGSTOP) or hangs tells nothing: its time is over then too.
        timeout=None if seconds is None else seconds + ANSWER_SECONDS,
    )
    status = event.status if event.status is not None else client.status()
    return Outcome(status, bool(event.complete))


def _tell_lease(settings: Settings, store: ObjectStore, board: StatusBoard) -> None:
    """Say whose the lease is; that is no reason to refuse, since every write has its condition.

    Nor is a lease that cannot be read: whatever is wrong with the store, the sync will meet it.
    """
    with suppress(StorageError):
        found = lease_of(settings, store).look()
        board.update(lease=found.wire() if found is not None and found.left > 0 else None)


def _ask_agent(
    settings: Settings, op: str, on_progress: OnProgress, agree: Agree = nobody
) -> Outcome | None:
    """Have the running agent do it; None when there is none. Raises DeletionsChanged."""
    client = AgentClient(StateFolder.for_settings(settings).socket_path)
    on_status = _progress_to(on_progress)
    try:
        client.status(timeout=ANSWER_SECONDS)
    except AgentUnavailable:
        return None
    event = client.request(op, on_status=on_status)
    held = event.status.held if event.status is not None else None
    if held is not None and agree(held):
        client.request("acceptDeletes", held=held.id)
        event = client.request(op, on_status=on_status)
    status = event.status if event.status is not None else client.status()
    return Outcome(status, bool(event.complete))


def _progress_to(on_progress: OnProgress) -> Callable[[SyncStatus], None]:
    def on_status(status: SyncStatus) -> None:
        if status.progress is not None:
            on_progress(status.progress)

    return on_status


@contextmanager
def _session(
    settings: Settings,
    store: ObjectStore,
    transfers: BulkTransfers,
    on_progress: OnProgress,
    patience: float | None = None,
) -> Iterator[tuple[Session, StatusBoard]]:
    state = StateFolder.for_settings(settings)
    tenancy = settings.require_tenancy()
    mirror = tenancy.root.uri(tenancy.mirror_prefix)
    board = StatusBoard(home=str(settings.home), mirror=mirror)
    with (
        state.lock(settings.shutdown_timeout if patience is None else patience) as held,
        Session(settings, store, transfers, held, board) as session,
    ):
        end = board.subscribe(_progress_to(on_progress))
        try:
            yield session, board
        finally:
            end()
