"""A home, its journal and its mirror, held by one writer: restore, cycle, final sync.

Used by the agent's controller and by ``sync --once`` alike, under the state folder's lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from wherobots_storage.api.models import Counts
from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.books import Books
from wherobots_storage.sync.broken import BrokenFiles
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.consent import Consent
from wherobots_storage.sync.cycle import Cycle
from wherobots_storage.sync.early import EarlySaves
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.heldlist import HeldList
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.missing import Missing
from wherobots_storage.sync.probe import probe
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.rehash import Rehash
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.restore import Restore
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.worklist import Uploads
from wherobots_storage.sync.written import Written

log = logging.getLogger("wherobots_storage.agent")


RULES_SECONDS = 10.0
"""So long a cycle waits for an ignore file that is being changed; then the next one looks again."""

COARSE_NS = 50_000_000
"""A file's times are those of the kernel's latest tick, ten milliseconds ago at the most."""


class Session:
    """Opened under the lock, closed before it is given up. For one thread."""

    def __init__(
        self,
        settings: Settings,
        store: ObjectStore,
        transfers: BulkTransfers,
        state: StateFolder,
        board: StatusBoard,
        *,
        reconciler: Reconciler | None = None,
        rehash: Rehash | None = None,
    ) -> None:
        """Open the journal. Raises JournalError when it is of a newer version."""
        self._reconciler = reconciler or Reconciler()
        self._rehash = rehash or Rehash()
        self._settings = settings
        self._state = state
        self._board = board
        self._mirror = Mirror(store, transfers, settings.require_tenancy().mirror_prefix)
        self._probed = False
        self._books = Books(state, board)
        self._cycle: Cycle | None = None
        self.tell = self._books.tell
        self._held_list = HeldList(state.held_path)
        self.missing = Missing()
        """What the latest restore could not bring."""
        self.hints: Callable[[], Focus] = Focus
        """Asked, during a cycle, where something was saved since it was last asked."""
        self.seen_ns = 0
        """Up to when (since the epoch) the whole scan of the latest cycle has seen all changes."""
        self.may_write: Callable[[], bool] = lambda: False
        """Asked, during a restore, whether the home is worked in and the mirror is ours to write.

        May raise StorageError.
        """
        self.wanted: Callable[[], bool] = lambda: False
        """Asked, during upkeep, whether there is something more urgent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.missing.close()
        self.journal.close()

    @property
    def journal(self) -> Journal:
        """The journal in use."""
        return self._books.journal

    @property
    def mirror(self) -> Mirror:
        """The mirror, with what is known of the store."""
        return self._mirror

    @property
    def board(self) -> StatusBoard:
        """Where the status is kept."""
        return self._board

    @property
    def identity(self) -> str | None:
        """Device and inode of the home that this session began with."""
        return self._books.identity

    @property
    def holds_lock(self) -> bool:
        """Whether this process still is the only writer, as far as the state folder tells."""
        return not self._state.is_lost

    @property
    def last(self) -> Report:
        """The report of the latest cycle, also of one that did not come to its end."""
        return self._cycle.last if self._cycle is not None else Report()

    def restore(self, cancel: Cancel) -> Report:
        """Bring what the mirror holds into the home, which is made if it is not there.

        Raises Interrupted and every kind of StorageError that ``Restore.run`` names.
        """
        self._state.check()
        home = Home.open(self._settings, state=self._state.path, create=True)
        self._books.take_home(home, self._mirror, restoring=True)
        self.check_mirror(home)
        log.info("restore of %s begins", home.path)
        worker = Restore(home, self._mirror, self.journal, on_progress=self._board.progress)
        early = EarlySaves(
            home,
            self.journal,
            cancel,
            ready=self._writable,
            take=self.hints,
            written=self._written(),
        )
        try:
            with self.missing.anew() as left:
                report = worker.run(cancel, early, left.add)
        finally:
            early.report.close()
        self._reconciler.done(self.journal)
        self.missing.forget_rows(home, self.journal)
        if not report.left_files:
            BrokenFiles(self.journal).restored(home)
        self.tell.restored(report)
        log.info(
            "restore ended: %d restored, %d to the trash, %d skipped, %d in conflict, %d failed",
            report.moved,
            report.deleted,
            report.skipped.total,
            report.conflicts.total,
            report.left_files,
        )
        return report

    def cycle(
        self, cancel: Cancel, consent: Consent | None = None, *, upkeep: bool = True
    ) -> Report:
        """Bring the home's changes to the mirror.

        ``consent`` is asked about deletions that a veto would hold back. ``upkeep``: also compare
        with the bucket, and read a few files again, when it is time. Raises HomeMissing,
        Interrupted, and the StorageError of an outage.
        """
        home = self.home()
        self.check_mirror(home)
        cancel.check()  # Each of them may meet a store that is away, and ask it patiently.
        self.probe()
        worker = self._worker(home)

        def reconcile(give_way: Callable[[], None]) -> int:
            return self._reconciler.run(home, self._mirror, self.journal, cancel, give_way)

        self.seen_ns = time.time_ns() - COARSE_NS
        try:
            if upkeep:
                report = worker.run(cancel, consent, hints=self.hints, first=reconcile, prompt=True)
            else:
                report = worker.run(cancel, consent)
            report = self._when_rules_hold(worker, cancel, consent, report)
        except (Interrupted, StorageError):
            self.seen_ns = 0
            self.tell.cycle(worker.last)
            worker.last.close()
            raise
        report.close()
        if report.held is None:
            self._held_list.drop()
        if report.is_settled:
            self.tell.synced()
            self.tell.dated()
        self.tell.cycle(report)
        if upkeep:
            self._rehash.run(home, self.journal, cancel, self.wanted)
        return report

    def _when_rules_hold(
        self, worker: Cycle, cancel: Cancel, consent: Consent | None, report: Report
    ) -> Report:
        """Once more for what an ignore file that lost lines left out, when that has held still."""
        until = time.monotonic() + RULES_SECONDS
        # All else is saved: without the time for it, the next cycle looks again.
        while (wait := report.rules_wait) is not None and wait < min(
            cancel.remaining(), until - time.monotonic()
        ):
            cancel.sleep(wait)
            report.close()
            done, self.seen_ns = report, time.time_ns() - COARSE_NS
            report = worker.run(cancel, consent)
            report.moved += done.moved
            report.deleted += done.deleted
        return report

    def hinted(self, cancel: Cancel, focus: Focus) -> Report:
        """Bring the changes of a few folders to the mirror; a whole cycle before the first one.

        The notices shown stay those of the last whole cycle, conflicts are added. Raises as
        ``cycle``.
        """
        home = self.home()
        if not self._probed:
            return self.cycle(cancel)
        before = self._board.status
        report = self._worker(home).run(cancel, focus=focus, hints=self.hints)
        report.close()
        self.tell.hinted(report)
        if report.is_settled and before.pending.files == 0 and before.veto is None:
            self._board.update(pending=Counts())
            self.tell.dated()
        return report

    def fetch_missing(self, cancel: Cancel, *, writable: bool = False) -> Report:
        """Bring what the latest restore could not, and nothing else; raises as ``restore``.

        ``writable``: what is written meanwhile may be saved, the mirror being ours to write.
        """
        home = self.home()

        def ready() -> Mirror | None:
            self.probe()
            return self._mirror

        early = EarlySaves(home, self.journal, cancel, take=self.hints)
        if writable:
            written = self._written()
            early = EarlySaves(
                home, self.journal, cancel, ready=ready, take=self.hints, written=written
            )
        try:
            with self.missing.anew() as left:
                report = self.missing.fetch(home, self._mirror, self.journal, cancel, left, early)
                self.tell.fetched(self.missing, report)
        finally:
            early.report.close()
        return report

    def plan(self, uploads: Uploads, cancel: Cancel) -> tuple[Report, int]:
        """What differs from the journal, to ``uploads``; how many deletions there are beside.

        Nothing is carried out. Raises HomeMissing, Interrupted.
        """
        return self._worker(self.home()).plan(uploads, cancel)

    def home(self) -> Home:
        """The home. Raises HomeMissing, also when another is there than at the start.

        Raises LocalIOError when the state folder is not ours any more: another may write then.
        """
        self._state.check()
        home = Home.open(self._settings, state=self._state.path)
        self._books.check_home(home, self._mirror)
        return home

    def check_mirror(self, home: Home) -> None:
        """Find out, once, whether the journal is of this mirror, as ``Books.check_mirror``."""
        self._books.check_mirror(home, self._mirror)

    def probe(self) -> None:
        """Find out, once, what the store is good for. Raises StorageError."""
        if self._probed:
            return
        abilities = probe(self._mirror.store, self._mirror.prefix)
        self._mirror = replace(
            self._mirror,
            conditions=abilities.conditions,
            unfaithful=abilities.unfaithful,
            hidden=abilities.hidden,
        )
        self._probed = True
        log.info("the store honours conditions: %s", abilities.conditions)

    def _writable(self) -> Mirror | None:
        """The mirror, with what is known of the store, once it may be written. As ``probe``."""
        if not self.may_write():
            return None
        self.probe()
        return self._mirror

    def retry(self) -> None:
        """Try stopped paths again in the next cycle, and the store's abilities too."""
        self._probed = False
        if self._cycle is not None:
            self._cycle.stops.clear()

    def _worker(self, home: Home) -> Cycle:
        # Made anew when the facts changed (an ignore file does not matter: it is read each time).
        if self._cycle is None or not self._cycle.fits(home, self._mirror, self.journal):
            self._cycle = Cycle(
                home,
                self._mirror,
                self.journal,
                on_progress=self._board.progress,
                on_pending=self._pending,
                on_held=self._held_list.keep,
                written=self._written(),
            )
        return self._cycle

    def _written(self) -> Written:
        return Written(self._mirror.prefix, self._settings.require_tenancy().customer)

    def _pending(self, counts: Counts) -> None:
        status = self._board.status
        if counts.files and status.state in {"idle", "vetoed", "offline", "paused"}:
            self._board.update(state="syncing", pending=counts)
        elif counts.files == 0 or status.pending.files == 0:
            self._board.update(pending=counts)
        else:
            self._board.pending(counts)
