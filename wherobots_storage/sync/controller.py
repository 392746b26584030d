"""The agent's loop: restore, then cycles, on time or when asked, until it is told to stop."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.hints import Hints
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.tenure import Tenure
from wherobots_storage.sync.watch import Watcher, just_before_now
from wherobots_storage.sync.wish import Wish
from wherobots_storage.sync.work import Work

log = logging.getLogger("wherobots_storage.agent")


RESTORES = 4
"""How often a start tries to restore single objects that fail, before it goes on without them."""

RESERVE_SECONDS, WORK_SHARE = 2.5, 0.8
"""What of the deadline of a stop is left for its end: uploads under way that may still arrive, the
note of what is left, the lease; at most a fifth of it."""

LATE_SECONDS = 0.5
"""How long past its deadline a final sync that was asked for may still tell how it went."""

_RETRIED = frozenset({"look", "sync", "tick", "hint"})
"""What a retry, which ends with a cycle, does as well; other wishes have their own turn."""

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
        alone: float = 20.0,
    ) -> None:
        """``alone``: for so many seconds nobody works in a home that is restored at the start."""
        self._session = session
        self._board = board
        self._inbox: queue.SimpleQueue[Wish] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._stopped_at = 0.0
        self._deadline: float | None = None
        self._turn = threading.Lock()
        self._busy = False
        self._paused = False
        self._retry = False
        self._watch = watch
        self._watcher: Watcher | None = None
        self._alone = alone
        self._starting = True
        self._restore_since = 0.0
        self._early_at = 0.0
        """When what is written during a restore may be saved, of the monotonic clock."""
        self._claimed = False
        self._tenure = tenure or Tenure(None, board)
        self._halt = threading.Event()
        self._work = Work(
            session, board, self._tenure, interval=interval, stop=self._stop, halt=self._halt
        )
        self._hints = Hints()
        session.hints = self._take_hints_between
        session.may_write = self._may_save_early
        session.wanted = lambda: bool(self._hints) or not self._inbox.empty()
        self.on_stop: Callable[[float | None], None] = lambda _: None
        """Called with the deadline when the stop begins."""
        self.finished: Future[bool] = Future()
        """Becomes the final sync's outcome."""

    # ---- from any thread ----

    def ask(self, op: str, deadline: float | None = None) -> Future[bool]:
        """Have ``sync``, ``restore`` or ``final`` done; the future ends with it.

        With a ``deadline`` it ends after so many seconds in any case: with False then.
        """
        wish = Wish(op, deadline)
        if deadline is not None:
            wish.answer_late(deadline + LATE_SECONDS)
        self._inbox.put(wish)
        return wish.done

    def pause(self) -> None:
        """Begin no cycle by itself until ``resume``, and give up the one that is under way.

        What was sent by then is journaled; a start's restore and a final sync come to their end.
        """
        with self._turn:
            self._paused = True
            self._halt.set()
            self._board.update(paused=True)
            self._show_pause()

    def resume(self) -> None:
        """End a pause, with a cycle."""
        self._paused = False
        self._board.update(paused=False)
        self.ask("tick")  # its own wish: another pause that comes first holds it back

    def retry(self) -> None:
        """Try again now, what met a conflict included."""
        self._retry = True
        self.ask("look")

    def accept_deletes(self, held_id: str | None) -> None:
        """Agree to the held deletions of this id, and to no others.

        Raises InvalidInput without one, DeletionsChanged when they are not what is held now.
        """
        self._work.accept(held_id)
        self.ask("sync")

    def hint(self, focus: Focus) -> None:
        """Something changed in these folders."""
        with self._turn:
            if self._paused:
                return  # a resume looks at everything
            first = self._hints.add(focus)
        if first and not self._starting:
            self.ask("look")

    def trouble(self, reason: str) -> None:
        """There will be no more hints."""
        self._inbox.put(Wish("trouble", reason=reason))

    def take_over(self) -> None:
        """Take the lease from another instance, with a cycle."""
        self._work.force()
        self.ask("sync")

    def stop(self, deadline: float | None) -> Future[bool]:
        """Make the final sync within ``deadline`` seconds (None: no limit) and end ``run``."""
        if not self._stop.is_set():
            self._deadline = deadline
            self._stopped_at = time.monotonic()
            self._stop.set()
            self.on_stop(deadline)
            self._inbox.put(Wish("look"))
        return self.finished

    # ---- the loop ----

    def run(self) -> bool:
        """Restore, cycle, and at the end the final sync; whether that was complete."""
        complete = False
        try:
            self._tenure.begin(lambda: self._inbox.put(Wish("tick")))
            self._start()
            self._starting = False
            if not self._stop.is_set():
                self._look_at_writes(None)
            while not self._is_over():
                self._serve(self._next_wish())
        except Exception:
            log.exception("the agent's loop failed; the final sync follows")
        finally:
            if self._watcher is not None:
                self._watcher.stop()
            complete = self._finish()
            if self._watcher is not None:
                self._watcher.join()
        return complete

    def _start(self) -> None:
        """Restore, again and again until it comes through, or the home refuses it for good."""
        again = RESTORES
        self._begin_restore(self._alone)
        while not self._is_over():
            report = self._work.restore()
            if report is not None or self._work.refused is not None:
                again -= 1
                if again == 0 or (report is not None and report.left_files == 0):
                    self._work.put_off()
                    self._work.backoff.reset()
                    self._board.update(state="idle", progress=None, last_error=None)
                    return
            # A few objects failed: once more for them, while nothing else begins.
            if not self._stop.is_set():
                self._pause_for_retry()

    def _is_over(self) -> bool:
        """Whether a stop was asked for, or another may write: the server starts an agent anew."""
        return self._stop.is_set() or not self._session.holds_lock

    def _begin_restore(self, alone: float) -> None:
        self._restore_since = just_before_now()
        self._early_at = time.monotonic() + alone
        self._claimed = False

    def _may_save_early(self) -> bool:
        """Whether what is written during a restore may be saved: the home is watched from then on.

        Before, nobody works in it, and watching costs. Raises StorageError.
        """
        if time.monotonic() < self._early_at:
            return False
        if not self._claimed:
            self._look_at_writes(self._restore_since)
            pause = self._tenure.claim(quiet=True)
            if pause is not None:
                self._early_at = time.monotonic() + pause
            self._claimed = pause is None
        return self._claimed and not self._tenure.lost.is_set()

    def _look_at_writes(self, since: float | None) -> None:
        """Watch the home, for what was written since then only."""
        if self._watcher is not None:
            self._watcher.only_since(since)
        elif self._watch is not None:
            self._watcher = self._watch(self.hint, self.trouble)
            self._watcher.only_since(since)
            self._watcher.start()

    def _pause_for_retry(self) -> None:
        """Wait before the next try of a restore; any wish ends the wait, and stays."""
        try:
            wish = self._inbox.get(timeout=self._work.backoff.pause())
        except queue.Empty:
            return
        if wish.op == "final":
            # A final sync before the restore came through uploads what is new here; conditions
            # and the journal keep it from touching what is not restored yet.
            wish.answer(outcome=self._work.final(wish.left()))
        elif wish.op == "trouble":
            self._session.tell.stand(Notice(".", "not-watched", wish.reason))
        elif wish.op != "look":
            wish.answer(outcome=False)

    def _next_wish(self) -> Wish:
        while True:
            work = self._work
            due, op = work.next, "tick"
            if self._hints and work.hints_at < due:
                due, op = work.hints_at, "hint"
            if work.missing_at is not None and work.missing_at < due:
                due, op = work.missing_at, "missing"
            timeout = None if self._paused else max(0.0, due - time.monotonic())
            try:
                return self._inbox.get(timeout != 0, timeout or None)
            except queue.Empty:
                return Wish(op)

    def _serve(self, wish: Wish) -> None:
        with self._turn:
            if self._is_over() or (wish.is_own and self._paused):
                if wish.op == "final":
                    self._inbox.put(wish)  # for the final sync of the end
                else:
                    wish.answer(outcome=False)
                return
            self._busy = True
            self._halt.clear()  # what is asked for in a pause is done
        try:
            self._carry_out(wish)
        finally:
            with self._turn:
                self._hints.give_back()
                self._busy = False
                self._show_pause()

    def _show_pause(self) -> None:
        """Show the pause once nothing is under way any more; hold ``_turn``."""
        settled = self._board.status.state in {"idle", "vetoed", "offline", "waiting"}
        if self._paused and not self._busy and settled:
            self._board.enter("paused")

    def _carry_out(self, wish: Wish) -> None:
        outcome = True
        if self._retry and wish.op in _RETRIED:
            outcome = self._retry_all()
        elif wish.done.done():
            return  # its time was over before its turn came
        elif wish.op in {"sync", "tick"}:
            self._hints.take()
            outcome = self._work.cycle()
        elif wish.op == "final":
            outcome = self._work.final(wish.left())
            self._work.go_on()
        elif wish.op == "hint":
            outcome = self._work.hinted(self._hints.take())
        elif wish.op == "missing" and self._work.refused is not None:
            self._restore()
        elif wish.op == "missing":
            self._work.restore_missing()
        elif wish.op == "trouble":
            self._session.tell.stand(Notice(".", "not-watched", wish.reason))
        elif wish.op == "restore":
            outcome = self._restore()
        wish.answer(outcome=outcome)

    def _restore(self) -> bool:
        self._begin_restore(0.0)
        try:
            report = self._work.restore()
        finally:
            self._look_at_writes(None)
        if report is None:
            self._work.put_off()
            return False
        self._work.rest()
        return report.is_complete

    def _retry_all(self) -> bool:
        self._retry = False
        self._hints.take()
        if self._work.refused is not None:
            self._restore()
        return self._work.retry()

    def _take_hints_between(self) -> Focus:
        with self._turn:
            return Focus() if self._paused else self._hints.take_between()

    def _finish(self) -> bool:
        self._board.enter("stopping")
        spent = time.monotonic() - self._stopped_at if self._stopped_at else 0.0
        left = None if self._deadline is None else max(0.0, self._deadline * WORK_SHARE - spent)
        if self._deadline is not None:
            left = max(left or 0.0, self._deadline - RESERVE_SECONDS - spent)
        complete = self._work.final(left, ends=True)
        self._work.close()
        self._tenure.end()
        log.info("the final sync is %s", "complete" if complete else "not complete")
        self._board.enter("stopped")
        self.finished.set_result(complete)
        while not self._inbox.empty():
            self._inbox.get().answer(outcome=complete)
        return complete
