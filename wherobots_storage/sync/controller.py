"""The agent's loop: restore, then cycles, on time or when asked, until it is told to stop."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from wherobots_storage.errors import StorageError
from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.cancel import Backoff, Cancel, Interrupted
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.status import StatusBoard, error_body
from wherobots_storage.sync.tenure import Tenure
from wherobots_storage.sync.watch import Watcher
from wherobots_storage.sync.wish import Wish

log = logging.getLogger("wherobots_storage.agent")


RESTORES = 4
"""How often a start tries to restore single objects that fail, before it goes on without them."""


HINT_REST = 4.0
"""After what a hint led to, other hints wait so many times as long as it took: a file that is
written all the time must not be sent all the time."""

Watch = Callable[[Callable[[Focus], None], Callable[[str], None]], Watcher]
"""Makes a watcher of the home, that tells hints and trouble."""


class Controller:
    """Runs on one thread (``run``); every other method may be called from any thread."""

    def __init__(
        self,
        session: Session,
        board: StatusBoard,
        *,
        interval: float,
        watch: Watch | None = None,
        tenure: Tenure | None = None,
    ) -> None:
        self._session = session
        self._board = board
        self._interval = interval
        self._inbox: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._stopped_at = 0.0
        self._deadline: float | None = None
        self._turn = threading.Lock()
        self._busy = False
        self._paused = False
        self._retry = False
        self._vetoed: frozenset[str] = frozenset()
        self._accepted: frozenset[str] = frozenset()
        self._backoff = Backoff()
        self._next = 0.0
        self._watch = watch
        self._tenure = tenure or Tenure(None, board)
        self._force = False
        self._hints = Focus()
        self._hints_at = 0.0
        self.finished: Future[bool] = Future()
        """Becomes the final sync's outcome."""

    # ---- from any thread ----

    def ask(self, op: str, deadline: float | None = None) -> Future[bool]:
        """Have ``sync``, ``restore`` or ``final`` done; the future ends with it."""
        wish = Wish(op, deadline)
        self._inbox.put(wish)
        return wish.done

    def pause(self) -> None:
        """Begin no cycle by itself until ``resume``."""
        with self._turn:
            self._paused = True
            self._board.update(paused=True)
            self._show_pause()

    def resume(self) -> None:
        """End a pause, with a cycle."""
        self._paused = False
        self._board.update(paused=False)
        self.ask("sync")

    def retry(self) -> None:
        """Try again now, what met a conflict included."""
        self._retry = True
        self.ask("look")

    def accept_deletes(self) -> None:
        """Agree to the deletions that are vetoed now, and to no others."""
        self._accepted = self._vetoed
        self.ask("sync")

    def hint(self, focus: Focus) -> None:
        """Something changed in these folders."""
        with self._turn:
            if self._paused:
                return  # a resume looks at everything
            first, self._hints = not self._hints, self._hints | focus
        if first:
            self.ask("look")

    def trouble(self, reason: str) -> None:
        """There will be no more hints."""
        self._inbox.put(Wish("trouble", reason=reason))

    def take_over(self) -> None:
        """Take the lease from another instance, with a cycle."""
        self._force = True
        self.ask("sync")

    def stop(self, deadline: float | None) -> Future[bool]:
        """Make the final sync within ``deadline`` seconds (None: no limit) and end ``run``."""
        if not self._stop.is_set():
            self._deadline = deadline
            self._stopped_at = time.monotonic()
            self._stop.set()
            self._inbox.put(Wish("look"))
        return self.finished

    # ---- the loop ----

    def run(self) -> bool:
        """Restore, cycle, and at the end the final sync; whether that was complete."""
        complete = False
        watcher: Watcher | None = None
        try:
            self._start()
            self._tenure.begin(lambda: self._inbox.put(Wish("tick")))
            if self._watch is not None and not self._stop.is_set():
                watcher = self._watch(self.hint, self.trouble)
                watcher.start()
            while not self._stop.is_set():
                self._serve(self._next_wish())
        except Exception:
            log.exception("the agent's loop failed; the final sync follows")
        finally:
            if watcher is not None:
                watcher.stop()
            complete = self._finish()
        return complete

    def _start(self) -> None:
        """Restore, again and again until it comes through."""
        self._board.enter("restoring")
        again = RESTORES
        while not self._stop.is_set():
            try:
                report = self._session.restore(Cancel(self._stop))
            except Interrupted:
                return
            except StorageError as error:
                self._go_offline(error)
                self._pause_for_retry()
            else:
                again -= 1
                if report.left_files == 0 or again == 0:
                    self._backoff.reset()
                    self._board.update(state="idle", progress=None, last_error=None)
                    return
                # A few objects failed: once more for them, while nothing else begins.
                self._pause_for_retry()

    def _pause_for_retry(self) -> None:
        """Wait before the next try of a restore; any wish ends the wait, and stays."""
        try:
            wish = self._inbox.get(timeout=self._backoff.pause())
        except queue.Empty:
            return
        if wish.op == "final":
            # A final sync before the restore came through uploads what is new here; conditions
            # and the journal keep it from touching what is not restored yet.
            self._answer(wish, self._final(Cancel(self._stop, wish.deadline)))
        elif wish.op != "look":
            self._answer(wish, outcome=False)

    def _next_wish(self) -> Wish:
        while True:
            hinted = bool(self._hints) and self._hints_at < self._next
            due = self._hints_at if hinted else self._next
            timeout = None if self._paused else max(0.0, due - time.monotonic())
            try:
                return self._inbox.get(timeout != 0, timeout or None)
            except queue.Empty:
                return Wish("hint" if hinted else "tick")

    def _serve(self, wish: Wish) -> None:
        with self._turn:
            if self._stop.is_set() or (wish.op in {"tick", "hint"} and self._paused):
                self._answer(wish, outcome=False)
                return
            self._busy = True
        try:
            self._carry_out(wish)
        finally:
            with self._turn:
                self._busy = False
                self._show_pause()

    def _show_pause(self) -> None:
        """Show the pause once nothing is under way any more; hold ``_turn``."""
        settled = self._board.status.state in {"idle", "vetoed", "offline", "waiting"}
        if self._paused and not self._busy and settled:
            self._board.enter("paused")

    def _carry_out(self, wish: Wish) -> None:
        if self._retry:
            self._retry = False
            self._session.retry()
            self._answer(wish, self._cycle())
        elif wish.op in {"sync", "tick"}:
            self._answer(wish, self._cycle())
        elif wish.op == "final":
            complete = self._final(Cancel(self._stop, wish.deadline, lost=self._tenure.lost))
            self._rest()
            self._answer(wish, complete)
        elif wish.op == "hint":
            self._answer(wish, self._hinted())
        elif wish.op == "trouble":
            self._session.stand(Notice(".", "not-watched", wish.reason))
            self._answer(wish, outcome=True)
        elif wish.op == "restore":
            self._answer(wish, self._restore())
        else:
            self._answer(wish, outcome=True)

    @staticmethod
    def _answer(wish: Wish, outcome: bool) -> None:
        if not wish.done.done():
            wish.done.set_result(outcome)

    def _restore(self) -> bool:
        self._board.enter("restoring")
        try:
            report = self._session.restore(Cancel(self._stop))
        except Interrupted:
            return False
        except StorageError as error:
            self._go_offline(error)
            return False
        self._rest()
        return report.is_complete

    def _take_hints(self) -> Focus:
        with self._turn:
            hints, self._hints = self._hints, Focus()
        return hints

    def _hinted(self) -> bool:
        """What hints lead to; while the store is out of reach they wait for the next cycle."""
        focus = self._take_hints()
        if self._board.status.state in {"offline", "waiting"}:
            return False
        if focus.is_wide:
            return self._cycle()
        began = time.monotonic()
        try:
            if not self._claim():
                return False
            report = self._session.hinted(self._cancel(), focus)
        except Interrupted:
            return False
        except StorageError as error:
            self._go_offline(error)
            self._next = min(self._next, time.monotonic() + self._backoff.pause())
            return False
        finally:
            now = time.monotonic()
            self._hints_at = now + HINT_REST * (now - began)
        if not report.is_settled or report.conflicts.total:
            # Only a whole cycle knows all that is left, and tells it.
            self._next = min(self._next, time.monotonic() + self._backoff.pause())
        self._rest()
        return report.is_complete

    def _cycle(self) -> bool:
        self._take_hints()
        self._next = time.monotonic() + self._interval
        try:
            if not self._claim():
                return False
            report = self._session.cycle(self._cancel(), self._accepted)
        except Interrupted:
            return False
        except StorageError as error:
            self._go_offline(error)
            self._next = time.monotonic() + self._backoff.pause()
            return False
        self._settle(report)
        return report.is_complete

    def _cancel(self) -> Cancel:
        return Cancel(self._stop, lost=self._tenure.lost)

    def _claim(self) -> bool:
        """Whether the mirror is ours to write; when not, a look again is due soon."""
        force, self._force = self._force, False
        pause = self._tenure.claim(force=force)
        if pause is not None:
            self._next = time.monotonic() + pause
        return pause is None

    def _final(self, cancel: Cancel) -> bool:
        if self._tenure.claim_at_last(cancel):
            return self._session.final(cancel)
        return self._session.survey(cancel)

    def _settle(self, report: Report) -> None:
        self._vetoed = report.vetoed
        if report.veto is None:
            self._accepted = frozenset()
        if report.left_files:
            self._next = min(self._next, time.monotonic() + self._backoff.pause())
        else:
            self._backoff.reset()
        self._board.update(last_error=None)
        self._rest()

    def _rest(self) -> None:
        """Between cycles."""
        self._board.enter("vetoed" if self._vetoed else "idle")

    def _go_offline(self, error: StorageError) -> None:
        log.warning("%s: %s", error.code, error.message)
        self._board.update(state="offline", progress=None, last_error=error_body(error))

    def _finish(self) -> bool:
        self._board.enter("stopping")
        spent = time.monotonic() - self._stopped_at if self._stopped_at else 0.0
        left = None if self._deadline is None else max(0.0, self._deadline - spent)
        complete = self._final(Cancel(seconds=left, lost=self._tenure.lost))
        self._tenure.end()
        log.info("the final sync is %s", "complete" if complete else "not complete")
        self._board.enter("stopped")
        self.finished.set_result(complete)
        while not self._inbox.empty():
            self._answer(self._inbox.get(), outcome=complete)
        return complete
