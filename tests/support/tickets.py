"""A store whose answers have to be paid for: work on it goes on only as far as a test lets it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from support.agents import eventually

PATIENCE = 60
PAUSE = 0.1
"""Many looks at what is urgent go into the time for which all the tickets of a test last."""


class Tickets:
    """Handed out by a test, used up by what is slowed down; free for all after ``open``."""

    def __init__(self) -> None:
        self._left = threading.Semaphore(0)
        self._open = threading.Event()

    def take(self) -> None:
        """Wait for one; the test itself needs none."""
        if not self._open.is_set() and threading.current_thread() is not threading.main_thread():
            assert self._left.acquire(timeout=PATIENCE)

    def open(self) -> None:
        """Everything goes on to its end."""
        self._open.set()
        self._left.release(10_000)

    def close(self) -> None:
        """From now on everything has to be paid for again."""
        self._open.clear()
        self._left = threading.Semaphore(0)

    def until(self, what: Callable[[], object]) -> None:
        """Hand one out now and then, slowly, until something is so."""
        due = 0.0

        def there() -> object:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + PAUSE
                self._left.release()
            return what()

        eventually(there, PATIENCE)
