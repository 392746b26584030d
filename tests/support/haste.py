"""Time that passes only where it is told to: a wish to give up, and a clock for names."""

from __future__ import annotations

import itertools
import threading
import time

from wherobots_storage.sync.cancel import Cancel, Interrupted


class Hasty(Cancel):
    """A wish to give up that never comes, of somebody who does not sleep either.

    With ``pauses`` it comes in place of the pause after so many: a deadline without a clock.
    """

    def __init__(self, pauses: int | None = None) -> None:
        super().__init__()
        self._pauses = pauses

    def unless(self, lost: threading.Event) -> Cancel:
        """The same, also when ``lost`` is set."""
        other = Hasty(self._pauses)
        other._others.append(lost)
        return other

    def remaining(self) -> float:
        """Not much, if there is an end at all."""
        return super().remaining() if self._pauses is None else 1.0

    def sleep(self, _seconds: float) -> None:
        """No pause. Raises Interrupted at the end."""
        self.check()
        if self._pauses is not None:
            self._pauses -= 1
            if self._pauses < 0:
                raise Interrupted


class Seconds:
    """Stands in for the module ``time`` where versions get names with the time in them."""

    def __init__(self) -> None:
        self._passed = itertools.count(1_700_000_000)
        self.time_ns = time.time_ns

    def time(self) -> float:
        """A second after the last time."""
        return float(next(self._passed))
