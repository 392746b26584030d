"""Transfers under way: how many bytes they hold, and what to do as each one ends."""

from __future__ import annotations

import logging
import queue
import traceback
from concurrent.futures import Future
from typing import Generic, TypeVar

from wherobots_storage.errors import StorageError, UnexpectedAnswer
from wherobots_storage.objectstore.store import BulkTransfers
from wherobots_storage.sync.cancel import Cancel

log = logging.getLogger("wherobots_storage.agent")

Context = TypeVar("Context")
Result = TypeVar("Result")

BUDGET_BYTES = 64 * 1024**2
"""How many bytes of bodies may be in memory at once."""


class Flights(Generic[Context, Result]):
    """Futures with a context each; results are handed out on the caller's thread."""

    def __init__(self, transfers: BulkTransfers, budget: int = BUDGET_BYTES) -> None:
        self._transfers = transfers
        self._budget = budget
        self._bytes = 0
        self._open = 0
        self._watched: set[Future[Result]] = set()
        self._landed: queue.SimpleQueue[tuple[Context, int, Future[Result]]] = queue.SimpleQueue()

    def __len__(self) -> int:
        return self._open

    def launch(self, context: Context, size: int, future: Future[Result]) -> None:
        """Watch over a future that holds ``size`` bytes."""
        self._open += 1
        self._bytes += size
        self._watched.add(future)

        def landed(done: Future[Result]) -> None:
            self._landed.put((context, size, done))
            self._transfers.wake()

        future.add_done_callback(landed)

    def abandon(self) -> None:
        """What is still under way has no effect here any more; it is handed out no more either."""
        for future in self._watched:
            future.cancel()

    def is_full(self, size: int) -> bool:
        """Whether ``size`` bytes more would be too many; a single large one always fits."""
        return self._open > 0 and self._bytes + size > self._budget

    def next(self, timeout: float = 0) -> tuple[Context, Result | StorageError] | None:
        """One that has ended, waiting up to ``timeout`` seconds, or None, which may come sooner.

        A StorageError is handed out as a value. So is another exception, which is a defect, as
        one: it is logged, and costs this transfer, not all the others.
        """
        if self._open and self._landed.empty():
            self._transfers.drive(timeout)
        return self.ended()

    def ended(self) -> tuple[Context, Result | StorageError] | None:
        """As ``next``, of those that have ended by now: nothing is brought forward for it."""
        try:
            context, size, future = self._landed.get_nowait()
        except queue.Empty:
            return None
        self._watched.discard(future)
        self._open -= 1
        self._bytes -= size
        error = future.exception()
        if error is None:
            return context, future.result()
        if isinstance(error, StorageError):
            return context, error
        if isinstance(error, Exception):
            return context, _unforeseen(error)
        raise error

    def wait(self, cancel: Cancel) -> tuple[Context, Result | StorageError]:
        """One that has ended. Raises Interrupted when it is time to give up first."""
        while True:
            landed = self.next(timeout=min(0.2, max(0.001, cancel.remaining())))
            if landed is not None:
                return landed
            cancel.check()


def _unforeseen(error: Exception) -> StorageError:
    """Without the error's own words: nobody knows what they quote."""
    kind = type(error).__name__
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("a transfer failed in a way that nobody foresaw: %s\n%s", kind, where)
    return UnexpectedAnswer(f"Its transfer failed in a way that nobody foresaw ({kind}).")
