"""One sync or one restore from the command line: by the running agent, or in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import gethostname

from wherobots_storage.api.models import Progress, SyncStatus
from wherobots_storage.errors import AgentUnavailable, StorageError
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.lease import LeaseObject
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard

OnProgress = Callable[[Progress], None]


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
    accept_deletes: bool = False,
) -> Outcome:
    """Bring the home's changes to the bucket, once.

    A running agent is asked to do it; otherwise it is done here, under the lock.
    ``accept_deletes`` agrees to the deletions that a veto holds back. Raises NotConfigured,
    HomeMissing, AlreadyRunning, JournalError, and the StorageError of an outage.
    """
    Home.open(settings)
    asked = _ask_agent(settings, "acceptDeletes" if accept_deletes else "sync", on_progress)
    if asked is not None:
        return asked
    with _session(settings, store, transfers, on_progress) as (session, board):
        _tell_lease(settings, store, board)
        report = session.cycle(Cancel())
        if accept_deletes and report.veto is not None:
            report = session.cycle(Cancel(), report.vetoed)
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


def _tell_lease(settings: Settings, store: ObjectStore, board: StatusBoard) -> None:
    """Say whose the lease is; that is no reason to refuse, since every write has its condition.

    Nor is a lease that cannot be read: whatever is wrong with the store, the sync will meet it.
    """
    state = StateFolder.for_settings(settings)
    prefix = settings.require_tenancy().mirror_prefix
    lease = LeaseObject(store, prefix, instance=state.instance(), host=gethostname())
    with suppress(StorageError):
        found = lease.look()
        board.update(lease=found.wire() if found is not None and found.left > 0 else None)


def _ask_agent(settings: Settings, op: str, on_progress: OnProgress) -> Outcome | None:
    """Have the running agent do it; None when there is none."""
    client = AgentClient(StateFolder.for_settings(settings).socket_path)

    def on_status(status: SyncStatus) -> None:
        if status.progress is not None:
            on_progress(status.progress)

    try:
        client.status(timeout=2.0)
    except AgentUnavailable:
        return None
    if op == "acceptDeletes":
        client.request("sync", on_status=on_status)
        client.request(op)
        op = "sync"
    event = client.request(op, on_status=on_status)
    status = event.status if event.status is not None else client.status()
    return Outcome(status, bool(event.complete))


@contextmanager
def _session(
    settings: Settings, store: ObjectStore, transfers: BulkTransfers, on_progress: OnProgress
) -> Iterator[tuple[Session, StatusBoard]]:
    state = StateFolder.for_settings(settings)
    tenancy = settings.require_tenancy()
    mirror = tenancy.root.uri(tenancy.mirror_prefix)
    board = StatusBoard(home=str(settings.home), mirror=mirror)
    with (
        state.lock(settings.shutdown_timeout),
        Session(settings, store, transfers, state, board) as session,
    ):
        end = board.subscribe(lambda status: _forward(status, on_progress))
        try:
            yield session, board
        finally:
            end()


def _forward(status: SyncStatus, on_progress: OnProgress) -> None:
    if status.progress is not None:
        on_progress(status.progress)
