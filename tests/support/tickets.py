"""A store whose answers have to be paid for: work on it goes on only as far as a test lets it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from support.agents import ThreadAgent, eventually

PATIENCE = 240
"""Seconds. A ticket may be waited for as long as a test lasts."""


class Tickets:
    """Handed out by a test, used up in turn by what is slowed down; free for all after ``open``.

    How many are used must not hang on how fast the machine is: ``until`` hands one out only when
    ``takers`` wait for it, which are all the threads that there are for such work. What else they
    do, a put for example, has ended then.
    """

    def __init__(self, takers: int) -> None:
        self.takers = takers
        self._changed = threading.Condition()
        self._asked = 0
        self._handed = 0
        self._open = False

    def take(self) -> None:
        """Wait for one; the test itself needs none."""
        if threading.current_thread() is threading.main_thread():
            return
        with self._changed:
            mine, self._asked = self._asked, self._asked + 1
            assert self._changed.wait_for(lambda: self._open or mine < self._handed, PATIENCE)

    def open(self) -> None:
        """Everything goes on to its end."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def close(self) -> None:
        """From now on everything has to be paid for again."""
        with self._changed:
            self._open, self._handed = False, self._asked

    def give(self, count: int) -> None:
        """Hand out so many at once."""
        with self._changed:
            self._handed += count
            self._changed.notify_all()

    def until(self, what: Callable[[], object]) -> None:
        """Hand out one after the other until something is so."""

        def there() -> bool:
            if what():
                return True
            with self._changed:
                due = self._asked - self._handed >= self.takers
            if due:
                self.give(1)
            return False

        eventually(there)


def without_rests(set_value: Callable[[str, float], None]) -> None:
    """Have each moment in which saves can go between used, however soon after the last it comes.

    ``set_value`` is a ``monkeypatch.setattr``.
    """
    for name in ("FIRST", "LOOK", "REST", "REST_SHARE"):
        set_value(f"wherobots_storage.sync.meanwhile.{name}", 0.0)
    for name in ("LOOK", "PAUSE"):
        set_value(f"wherobots_storage.sync.early.{name}", 0.0)


@contextmanager
def syncing(agent: ThreadAgent, tickets: Tickets) -> Iterator[None]:
    """Have it make a whole cycle, as far as the tickets reach, and to its end afterwards."""
    asking = threading.Thread(target=agent.client.request, args=("sync",))
    asking.start()
    try:
        yield
    finally:
        tickets.open()
        asking.join(90)
    assert not asking.is_alive()
