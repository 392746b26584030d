"""How hard a store is asked: how many requests at once, how often again, and with which pauses.

One ``Pace`` is shared by everything that goes to a bucket from this process, so that what one
transfer learns of a busy store, all of them heed.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from wherobots_storage.errors import (
    SlowDown,
    StorageError,
    StoreTimeout,
    StoreUnavailable,
)

_T = TypeVar("_T")

ATTEMPTS = 5
"""How often a request goes to a store that fails, the first time included."""

BUSY_ATTEMPTS = 10
"""And to one that answers, but asks for fewer requests: while they become fewer, it is refused."""

FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 10.0

BUDGET = 100
TIMEOUT_COST = 10
"""What requests repeated without success may cost; one that timed out was the dearest."""


class Width:
    """How many requests may be under way: half as many when there are too many, then slowly more.

    Additive increase, multiplicative decrease, the scheme by which users of a shared thing come to
    fair shares of it without talking (Chiu and Jain, "Analysis of the Increase and Decrease
    Algorithms for Congestion Avoidance in Computer Networks", 1989), with TCP's details (RFC 5681):
    half of what is under way rather than of what would be allowed, one more for each round of
    answers, and no second step for requests that were on their way before the first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._width = float(most)
        self._flying = 0
        self._round = 0
        self._turn = threading.Condition(threading.Lock())

    @property
    def now(self) -> int:
        """How many may be under way now; 1 at least."""
        return int(self._width)

    @property
    def is_full(self) -> bool:
        """Whether the store takes as many as there may be at the most."""
        return self._width >= self._most

    def begin(self) -> int:
        """Wait for a turn; to be handed to ``end``."""
        with self._turn:
            while self._flying >= int(self._width):
                self._turn.wait()
            self._flying += 1
            return self._round

    def end(self, turn: int, *, answered: bool, overloaded: bool) -> None:
        """The request has ended: with an answer, with the wish for fewer, or with neither."""
        with self._turn:
            if overloaded and turn == self._round:
                self._round += 1
                self._width = max(1.0, min(self._width, self._flying) / 2)
            elif answered and self._width < self._most:
                self._width = min(float(self._most), self._width + 1 / self._width)
            self._flying -= 1
            self._turn.notify(2)


class Budget:
    """What may still be spent on asking again; answers earn it back.

    A store that is down is so found out by a few patient requests, and not by each in its turn
    (the retry quota of the AWS SDKs: AWS SDKs and Tools Reference Guide, "Retry behavior").
    """

    def __init__(self, size: int = BUDGET) -> None:
        self._size = size
        self._left = size

    def earn(self) -> None:
        """An answer came."""
        if self._left < self._size:
            # Without a lock: two at once may earn one, which harms nobody.
            self._left += 1

    def spend(self, cost: int) -> bool:
        """Pay for asking again; False when too little is left."""
        if self._left < cost:
            return False
        self._left -= cost
        return True


class Pace:
    """The width, the budget and the pauses of one bucket's requests."""

    def __init__(self, most: int) -> None:
        self.width = Width(most)
        self._budget = Budget()

    def persistently(self, work: Callable[[], _T]) -> _T:
        """Do ``work`` in its turn, and again while the store is away or busy, with growing pauses.

        ``work`` sends a request, and never calls this itself: one turn would wait for another.
        """
        attempt = 1
        while True:
            try:
                return self._take_turn(work)
            except (StoreUnavailable, SlowDown) as error:
                most = BUSY_ATTEMPTS if isinstance(error, SlowDown) else ATTEMPTS
                cost = TIMEOUT_COST if isinstance(error, StoreTimeout) else 1
                if attempt >= most or not self._budget.spend(cost):
                    raise
            time.sleep(pause(attempt))
            attempt += 1

    def answered(self) -> None:
        """A request got its answer without having asked for a turn."""
        self._budget.earn()

    def _take_turn(self, work: Callable[[], _T]) -> _T:
        turn = self.width.begin()
        answered = overloaded = False
        try:
            result = work()
            answered = True
        except StorageError as error:
            overloaded = isinstance(error, SlowDown | StoreTimeout)
            answered = not isinstance(error, SlowDown | StoreUnavailable)
            raise
        finally:
            self.width.end(turn, answered=answered, overloaded=overloaded)
            if answered:
                self._budget.earn()
        return result


def pause(attempt: int) -> float:
    """How long to wait after the attempt of this number, in seconds.

    Full jitter: anything between nothing and a ceiling that doubles (Brooker, "Exponential Backoff
    and Jitter", AWS Architecture Blog, 2015).
    """
    ceiling = min(FIRST_WAIT_SECONDS * 2 ** (attempt - 1), MAX_WAIT_SECONDS)
    return random.uniform(0, ceiling)  # noqa: S311 - no secret
