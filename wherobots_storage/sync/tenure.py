"""The agent's hold on the mirror: the lease taken, kept by a beat, lost, taken over, released."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from wherobots_storage.errors import StorageError
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.lease import BEAT, LeaseObject, awake_or_not
from wherobots_storage.sync.mirror import is_passing
from wherobots_storage.sync.status import StatusBoard, error_body

log = logging.getLogger("wherobots_storage.agent")

LOOK = 10.0
"""How often a waiting instance looks whether the lease was released, in seconds."""

RELEASE_SECONDS = 1.0
"""How long the end may wait for the lease to be released."""

RETRY = 5.0
"""How soon a beat that failed is tried again."""


class Tenure:
    """Whether this agent may write the mirror; without a ``lease`` it always may."""

    def __init__(
        self, lease: LeaseObject | None, board: StatusBoard, *, beat: float = BEAT
    ) -> None:
        self._lease = lease
        self._board = board
        self._beat = beat
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._mine = False
        self.lost = threading.Event()
        """Set while another instance has taken the lease from this one: nothing is written."""

    def claim(self, *, force: bool = False, quiet: bool = False) -> float | None:
        """Hold the lease: None when it is ours, else in how many seconds to look again.

        While it is another's the status says whose, and when this one begins by itself; ``quiet``
        leaves the state as it is, and asks the store nothing while the time is not over. Raises
        StorageError.
        """
        if self._lease is None:
            return None
        with self._lock:
            # One without its beat (the machine was suspended) is looked at before anything is
            # written: its time may be over by the store's clock, and it may be another's.
            fresh = quiet or self._lease.age <= self._beat
            if self._lease.held and fresh and not self.lost.is_set():
                return None
            found = self._lease.take(force=force)
            if found is None:
                self._mine = True
                self.lost.clear()
                self._board.update(lease=self._lease.wire())
                if self._board.status.state == "waiting" and not quiet:
                    self._board.enter("idle")
                return None
            self._mine = False
        log.info("the mirror is held by %s for %.0f s", found.file.host, found.left)
        self._board.update(lease=found.wire(), last_error=None)
        if not quiet:
            self._board.enter("waiting")
        return max(0.1, min(LOOK, found.left))

    def claim_at_last(self, cancel: Cancel) -> bool:
        """Hold the lease for a final sync, in as much time as that has; never raises."""
        while True:
            # Not longer than a moment: a beat that hangs in a dead store holds the lock.
            if self._lock.acquire(timeout=0.5):
                try:
                    return self.claim(quiet=True) is None
                except StorageError as error:
                    self._board.update(last_error=error_body(error))
                    if not is_passing(error):
                        return True  # The final sync meets the same, and tells it.
                finally:
                    self._lock.release()
            try:
                cancel.sleep(0.5)
            except Interrupted:
                return False

    def begin(self, on_lost: Callable[[], None]) -> None:
        """Beat from now on; ``on_lost`` is told when another took the lease."""
        if self._lease is not None:
            self._thread = threading.Thread(
                target=self._keep, args=(on_lost,), name="lease", daemon=True
            )
            self._thread.start()

    def end(self) -> None:
        """Beat no more and release the lease, if that can be done soon; never raises.

        One that cannot be released ends by itself, when its time is over.
        """
        self._ended.set()
        if self._lease is None:
            return
        releasing = threading.Thread(target=self._release, name="lease-end", daemon=True)
        releasing.start()
        until = time.monotonic() + RELEASE_SECONDS
        for thread in (releasing, self._thread):
            if thread is not None:
                thread.join(max(0.0, until - time.monotonic()))

    def _release(self) -> None:
        try:
            with self._lock:
                if self._lease is not None:
                    self._lease.release()
        except StorageError as error:
            log.warning("the lease could not be released: %s", error.message)

    def _keep(self, on_lost: Callable[[], None]) -> None:
        pause = self._beat
        while not self._rest(pause):
            try:
                pause = self._beat
                if self._renew():
                    on_lost()
            except StorageError as error:
                # Still ours until its time is over, which the next look finds.
                log.warning("the lease could not be renewed: %s", error.message)
                pause = min(RETRY, self._beat)

    def _rest(self, seconds: float) -> bool:
        """Wait until the next beat is due; whether the end came first.

        In steps: a wait does not count the time in which the machine is suspended.
        """
        until = awake_or_not() + seconds
        while (left := until - awake_or_not()) > 0:
            if self._ended.wait(min(left, RETRY)):
                return True
        return self._ended.is_set()

    def _renew(self) -> bool:
        """Beat; whether the lease was lost since the last one."""
        lease = self._lease
        with self._lock:
            if lease is None or not self._mine or self._ended.is_set():
                return False
            # One that could not beat in time has lost it, whoever has it now.
            if lease.held and lease.take() is None:
                self._board.update(lease=lease.wire())
                return False
            self._mine = False
            self.lost.set()
        log.warning("the lease is lost: nothing is written until it is back")
        return True
