"""One restore: list the mirror, look at the home, plan, carry out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

from wherobots_storage.api.models import Progress
from wherobots_storage.errors import DiskFull
from wherobots_storage.planning.restore import Decision, Step, plan_restore
from wherobots_storage.planning.safety import Veto, veto_trash
from wherobots_storage.planning.tree import Entry, Remote
from wherobots_storage.sync.ahead import Ahead, names_taken
from wherobots_storage.sync.cancel import LOOK, Cancel
from wherobots_storage.sync.database import free_bytes
from wherobots_storage.sync.downloads import Downloader
from wherobots_storage.sync.early import EarlySaves
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.intents import Intents
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.kept import KeptVersions
from wherobots_storage.sync.leftout import left_out
from wherobots_storage.sync.lister import Lister
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.reading import unchanged_by_hash
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.retyped import make_way
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.unlisted import Unlisted
from wherobots_storage.sync.worklist import Downloads, Paths

OnProgress = Callable[[Progress], None]


class Restore:
    """Brings what the mirror holds into the home; see ``planning.restore`` for the rules."""

    def __init__(
        self, home: Home, mirror: Mirror, journal: Journal, *, on_progress: OnProgress
    ) -> None:
        self._home = home
        self._mirror = mirror
        self._journal = journal
        self._on_progress = on_progress

    def run(
        self, cancel: Cancel, early: EarlySaves, on_left: Callable[[str], None] | None = None
    ) -> Report:
        """Restore. What is done is journaled, so that another run goes on where this one ended.

        ``early`` saves what is written meanwhile; ``on_left`` is told each path that is left.

        Raises Interrupted, HomeMissing, DiskFull, LocalIOError when the home cannot be written,
        and the StorageError of an outage.
        """
        report = Report(on_left=on_left)
        intents = Intents(self._mirror, self._journal)
        with (
            RemoteListing() as listing,
            Downloads() as downloads,
            Paths() as trash,
            Paths() as forget,
            closing(early),
        ):
            begun = self._list(listing, cancel, early)
            report.moved += begun.report.moved if begun is not None else 0
            early.listed(listing)
            KeptVersions(self._journal).begin_restore(lambda path: listing.get(path) is not None)
            intents.settle(listing)
            self._date_rows(cancel)
            # What arrives is no reason to give up what vanished.
            saved = len(self._journal) if begun is None else 0
            self._plan(listing, downloads, trash, forget, report, cancel, early)
            progress = _Progress(downloads, self._on_progress, begun)
            downloader = Downloader(
                self._home,
                self._mirror,
                self._journal,
                listing,
                report=report,
                cancel=cancel,
                moved=progress.moved,
                sooner=early.sooner,
            )
            downloader.clear()
            early.planned(downloader.turns)
            try:
                if not _veto(trash, saved, listing):
                    trash.drop(early.saved)
                    self._keep_unlisted(trash, report, cancel, early)
                    make_way(downloader, listing, self._journal, trash=trash, forget=forget)
                downloader.announce(downloads.new_folders())
                downloader.download(downloads.steps(large=False))
                downloader.download(downloads.steps(large=True))
                downloader.finish()
                self._home.check()
                trash.drop(early.saved)
                forget.drop(early.saved)
                self._settle_vanished(downloader, listing, trash, saved, report)
                self._journal.forget_all(forget)
                self._journal.commit()
            except DiskFull as error:
                raise self._counted(error, progress.left) from error
            finally:
                downloader.clear()
        return report

    def _counted(self, error: DiskFull, needed: int) -> DiskFull:
        """The same error, if it is the home's disk, with what is needed there and what is free."""
        if error.path != str(self._home.path):
            return error
        free = free_bytes(self._home.path)
        message = f"{error.message} {needed:,} bytes more are needed there, {free:,} are free."
        return DiskFull(message, path=error.path)

    def _date_rows(self, cancel: Cancel) -> None:
        """Prove by their hash which of the files that were saved in haste are unchanged.

        Without it a file saved in the last instant before a stop would count as changed.
        """
        for record in self._journal.undated():
            cancel.check()
            entry = unchanged_by_hash(self._home.path, record)
            # A row that is dated says that time and mode are saved too.
            if entry is not None and (entry.mtime_ns, entry.mode) == (record.mtime_ns, record.mode):
                self._journal.put(record._replace(ctime_ns=entry.ctime_ns, inode=entry.inode))
        self._journal.commit()

    def _list(self, listing: RemoteListing, cancel: Cancel, early: EarlySaves) -> Ahead | None:
        """List all of the mirror; a new home gets files meanwhile, and what brought them is given.

        Nothing is planned before the listing is complete.
        """
        mirror, reserved = self._mirror, self._home.reserved
        with Lister(mirror.store, mirror.prefix, mirror.transfers.wake) as lister:

            def take(seconds: float) -> Sequence[Remote]:
                cancel.check()
                early.give_way()
                page = lister.next(seconds)
                if page is None:
                    return ()
                found = listing.add_page(page, mirror.prefix, reserved=reserved)
                progress = Progress(phase="listing", files=listing.files, bytes=listing.bytes)
                self._on_progress(progress)
                return found

            taken = names_taken(self._home, self._journal)
            ahead = None
            if taken is not None:
                ahead = Ahead(self._home, mirror, self._journal, listing, taken, cancel)
                ahead.bring(lister, take)
            while not lister.is_over:
                take(LOOK)
        return ahead

    def _plan(
        self,
        listing: RemoteListing,
        downloads: Downloads,
        trash: Paths,
        forget: Paths,
        report: Report,
        cancel: Cancel,
        early: EarlySaves,
    ) -> None:
        scanner = Scanner(
            self._home.path,
            reserved=self._home.reserved,
            prefix_bytes=len(self._mirror.prefix.encode()),
        )
        local = _checked(scanner.scan(), cancel, early)
        decisions = plan_restore(
            local,
            self._journal,
            listing,
            reserved=self._home.reserved,
            ignored=left_out(self._journal, self._home.rules()),
        )
        for decision in decisions:
            if not isinstance(decision, Decision):
                if self._concerns(decision.path, listing):
                    report.skipped.add(decision)
            elif decision.path in early.saved:
                continue  # It is newer here and in the bucket than what was looked at.
            elif decision.step is Step.TRASH:
                trash.add(decision.path)
            elif decision.step is Step.FORGET:
                forget.add(decision.path)
            elif decision.step is not Step.KEEP and decision.remote is not None:
                downloads.add(decision.step, decision.remote)
        self._home.check()  # A home that went away during the scan has not lost its files.

    def _concerns(self, path: str, listing: RemoteListing) -> bool:
        """Whether the bucket has, or had, something there: the rest is for the sync to list."""
        try:
            path.encode()
        except UnicodeEncodeError:
            return False  # No key has this name.
        folder = path.endswith("/")
        return any(
            known.get(path) is not None or (folder and known.has_below(path))
            for known in (listing, self._journal)
        )

    def _keep_unlisted(
        self, trash: Paths, report: Report, cancel: Cancel, early: EarlySaves
    ) -> None:
        def give_way() -> None:
            cancel.check()
            early.give_way()

        for notice in Unlisted(self._mirror, give_way).keep(trash):
            report.skipped.add(notice)

    def _settle_vanished(
        self,
        downloader: Downloader,
        listing: RemoteListing,
        trash: Paths,
        saved: int,
        report: Report,
    ) -> None:
        veto = _veto(trash, saved, listing)
        if veto is None:
            downloader.trash(trash)
            return
        # Kept, and forgotten, so that the next sync saves them again: an emptied bucket is an
        # accident more often than a wish, and a wish can be repeated.
        report.veto = veto
        self._journal.forget_all(trash)
        self._journal.commit()


def _veto(trash: Paths, saved: int, listing: RemoteListing) -> Veto | None:
    return veto_trash(journal_size=saved, vanished=len(trash), remote_files=listing.files)


def _checked(entries: Iterable[Entry], cancel: Cancel, early: EarlySaves) -> Iterator[Entry]:
    for count, entry in enumerate(entries):
        if count % 500 == 0:
            cancel.check()
            early.give_way()
        yield entry


class _Progress:
    """How far a restore is."""

    def __init__(self, downloads: Downloads, on_progress: OnProgress, begun: Ahead | None) -> None:
        """``begun``: what was done before the plan, which is part of the whole."""
        self._on_progress = on_progress
        self._files = begun.files if begun is not None else 0
        self._bytes = begun.bytes if begun is not None else 0
        self._all_files = self._files + downloads.files
        self._all_bytes = self._bytes + downloads.bytes
        if downloads.files:
            self.moved(0, 0)

    @property
    def left(self) -> int:
        """How many bytes are not here yet."""
        return max(0, self._all_bytes - self._bytes)

    def moved(self, files: int, size: int) -> None:
        """So much more is done."""
        self._files += files
        self._bytes += size
        self._on_progress(
            Progress(
                phase="restoring",
                files=self._files,
                bytes=self._bytes,
                total_files=self._all_files,
                total_bytes=self._all_bytes,
            )
        )
