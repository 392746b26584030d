"""What the agent's loop has done: restores, cycles, hints, final syncs, and when the next is due.

For the loop's thread alone, except where it is said. What goes wrong shows in the status and is
tried again after a growing pause; nothing here raises a StorageError.
"""

from __future__ import annotations

import logging
import threading
import time

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.errors import DiskFull, LocalIOError, StorageError
from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.cancel import Backoff, Cancel, Interrupted
from wherobots_storage.sync.consent import Consent, check_held
from wherobots_storage.sync.final import FinalSync
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.status import StatusBoard, error_body
from wherobots_storage.sync.tenure import Tenure

log = logging.getLogger("wherobots_storage.agent")

HINT_REST = 4.0
"""After what a hint led to, other hints wait so many times as long as it took: a file that is
written all the time must not be sent all the time."""

REFUSED = "restore-refused"
"""The code of a restore that does not come to its end, because the home takes no files."""

MISSING_FIRST, MISSING_MOST = 5.0, 600.0
"""The first and the longest pause, in seconds, before objects that a restore could not bring are
tried again."""


class Work:
    """Over one session. Times are of the monotonic clock, in seconds."""

    def __init__(
        self,
        session: Session,
        board: StatusBoard,
        tenure: Tenure,
        *,
        interval: float,
        stop: threading.Event,
        halt: threading.Event,
    ) -> None:
        """``stop`` interrupts everything but the final sync of the end.

        ``halt``, a pause's, interrupts cycles and what is restored later, not a final sync.
        """
        self._session = session
        self._board = board
        self._tenure = tenure
        self._interval = interval
        self._stop = stop
        self._halt = halt
        self._vetoed = False
        self._agreed: str | None = None
        """The id of the held deletions that somebody has agreed to."""
        self._consent = Consent(self._agrees)
        self._force = False
        self.backoff = Backoff()
        self.next = 0.0
        """When the next cycle is due."""
        self.hints_at = 0.0
        """When hints may be followed again."""
        self._missing_backoff = Backoff(MISSING_FIRST, MISSING_MOST)
        self.missing_at: float | None = None
        """When what a restore could not bring is tried again; None when nothing is missing."""
        self.refused: DiskFull | LocalIOError | None = None
        """Why the latest restore ended before its end, where the home takes no (more) files."""

    # ---- from any thread ----

    @property
    def held(self) -> HeldDeletions | None:
        """The deletions that wait for an answer."""
        return self._board.status.held

    def accept(self, held_id: str | None) -> None:
        """Agree to the deletions of this id, and to no others.

        Raises InvalidInput without one, DeletionsChanged when they are not what is held now.
        """
        check_held(self.held, held_id)
        self._agreed = held_id

    def force(self) -> None:
        """Take the lease from whoever has it, at the next cycle."""
        self._force = True

    # ---- from the loop ----

    def restore(self) -> Report | None:
        """Restore; None when that was interrupted, or the store is away."""
        if self._board.status.state != "offline":  # which stays until it came through
            self._board.enter("restoring")
        try:
            report = self._session.restore(Cancel(self._stop))
        except Interrupted:
            return None
        except StorageError as error:
            self._go_offline(error)
            self.refused = error if isinstance(error, DiskFull | LocalIOError) else None
            return None
        self.refused = None
        self._session.tell.lift(REFUSED)
        self._missing_backoff.reset()
        self._plan_missing()
        return report

    def put_off(self) -> None:
        """Go on without a restore that the home refuses: what is here is saved all the same.

        What is not is nothing that was deleted: its rows, if any, are of other versions.
        """
        if self.refused is None:
            return
        reason = f"{self.refused.message} What is here is saved; the restore is tried again later."
        self._session.tell.stand(Notice(".", REFUSED, reason))
        self._board.update(last_error=None)
        self.rest()
        self.missing_at = time.monotonic() + self._missing_backoff.pause()

    def restore_missing(self) -> None:
        """Try again what a restore could not bring; what fails again stays listed."""
        try:
            # Another's mirror is read all the same; what is written here then waits as ever.
            ours = self._tenure.claim(quiet=True) is None
            report = self._session.fetch_missing(self._cancel(), writable=ours)
            log.info("of what the restore left, %d objects are still to come", report.left_files)
        except (Interrupted, StorageError) as error:
            log.warning("what the restore left is tried again later: %s", error)
        self._plan_missing()

    def _plan_missing(self) -> None:
        missing = bool(self._session.missing)
        pause = self._missing_backoff.pause()
        self.missing_at = time.monotonic() + pause if missing else None

    def retry(self) -> bool:
        """Try everything again now, what met a conflict included."""
        self._session.retry()
        if self._session.missing:
            self._missing_backoff.reset()
            self.restore_missing()
        return self.cycle()

    def cycle(self) -> bool:
        """One cycle; whether all of the home is in the mirror after it."""
        self.next = time.monotonic() + self._interval
        try:
            if not self._claim():
                return False
            report = self._session.cycle(self._cancel(), self._consent)
        except Interrupted:
            return self._halted()
        except StorageError as error:
            self._go_offline(error)
            self.next = time.monotonic() + self.backoff.pause()
            return False
        self._settle(report)
        return report.is_complete

    def hinted(self, focus: Focus) -> bool:
        """What hints lead to; while the store is out of reach they wait for the next cycle."""
        if self._board.status.state in {"offline", "waiting"}:
            return False
        if focus.is_wide:
            return self.cycle()
        began = time.monotonic()
        try:
            if not self._claim():
                return False
            report = self._session.hinted(self._cancel(), focus)
        except Interrupted:
            return self._halted()
        except StorageError as error:
            self._go_offline(error)
            self.next = min(self.next, time.monotonic() + self.backoff.pause())
            return False
        finally:
            now = time.monotonic()
            self.hints_at = now + HINT_REST * (now - began)
        asks = report.veto is not None and not self._vetoed
        if report.left_files or asks or report.conflicts.total:
            # Only a whole cycle knows all that is left, and tells it.
            self.next = min(self.next, time.monotonic() + self.backoff.pause())
        self.rest()
        return report.is_complete

    def final(self, seconds: float | None, *, ends: bool = False) -> bool:
        """A final sync, in so many seconds; whether all of the home is in the mirror after it.

        The one that ``ends`` the work is not interrupted by a stop.
        """
        cancel = Cancel(None if ends else self._stop, seconds)
        return FinalSync(self._session, self._tenure).run(cancel)

    def close(self) -> None:
        """Nothing will be done any more."""
        self._consent.forget()

    def go_on(self) -> None:
        """After a final sync that was asked for, which another instance may have kept aside."""
        try:
            if self._claim():
                self.rest()
        except StorageError as error:
            self._go_offline(error)

    def rest(self) -> None:
        """Between cycles."""
        self._board.enter("vetoed" if self._vetoed else "idle")

    def _cancel(self) -> Cancel:
        return Cancel(self._stop, lost=self._tenure.lost, halt=self._halt)

    def _halted(self) -> bool:
        """After an interruption, by a pause perhaps: then nothing is under way any more."""
        if self._halt.is_set():
            self.rest()
        return False

    def _claim(self) -> bool:
        """Whether the mirror is ours to write; when not, a look again is due soon."""
        force, self._force = self._force, False
        pause = self._tenure.claim(force=force)
        if pause is not None:
            self.next = time.monotonic() + pause
        return pause is None

    def _settle(self, report: Report) -> None:
        self._vetoed = report.veto is not None
        if report.held is None or report.held.id != self._agreed:
            self._agreed = None  # It is used; or it was for others than those that ask now.
        if report.is_settled:
            self._consent.forget()
        if report.left_files:
            self.next = min(self.next, time.monotonic() + self.backoff.pause())
        else:
            self.backoff.reset()
        self._board.update(last_error=None)
        self.rest()

    def _agrees(self, held: HeldDeletions) -> bool:
        return held.id == self._agreed

    def _go_offline(self, error: StorageError) -> None:
        log.warning("%s: %s", error.code, error.message)
        self._board.update(state="offline", progress=None, last_error=error_body(error))
