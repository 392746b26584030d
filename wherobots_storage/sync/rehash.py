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
"""How long one cycle may read for this: with a cycle every two minutes, 0.4% of the time."""

MOST_ROWS = 2000


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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rest = day / 2
        self._budget = budget
        self._clock = clock
        self._last: float | None = None
        self._partly: _Partly | None = None

    def run(self, home: Home, journal: Journal, cancel: Cancel) -> int:
        """Read the files of the oldest rows; how many hold other bytes than their row says.

        These rows are marked, so that the next scan takes the files for changed.
        """
        now = self._clock()
        rows = journal.oldest_files(now - self._rest, self._share(len(journal), now))
        until = time.monotonic() + self._budget
        found = 0
        for record in rows:
            same = self._check(home, record, until, cancel)
            if same is None:
                break
            # A dated row goes to the end of the queue, whatever was found.
            ctime_ns = record.ctime_ns if same else 0
            journal.put(record._replace(ctime_ns=ctime_ns, time=now))
            if not same:
                found += 1
                log.warning("%s holds other bytes though its times are the same", record.path)
        journal.commit()
        return found

    def _share(self, rows: int, now: float) -> int:
        """How many rows are due, by the time since the last look."""
        longest = self._rest / 10
        passed = longest if self._last is None else min(max(now - self._last, 0.0), longest)
        self._last = now
        return min(MOST_ROWS, math.ceil(rows * passed / self._rest))

    def _check(self, home: Home, record: Record, until: float, cancel: Cancel) -> bool | None:
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
            with open_file(home.path, record.path) as descriptor:
                while piece := os.pread(descriptor, CHUNK, offset):
                    digest.update(piece)
                    offset += len(piece)
                    if cancel.expired or time.monotonic() > until:
                        self._partly = _Partly(record, digest, offset)
                        return None
            return digest.hexdigest() == record.sha256 or not self._looks_same(home, record)
        except OSError:
            return True

    @staticmethod
    def _looks_same(home: Home, record: Record) -> bool:
        entry = examine(home.path, record.path)
        return isinstance(entry, File) and is_unchanged(entry, record)
