"""Threads for many small transfers, with a bound on how many wait in line."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class BoundedPool:
    """So many pieces of work at once; handing in one more waits until another has ended."""

    def __init__(self, in_flight: int) -> None:
        self.in_flight = in_flight
        self._slots = threading.BoundedSemaphore(in_flight)
        self._threads = ThreadPoolExecutor(in_flight, thread_name_prefix="transfer")

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """Have ``work`` done on a thread; blocks while ``in_flight`` are under way."""
        self._slots.acquire()
        try:
            return self._threads.submit(self._work, work)
        except BaseException:
            self._slots.release()
            raise

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown(wait=True)

    def _work(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        finally:
            # Before the future is done: who waits for it may ask for the next one at once.
            self._slots.release()
