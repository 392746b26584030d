"""Now and then comparing the journal with a listing of the mirror: what vanished there goes again.

Between two listings the journal is believed, so that a cycle costs no request. An object that
somebody deleted in the bucket is found here, and its row is forgotten: the scan that follows takes
the file for a new one. That is safe whatever the listing missed: a new one goes only where nothing
is, and the same bytes are adopted.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from itertools import islice

from wherobots_storage.errors import StorageError
from wherobots_storage.namespace.hidden import lies_hidden
from wherobots_storage.planning.merge import pair
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.remote import RemoteListing

log = logging.getLogger("wherobots_storage.agent")

INTERVAL_SECONDS = 3600.0
AGAIN_SECONDS = 300.0
"""How soon it is tried again after a listing that failed."""

_META = "reconciled"
_BATCH = 1000


class Reconciler:
    """Knows when a listing is due, also across restarts. ``clock``: seconds since the epoch."""

    def __init__(
        self, interval: float = INTERVAL_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._not_before = 0.0

    def is_due(self, journal: Journal) -> bool:
        """Whether the last listing is an interval old, or in the future: clocks are set back."""
        now = self._clock()
        text = journal.meta(_META)
        fresh = text is not None and 0 <= now - float(text) < self._interval
        # Never longer than that pause: a clock that was set back would make it as long again.
        waits = 0 < self._not_before - now <= AGAIN_SECONDS
        return not fresh and not waits

    def done(self, journal: Journal) -> None:
        """The mirror was listed just now, here or by a restore."""
        journal.set_meta(_META, repr(self._clock()))

    def run(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        cancel: Cancel,
        give_way: Callable[[], None] = lambda: None,
    ) -> int:
        """List if it is due, and forget the rows of what vanished: how many these are.

        ``give_way`` is called between two pages, and may save files. A listing that fails stops
        nothing: it is tried again later. Raises Interrupted.
        """
        if not self.is_due(journal):
            return 0
        if not len(journal):
            self.done(journal)
            return 0
        began = time.time()
        try:
            with RemoteListing() as listing:
                self._list(listing, home, mirror, cancel, give_way)
                lost = self._compare(journal, listing, mirror, began)
        except StorageError as error:
            log.warning("the mirror could not be listed: %s", error.message)
            self._not_before = self._clock() + min(AGAIN_SECONDS, self._interval)
            return 0
        self.done(journal)
        if lost:
            log.warning("%d objects vanished from the bucket; they are saved again", lost)
        return lost

    @staticmethod
    def _list(
        listing: RemoteListing,
        home: Home,
        mirror: Mirror,
        cancel: Cancel,
        give_way: Callable[[], None],
    ) -> None:
        def on_page() -> None:
            cancel.check()
            give_way()

        listing.fill(mirror.store, mirror.prefix, reserved=home.reserved, on_page=on_page)

    @staticmethod
    def _compare(journal: Journal, listing: RemoteListing, mirror: Mirror, began: float) -> int:
        now = time.time()
        vanished = (
            record.path
            for record, found in pair(journal, listing)
            # What was saved since the listing began need not be in it. A row that is dated ahead
            # was written before a clock was set back.
            if record is not None
            and found is None
            and not began <= record.time <= now
            # What an earlier version put where the store lists nothing has not vanished.
            and not lies_hidden(mirror.hidden, record.path)
        )
        lost = 0
        while paths := list(islice(vanished, _BATCH)):
            journal.forget_all(paths)
            journal.commit()  # A row less only means that its file is saved again.
            lost += len(paths)
        return lost
