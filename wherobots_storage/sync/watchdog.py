"""The end of a process that does not come to its end in time.

A request that hangs in a dead network cannot be interrupted; a process that waits for it can end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

NOTE_SECONDS = 3.0
"""How long it may take to note what is left; a few milliseconds, unless the machine is busy."""


class Watchdog:
    """Ends this process with ``code``, ``seconds`` from now, unless it is called off.

    ``note`` is called before, on a thread of its own, and waited for ``NOTE_SECONDS``.
    """

    def __init__(self, seconds: float, code: int, note: Callable[[], None]) -> None:
        self.code = code
        self._note = note
        self._timer = threading.Timer(seconds, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def call_off(self) -> None:
        """It came to its end."""
        self._timer.cancel()
        self._timer.join()

    def _give_up(self) -> None:
        noting = threading.Thread(target=self._note, daemon=True)
        noting.start()
        noting.join(NOTE_SECONDS)
        os._exit(self.code)
