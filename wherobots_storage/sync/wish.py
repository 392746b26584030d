"""What the agent's loop is asked for."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Wish:
    """Something for the loop's thread: ``sync``, ``restore``, ``final``, ``look`` or ``tick``.

    ``look`` only wakes the loop; ``tick``, ``hint`` and ``missing`` are its own wishes, which a
    pause holds back; ``trouble`` is a notice to show, with its ``reason``.

    ``done`` becomes True when all of the home is in the mirror afterwards. ``deadline`` counts in
    seconds from ``asked``, a time of the monotonic clock.
    """

    op: str
    deadline: float | None = None
    reason: str = ""
    done: Future[bool] = field(default_factory=Future)
    asked: float = field(default_factory=time.monotonic)

    @property
    def is_own(self) -> bool:
        """Whether the loop asks itself, not somebody else."""
        return self.op in {"tick", "hint", "missing"}

    def left(self) -> float | None:
        """Seconds until the deadline; None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - (time.monotonic() - self.asked))

    def answer(self, *, outcome: bool) -> None:
        """Tell who asked; nothing happens when that was done before."""
        with suppress(InvalidStateError):
            self.done.set_result(outcome)

    def answer_late(self, seconds: float) -> None:
        """Tell False after so many seconds, if nothing was told by then."""
        timer = threading.Timer(seconds, lambda: self.answer(outcome=False))
        timer.daemon = True
        timer.start()
        self.done.add_done_callback(lambda _: timer.cancel())
