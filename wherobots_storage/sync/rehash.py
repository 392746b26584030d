"""Reading files again that look unchanged, a few at a time, so that each is read about once a day.

A scan believes size, times and inode. Bytes can change without these: through another mount of
the same disk, on network file systems, by a disk that rots, or when somebody sets the clock back.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Callable
from typing import NamedTuple

from wherobots_storage.planning.tree import File, Record, is_unchanged
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.reading import CHUNK, open_file
from wherobots_storage.sync.scan import examine

log = logging.getLogger("wherobots_storage.agent")

DAY_SECONDS = 86_400.0
BUDGET_SECONDS = 0.5
"""How long one cycle may read for this in any case: every two minutes that is 0.4% of the time."""

SHARE = 0.05
"""How much of the time since the last look it may take where more is due. What takes longer to read
than this share of half a day (36 minutes) takes more than a day."""

LONGEST_PAUSE = 600.0
"""Of a longer time between two looks, in seconds, the rest does not count for the budget."""

AHEAD_SHARE = 12
"""A row that is dated ahead by more than this part of its rest (an hour) is due at once."""

MOST_ROWS = 2000
"""How many rows are in memory at once."""


class _Partly(NamedTuple):
    """A large file that is read over several cycles."""

    record: Record
    digest: hashlib._Hash
    offset: int


class Rehash:
    """One home's. A row rests for half of ``day`` seconds; in the other half its turn comes."""

    def __init__(
        self,
        day: float = DAY_SECONDS,
        *,
        budget: float = BUDGET_SECONDS,
        share: float = SHARE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rest = day / 2
        self._budget = budget
        self._share = share
        self._clock = clock
        self._last: float | None = None
        self._owed = 0.0
        """How many rows are due, those that earlier cycles had no time for included."""
        self._partly: _Partly | None = None

    def run(
        self,
        home: Home,
        journal: Journal,
        cancel: Cancel,
        wanted: Callable[[], bool] = lambda: False,
    ) -> int:
        """Read the files of the oldest rows; how many hold other bytes than their row says.

        These rows are marked, so that the next scan takes the files for changed. ``wanted`` says
        that there is something more urgent: the rest waits for the next cycle.
        """
        now = self._clock()
        until = time.monotonic() + self._count(len(journal), now)
        found = 0
        while self._owed >= 1:
            most = min(MOST_ROWS, math.floor(self._owed))
            # Those that are dated ahead are of a clock that was set back since: they would wait
            # until it is there again.
            rows = journal.latest_files(now + self._rest / AHEAD_SHARE, most)
            rows += journal.oldest_files(now - self._rest, most - len(rows))
            for record in rows:
                same = None if wanted() else self._check(home, record, until, cancel, wanted)
                if same is None:
                    journal.commit()
                    return found
                # A dated row goes to the end of the queue, whatever was found.
                ctime_ns = record.ctime_ns if same else 0
                journal.put(record._replace(ctime_ns=ctime_ns, time=now))
                self._owed -= 1
                if not same:
                    found += 1
                    log.warning("%s holds other bytes though its times are the same", record.path)
            if len(rows) < most:
                self._owed = 0.0  # The others have had their turn in this half of a day.
        journal.commit()
        return found

    def _count(self, rows: int, now: float) -> float:
        """Count the rows that came due since the last look; how many seconds there are for them."""
        longest = self._rest / 10
        passed = longest if self._last is None else min(max(now - self._last, 0.0), longest)
        first, self._last = self._last is None, now
        self._owed = min(self._owed + math.ceil(rows * passed / self._rest), rows)
        if first:
            return self._budget
        return max(self._budget, self._share * min(passed, LONGEST_PAUSE))

    def _check(
        self,
        home: Home,
        record: Record,
        until: float,
        cancel: Cancel,
        wanted: Callable[[], bool],
    ) -> bool | None:
        """Whether the file holds its row's bytes; None when the time is over before that is known.

        A file that looks changed, or is gone, is the scan's business: True.
        """
        partly = self._partly
        if partly is None or partly.record != record:
            partly = _Partly(record, hashlib.sha256(), 0)
        self._partly = None
        digest, offset = partly.digest, partly.offset
        try:
            if not self._looks_same(home, record):
                return True
            with open_file(home, record.path) as descriptor:
                while piece := os.pread(descriptor, CHUNK, offset):
                    digest.update(piece)
                    offset += len(piece)
                    if cancel.expired or time.monotonic() > until or wanted():
                        self._partly = _Partly(record, digest, offset)
                        return None
            return digest.hexdigest() == record.sha256 or not self._looks_same(home, record)
        except OSError:
            return True

    @staticmethod
    def _looks_same(home: Home, record: Record) -> bool:
        entry = examine(home.path, record.path)
        return isinstance(entry, File) and is_unchanged(entry, record)
