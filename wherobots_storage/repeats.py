"""How often something that strangers can cause is written down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

EVERY_SECONDS = 60.0
"""A line of each kind in so many seconds: whoever can knock must not be able to fill a disk."""


class Repeats:
    """Lets one of each kind through in a minute, and counts the others. Thread-safe.

    ``clock`` gives seconds that only go forward. The kinds must be few.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}

    def take(self, kind: str) -> dict[str, int] | None:
        """None for one that is to be left out; else what the line says of those that were.

        That is ``{"unwritten": number}``, or nothing when there were none.
        """
        with self._lock:
            now = self._clock()
            until, left_out = self._seen.get(kind, (now, 0))
            if now < until:
                self._seen[kind] = (until, left_out + 1)
                return None
            self._seen[kind] = (now + EVERY_SECONDS, 0)
            return {"unwritten": left_out} if left_out else {}
