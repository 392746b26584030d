"""Small files that are saved while a cycle is under way: they need not wait for its end.

A first sync, the upload of a large file, the scan of a large home or a listing of the bucket take
minutes to hours, and a notebook that is saved in them has to be in the bucket in seconds. Only
what is small and needs nothing else is brought between: deletions, folders and large files wait
for the cycle after this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

from wherobots_storage.planning.backup import Upload, plan_backup
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.tree import File, Symlink
from wherobots_storage.sync.focus import Focus, streams
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.report import Stops
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.worklist import SMALL_BYTES

LOOK = 0.2
"""How often, in seconds, it is asked for hints at the most."""

FIRST = 0.5
"""After so many seconds it is asked first: what comes in a run that is over by then is followed
after it, and is not looked at twice."""

REST, REST_SHARE = 1.0, 4.0
"""After hints it rests so many seconds, and at least so many times as long as looking took: what is
written all the time must neither be sent all the time nor keep the cycle from its own work."""

MOST_FILES = 500
"""What is brought between at once; the rest waits for the next cycle."""


def scanner_of(home: Home, mirror: Mirror) -> Scanner:
    """What looks at a home for this mirror's sake."""
    return Scanner(
        home.path,
        reserved=home.reserved,
        prefix_bytes=len(mirror.prefix.encode()),
        unfaithful=mirror.unfaithful,
        hidden=mirror.hidden,
    )


class Meanwhile:
    """One run's. ``take`` gives the hints since its last call, ``rules`` what is left out now.

    ``scanner`` must be one that is not in the middle of a scan.
    """

    def __init__(
        self,
        home: Home,
        scanner: Scanner,
        journal: Journal,
        stops: Stops,
        *,
        take: Callable[[], Focus],
        rules: Callable[[], IgnoreRules],
    ) -> None:
        self._home = home
        self._scanner = scanner
        self._journal = journal
        self._stops = stops
        self._take = take
        self._rules = rules
        self._next = time.monotonic() + FIRST
        self.added: Callable[[int, int], None] = lambda _files, _bytes: None
        """Told of each file, with its size."""
        self.may: Callable[[Upload], bool] = lambda _: True
        """Asked for each file whether it may be saved now."""
        self.found: set[str] = set()
        """The paths of all that was given so far."""

    def files(self) -> list[File | Symlink]:
        """What was saved since the last call and is not in the bucket. Raises HomeMissing."""
        began = time.monotonic()
        if began < self._next:
            return []
        focus = self._take()
        self._next = began + LOOK
        if not focus:
            return []
        # As a list: the journal is written to as these are uploaded.
        found = list(islice(self._changed(focus), MOST_FILES))
        self._home.check()  # In a bare mount point others may write.
        for entry in found:
            self.found.add(entry.path)
            self.added(1, entry.size)
        now = time.monotonic()
        self._next = now + max(REST, REST_SHARE * (now - began))
        return found

    def _changed(self, focus: Focus) -> Iterator[File | Symlink]:
        entries, rows = streams(self._scanner, self._journal, self._rules(), focus)
        for action in plan_backup(entries, rows, folder_mode=self._home.folder_mode):
            if not isinstance(action, Upload) or action.waits:
                continue
            entry = action.entry
            if not isinstance(entry, File | Symlink) or entry.size > SMALL_BYTES:
                continue
            if self._stops.find(entry.path, entry) is None and self.may(action):
                yield entry
