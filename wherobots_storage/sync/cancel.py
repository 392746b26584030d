"""Giving up in good order: a deadline, or somebody's wish, looked at between two steps."""

from __future__ import annotations

import random
import threading
import time

LOOK = 0.2
"""How often, in seconds, somebody who sleeps looks whether to give up."""


class Interrupted(Exception):
    """Work was given up because its time was over or a stop was asked for; never shown."""


class Cancel:
    """Says when to give up: when ``event`` is set, or ``seconds`` from now are over."""

    def __init__(
        self,
        event: threading.Event | None = None,
        seconds: float | None = None,
        *,
        lost: threading.Event | None = None,
        halt: threading.Event | None = None,
    ) -> None:
        """``lost`` and ``halt`` are further events that give it up: see Tenure and Controller."""
        self._event = event if event is not None else threading.Event()
        self._others = [other for other in (lost, halt) if other is not None]
        self._until = None if seconds is None else time.monotonic() + seconds

    def unless(self, lost: threading.Event) -> Cancel:
        """The same, given up also when ``lost`` is set."""
        other = Cancel(self._event, lost=lost)
        other._others += self._others
        other._until = self._until
        return other

    @property
    def expired(self) -> bool:
        """Whether to give up now."""
        if self._event.is_set() or self.remaining() <= 0:
            return True
        return any(other.is_set() for other in self._others)

    def remaining(self) -> float:
        """Seconds until the deadline; infinite without one."""
        return float("inf") if self._until is None else self._until - time.monotonic()

    def check(self) -> None:
        """Raises Interrupted when it is time to give up."""
        if self.expired:
            raise Interrupted

    def sleep(self, seconds: float) -> None:
        """Wait, but not past the deadline or the wish to stop. Raises Interrupted then."""
        until = time.monotonic() + min(seconds, self.remaining())
        while (left := until - time.monotonic()) > 0 and not self.expired:
            # One event can be waited for, the others are looked at.
            self._event.wait(min(left, LOOK) if self._others else left)
        self.check()


class Backoff:
    """Growing pauses: doubling from ``first`` to ``most`` seconds, each shortened at random.

    The jitter keeps a hundred agents from coming back to a store in the same second.
    """

    def __init__(self, first: float = 1.0, most: float = 60.0) -> None:
        self._first = first
        self._most = most
        self._next = first

    def pause(self) -> float:
        """The next pause in seconds."""
        pause = self._next
        self._next = min(self._next * 2, self._most)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311  # no secret hangs on it

    def reset(self) -> None:
        """Begin again: it went well."""
        self._next = self._first
