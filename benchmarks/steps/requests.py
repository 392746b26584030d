"""Counting what a cycle asks of the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from benchmarks.agent import Mirrored
from benchmarks.workbench import Workbench
from wherobots_storage.objectstore.connect import open_transfers
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard


class Counting:
    """Passes every call on to a store, and counts them by their name."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the store has
        found = getattr(self._store, name)
        if not callable(found):
            return found
        work = cast("Callable[..., object]", found)

        def counted(*arguments: object, **named: object) -> object:
            self.calls[name] += 1
            return work(*arguments, **named)

        return counted


def requests_of_a_quiet_cycle(bench: Workbench, mirrored: Mirrored) -> int:
    """How many calls a second cycle makes, of a session in this process; no agent may run."""
    settings = mirrored.settings
    state = StateFolder.for_settings(settings)
    real = bench.connect()
    counting = Counting(real)
    store = cast("ObjectStore", counting)
    transfers = open_transfers(store)
    try:
        board = StatusBoard()
        with state.lock(10.0), Session(settings, store, transfers, state, board) as session:
            session.cycle(Cancel())
            counting.calls.clear()
            session.cycle(Cancel())
            return counting.calls.total()
    finally:
        transfers.close()
        real.close()
