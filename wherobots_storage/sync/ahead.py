"""Small files that come to a new home while its mirror is still being listed.

What is gone from the bucket, and what stands in the way of what, shows only when the listing is
complete, and so does a restore's plan. That a file is missing in a home that never had anything
does not: it is fetched as soon as it is listed, by the same rules as any other. The plan is made
afterwards as if a former restore had been interrupted there: what has come needs nothing more, and
what has not, for whatever reason, is planned, fetched and told as ever.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from wherobots_storage.errors import DiskFull
from wherobots_storage.planning.restore import Step, refuse
from wherobots_storage.planning.tree import Directory, Problematic, Remote, ancestors
from wherobots_storage.sync.belonging import is_used
from wherobots_storage.sync.cancel import LOOK, Cancel
from wherobots_storage.sync.downloads import Downloader
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.lister import Lister
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.turns import Turn
from wherobots_storage.sync.worklist import SMALL_BYTES

MOST_LOCAL = 1000
"""A home with more in it than that is not new; it is compared when the listing is complete."""

MOST_WAITING = 5000
"""So many objects wait to be fetched; where the listing is faster than that, the plan has them."""

Take = Callable[[float], Sequence[Remote]]
"""Takes the next page of the listing, waiting so many seconds for it; none has come: nothing."""


def names_taken(home: Home, journal: Journal) -> set[str] | None:
    """The few names that a new home has, without slashes at their ends; None when it is not new.

    Nor is one of which something cannot be told, or one in which something is mounted.
    """
    if is_used(journal):
        return None
    scan = Scanner(home.path, reserved=home.reserved).scan()
    entries = list(islice(scan, MOST_LOCAL + 1))
    if len(entries) > MOST_LOCAL or any(
        isinstance(entry, Problematic) or (isinstance(entry, Directory) and not entry.complete)
        for entry in entries
    ):
        return None
    return {entry.path.removesuffix("/") for entry in entries}


class Ahead:
    """Of one restore into a home that has no more than the names ``taken``."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        listing: RemoteListing,
        taken: set[str],
        cancel: Cancel,
    ) -> None:
        self._taken = taken
        self._waiting: deque[Remote] = deque()
        self.report = Report()
        """Its ``moved`` counts; all else is found once more, and told, by the plan."""
        self.files = 0
        self.bytes = 0
        self._downloader = Downloader(
            home, mirror, journal, listing, report=self.report, cancel=cancel, moved=self._moved
        )

    def bring(self, lister: Lister, take: Take) -> None:
        """Fetch what is new, page by page, until the listing is over or the disk is full.

        Raises as ``Downloader.download``, and what ``take`` raises; what was done is journaled.
        """
        try:
            self._downloader.clear()
            self._downloader.download(self._turns(lister, take))
        except DiskFull:
            pass  # The restore meets it too, and can tell then how much there is to come.
        finally:
            self._downloader.clear()

    def _turns(self, lister: Lister, take: Take) -> Iterator[Turn]:
        while True:
            page = take(0)
            if page:
                self._add(page)
            if lister.is_over:
                return
            if self._waiting:
                yield Step.RESTORE, self._waiting.popleft()
            elif not self._downloader.wait():
                self._add(take(LOOK))

    def _add(self, page: Sequence[Remote]) -> None:
        folders = [remote.path for remote in page if remote.path.endswith("/")]
        # Before anything is made in them; a store lists a marker before what lies below.
        self._downloader.announce(path for path in folders if path[:-1] not in self._taken)
        if len(self._waiting) < MOST_WAITING:
            self._waiting.extend(self._new(page))

    def _new(self, page: Sequence[Remote]) -> Iterator[Remote]:
        """What of a page can be nothing but new files, whatever the next pages have."""
        if not page:
            return
        above = {remote.path.rpartition("/")[0] for remote in page}
        above.update(name for folder in tuple(above) for name in ancestors(folder))
        last = page[-1].path
        for remote in page:
            path = remote.path
            if remote.size > SMALL_BYTES or path.endswith("/"):
                continue
            # All that can lie below "a/" sorts before "a0", "0" being the character after it.
            is_file = path not in above and path + "0" <= last
            if is_file and path not in self._taken and refuse(remote) is None:
                yield remote

    def _moved(self, files: int, size: int) -> None:
        self.files += files
        self.bytes += size
