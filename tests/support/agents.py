"""Agents for tests: one on a thread of the test's own process, and waiting for things to be so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.errors import AgentUnavailable
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.objectstore.threads import ThreadedTransfers
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.controller import Controller, Watch
from wherobots_storage.sync.lease import LeaseObject
from wherobots_storage.sync.server import AgentServer
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.tenure import Tenure

PATIENCE = 150.0
"""How long, in seconds, something may take to become so: many times what it takes."""

WORKERS = 4
"""How many small transfers of a ``ThreadAgent`` are under way at once."""


def eventually(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until ``what`` is true. Fails when it does not become so, on a slow machine too."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not become so in time"
        time.sleep(0.02)


class ThreadAgent:
    """An agent's controller and socket on a thread; its client, and its outcome at the end."""

    def __init__(
        self,
        settings: Settings,
        store: ObjectStore,
        watch: Watch | None = None,
        lease: LeaseObject | None = None,
    ) -> None:
        self._lease = lease
        self._watch = watch
        self._settings = settings
        self._store = store
        self.state = StateFolder.for_settings(settings)
        self.client = AgentClient(self.state.socket_path)
        self.complete: bool | None = None
        self.told: list[SyncStatus] = []
        """Every status so far, the last one also after its end."""
        self._cycled = threading.Event()
        """Set by the end of the first cycle."""
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        transfers = ThreadedTransfers(self._store, workers=WORKERS)
        board = StatusBoard(home=str(self._settings.home))
        board.subscribe(self.told.append)
        with (
            self.state.lock(0) as held,
            Session(self._settings, self._store, transfers, held, board) as session,
        ):
            controller = Controller(
                session,
                board,
                interval=self._settings.sync_interval,
                watch=self._watch,
                alone=self._settings.restore_wait,
                tenure=Tenure(self._lease, board, beat=0.1),
            )
            self._watch_cycles(controller)
            server = AgentServer(self.state.socket_path, board, controller)
            server.start()
            try:
                self.complete = controller.run()
            finally:
                server.close()
        transfers.close()

    def _watch_cycles(self, controller: Controller) -> None:
        cycle = controller._work.cycle

        def cycling() -> bool:
            try:
                return cycle()
            finally:
                self._cycled.set()

        controller._work.cycle = cycling  # type: ignore[method-assign]

    @property
    def status(self) -> SyncStatus | None:
        """Its status, or None while it does not answer."""
        with suppress(AgentUnavailable):
            return self.client.status()
        return None

    def reaches(self, state: str, seconds: float = PATIENCE) -> SyncStatus:
        """Wait until it is in a state, and return the status.

        Between its start's restore and the first cycle it is idle too, for a moment; that is not
        waited for.
        """
        found: list[SyncStatus] = []

        def there() -> bool:
            has_begun = self._cycled.is_set() or state != "idle"
            status = self.status
            if has_begun and status is not None and status.state == state:
                found.append(status)
            return bool(found)

        eventually(there, seconds)
        return found[0]

    def stop(self, deadline: float | None = 60.0) -> None:
        """Have it make its final sync and end."""
        with suppress(AgentUnavailable):
            self.client.request("stop", deadline)
        self.thread.join(90)
        assert not self.thread.is_alive()


@contextmanager
def running_agent(
    settings: Settings,
    store: ObjectStore,
    watch: Watch | None = None,
    lease: LeaseObject | None = None,
) -> Iterator[ThreadAgent]:
    """An agent that runs; it is stopped at the end, if it was not before."""
    agent = ThreadAgent(settings, store, watch, lease)
    agent.thread.start()
    try:
        yield agent
    finally:
        if agent.thread.is_alive():
            agent.stop(30.0)
