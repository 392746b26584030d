"""The ways in which an agent is told to stop, and what happens when it does not come to its end.

A watchdog ends the process a moment after the final sync's deadline, whatever it waits for.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from wherobots_storage.sync.controller import Controller
from wherobots_storage.sync.handover import INCOMPLETE, read_until
from wherobots_storage.sync.watchdog import Watchdog

log = logging.getLogger("wherobots_storage.agent")

GRACE = 0.5
"""How long past its deadline, in seconds, a final sync may take to notice that."""


class Stopper:
    """Carries the wish to stop to the controller, also one that came before there was one."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._controller: Controller | None = None
        self._asked = False
        self._until: float | None = None
        self._lock = threading.Lock()
        self._watchdog: Watchdog | None = None
        self._listener: threading.Thread | None = None
        self._note: Callable[[], None] = lambda: None
        self._woken, self._waker = os.pipe2(os.O_CLOEXEC)

    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self._asked

    def attach(self, controller: Controller, note: Callable[[], None]) -> None:
        """From now on there is something to stop; ``note`` keeps what is left if it hangs."""
        self._note = note
        self._controller = controller
        controller.on_stop = self.guard
        if self._asked:
            self.stop()

    def stop(self) -> None:
        """Ask for the final sync; asking again changes nothing."""
        if self._until is None:
            self._until = time.monotonic() + self._timeout
        self._asked = True
        if self._controller is not None:
            self._controller.stop(self.left())

    def left(self) -> float:
        """How many seconds of the deadline are left, once a stop was asked for."""
        if self._until is None:
            return self._timeout
        return max(0.0, min(self._timeout, self._until - time.monotonic()))

    def guard(self, seconds: float | None) -> None:
        """End this process when a final sync of so many seconds is not over in time."""
        with self._lock:
            if self._watchdog is None and seconds is not None:
                self._watchdog = Watchdog(seconds + GRACE, INCOMPLETE, self._give_up)

    def watch(self, lifeline: BinaryIO) -> None:
        """Take the end of this pipe, the server's, for a wish to stop."""
        self._listener = threading.Thread(
            target=self._listen, args=(lifeline,), name="lifeline", daemon=True
        )
        self._listener.start()

    def _listen(self, lifeline: BinaryIO) -> None:
        with suppress(OSError, ValueError):
            # By the descriptor: a thread that sits in a buffered read would hold its lock when
            # the interpreter ends.
            server = lifeline.fileno()
            while True:
                ready, _, _ = select.select([server, self._woken], [], [])
                if self._woken in ready:
                    return
                said = os.read(server, 4096)
                if not said:
                    break
                self._until = read_until(said) or self._until
        log.info("the server is gone")
        self.stop()

    def _give_up(self) -> None:
        log.error("the final sync did not end in time")
        self._note()

    def close(self) -> None:
        """It ended: no watchdog is needed any more, and nobody listens."""
        os.close(self._waker)
        if self._listener is not None:
            self._listener.join()
        if self._watchdog is not None:
            self._watchdog.call_off()
        os.close(self._woken)
