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
        self._busy = 0
        self._counting = threading.Lock()

    @property
    def busy(self) -> int:
        """How many pieces are under way."""
        return self._busy

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """Have ``work`` done on a thread; blocks while ``in_flight`` are under way."""
        self._slots.acquire()
        self._count(1)
        try:
            return self._threads.submit(self._work, work)
        except BaseException:
            self._release()
            raise

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown(wait=True)

    def _work(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        finally:
            # Before the future is done: who waits for it may ask for the next one at once.
            self._release()

    def _release(self) -> None:
        self._count(-1)
        self._slots.release()

    def _count(self, more: int) -> None:
        with self._counting:
            self._busy += more


class Bell:
    """What a thread waits for that has its work done by others."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def drive(self, seconds: float) -> None:
        """Wait until somebody rings, or the time is over."""
        if self._rung.wait(seconds):
            self._rung.clear()

    def wake(self) -> None:
        """Ring."""
        self._rung.set()
