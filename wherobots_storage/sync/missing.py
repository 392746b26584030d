"""What a restore could not bring, because the store failed for these objects alone.

They are fetched again beside the cycles, by their names: the rest of the mirror is none of this,
since while the agent runs the sync is one-way.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing

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
from wherobots_storage.sync.worklist import Downloads


class Missing:
    """The paths that are still to come, of one home."""

    def __init__(self) -> None:
        self.paths: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.paths)

    def begin(self, home: Home, journal: Journal, report: Report) -> None:
        """Take over what a restore left."""
        self.paths = frozenset(report.unfinished)
        for path in self.paths:
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
        early: EarlySaves | None = None,
    ) -> Report:
        """Restore these paths, by the same rules as a whole restore; the rest stays to come.

        ``early`` saves what is written meanwhile.

        Raises Interrupted, DiskFull, LocalIOError when the home cannot be written, and the
        StorageError of an outage; what arrived before is journaled, and found so the next time.
        """
        report = Report()
        early = early or EarlySaves(home, journal, cancel)
        early.only(self.paths)
        with RemoteListing() as listing, Downloads() as downloads, closing(early):
            self._look_up(mirror, listing, report, cancel, early)
            early.listed(listing)
            self._plan(home, journal, listing, downloads, report)
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
        self.paths = frozenset(report.unfinished)
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
        for path in sorted(self.paths):
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
        home: Home, journal: Journal, listing: RemoteListing, downloads: Downloads, report: Report
    ) -> None:
        remote = list(listing)
        paths = [found.path for found in remote]
        rows: Iterable[Record] = filter(None, map(journal.get, paths))
        decisions = plan_restore(
            _entries(home, paths, report), rows, remote, reserved=home.reserved
        )
        for decision in decisions:
            if not isinstance(decision, Decision):
                report.skipped.add(decision)
            elif decision.path in report.unfinished or decision.step is Step.KEEP:
                continue
            elif decision.remote is not None:
                downloads.add(decision.step, decision.remote)


def _entries(home: Home, paths: list[str], report: Report) -> Iterable[Entry]:
    for path in paths:
        try:
            entry = examine(home.path, path)
        except OSError as error:
            report.leave(Notice(path, "unreadable", f"It cannot be examined: {error.strerror}."))
            continue
        # A folder in the place of a file is no entry of this path; installing finds it in the way.
        if entry is not None and entry.path == path:
            yield entry
