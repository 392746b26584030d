"""What a restore could not bring, because the store failed for these objects alone.

They are fetched again beside the cycles, by their names: the rest of the mirror is none of this,
since while the agent runs the sync is one-way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager

from wherobots_storage.errors import NotFound, StorageError
from wherobots_storage.planning.restore import Decision, Step, plan_restore
from wherobots_storage.planning.tree import Entry, Notice, Record
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.downloads import Downloader
from wherobots_storage.sync.early import EarlySaves
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, OutageDetector
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.scan import examine
from wherobots_storage.sync.worklist import Downloads, PathSet


class Missing:
    """The paths that are still to come, of one home; on disk, since there may be very many."""

    def __init__(self) -> None:
        self._paths = PathSet()

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[str]:
        """The paths, sorted."""
        return iter(self._paths)

    def close(self) -> None:
        """Drop them."""
        self._paths.close()

    @contextmanager
    def anew(self) -> Iterator[PathSet]:
        """For what a run leaves: it takes the place of these paths when that has come to its end.

        Until then, and when the run raises, they stay.
        """
        left = PathSet()
        try:
            yield left
        except BaseException:
            left.close()
            raise
        self._paths.close()
        self._paths = left

    def forget_rows(self, home: Home, journal: Journal) -> None:
        """Let the journal know nothing of what a restore left."""
        for path in self._paths:
            # A row without its file would look like a deletion. Without the row the object is
            # unknown here, which nothing is ever done to.
            if not os.path.lexists(home.path / path):
                journal.forget(path)
        journal.commit()

    def fetch(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        cancel: Cancel,
        left: PathSet,
        early: EarlySaves,
    ) -> Report:
        """Restore these paths, by the same rules as a whole restore; what fails goes to ``left``.

        ``early`` saves what is written meanwhile.

        Raises Interrupted, DiskFull, LocalIOError when the home cannot be written, and the
        StorageError of an outage; what arrived before is journaled, and found so the next time.
        """
        report = Report(on_left=left.add)
        early.only(self._paths)
        with RemoteListing() as listing, Downloads() as downloads, closing(early):
            self._look_up(mirror, listing, report, cancel, early)
            early.listed(listing)
            self._plan(home, journal, listing, downloads, report, left)
            downloader = Downloader(
                home,
                mirror,
                journal,
                listing,
                report=report,
                cancel=cancel,
                moved=lambda _files, _size: None,
                sooner=early.sooner,
            )
            early.planned(downloader.turns)
            try:
                downloader.download(downloads.steps(large=False))
                downloader.download(downloads.steps(large=True))
                downloader.finish()
            finally:
                downloader.clear()
        return report

    def _look_up(
        self,
        mirror: Mirror,
        listing: RemoteListing,
        report: Report,
        cancel: Cancel,
        early: EarlySaves,
    ) -> None:
        outage = OutageDetector(mirror.ask)
        for path in self._paths:
            cancel.check()
            early.give_way()
            try:
                listing.add(path, mirror.store.head(mirror.key(path)))
            except NotFound:
                pass  # Deleted since: nothing to restore any more.
            except StorageError as error:
                report.leave(Notice(path, error.code, error.message))
                outage.failure(error)
                continue
            outage.success()

    @staticmethod
    def _plan(
        home: Home,
        journal: Journal,
        listing: RemoteListing,
        downloads: Downloads,
        report: Report,
        left: PathSet,
    ) -> None:
        rows: Iterable[Record] = filter(None, map(journal.get, _paths(listing)))
        entries = _entries(home, _paths(listing), report)
        decisions = plan_restore(entries, rows, listing, reserved=home.reserved)
        for decision in decisions:
            if not isinstance(decision, Decision):
                report.skipped.add(decision)
            elif decision.path in left or decision.step is Step.KEEP:
                continue
            elif decision.remote is not None:
                downloads.add(decision.step, decision.remote)


def _paths(listing: RemoteListing) -> Iterator[str]:
    return (remote.path for remote in listing)


def _entries(home: Home, paths: Iterable[str], report: Report) -> Iterable[Entry]:
    for path in paths:
        try:
            entry = examine(home.path, path)
        except OSError as error:
            report.leave(Notice(path, "unreadable", f"It cannot be examined: {error.strerror}."))
            continue
        # A folder in the place of a file is no entry of this path; installing finds it in the way.
        if entry is not None and entry.path == path:
            yield entry
