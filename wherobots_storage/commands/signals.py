"""The signals that end a command which waits: one asks, and asking again insists."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_POLL_SECONDS = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """How often this process was asked to stop. Signals only count: cleaning up is never cut."""

    def __init__(self) -> None:
        self.asked = 0

    def check(self) -> None:
        """Raises KeyboardInterrupt when a stop was asked for: to be called between two steps."""
        if self.asked:
            raise KeyboardInterrupt

    def wait_until(self, ended: Callable[[], bool]) -> None:
        """Wait until ``ended`` or a stop is asked for."""
        while not self.asked and not ended():
            time.sleep(_POLL_SECONDS)

    def _count(self, signum: int, frame: FrameType | None) -> None:
        del signum, frame
        self.asked += 1


@contextmanager
def counted() -> Iterator[Stop]:
    """Count SIGINT, SIGTERM and SIGHUP instead of dying of them; main thread only."""
    stop = Stop()
    before = {number: signal.signal(number, stop._count) for number in _SIGNALS}  # noqa: SLF001
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
