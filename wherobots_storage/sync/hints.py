"""Where something changed in the home, until a cycle has followed it."""

from __future__ import annotations

import threading

from wherobots_storage.sync.focus import Focus


class Hints:
    """Of one agent's loop. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new = Focus()
        self._served = Focus()
        """Those that a cycle has followed in part: it leaves deletions, folders and large files."""

    def __bool__(self) -> bool:
        return bool(self._new)

    def add(self, focus: Focus) -> bool:
        """Something changed there; whether that is the first since all were taken."""
        with self._lock:
            first, self._new = not self._new, self._new | focus
        return first

    def take(self) -> Focus:
        """All there are, to be followed in full."""
        with self._lock:
            taken, self._new = self._new, Focus()
        return taken

    def take_between(self) -> Focus:
        """What came during a cycle, for its small files; none where all should be looked at."""
        with self._lock:
            if self._new.is_wide:
                return Focus()
            taken, self._new = self._new, Focus()
            self._served |= taken
        return taken

    def give_back(self) -> None:
        """The cycle is over: what it has followed in part is still to be followed."""
        with self._lock:
            self._new, self._served = self._new | self._served, Focus()
