"""A home, its journal and its mirror, held by one writer: restore, cycle, final sync.

Used by the agent's controller and by ``sync --once`` alike, under the state folder's lock.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from types import TracebackType
from typing import Self

import msgspec

from wherobots_storage.api.models import Counts
from wherobots_storage.errors import HomeMissing, StorageError
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.planning.tree import File, Notice, Symlink
from wherobots_storage.settings import Settings
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.cycle import Cycle
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal, open_journal, set_aside
from wherobots_storage.sync.kept import KeptVersions
from wherobots_storage.sync.mirror import Mirror, is_passing
from wherobots_storage.sync.openuploads import OpenUploads
from wherobots_storage.sync.probe import probe
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.rehash import Rehash
from wherobots_storage.sync.report import Notices, Report
from wherobots_storage.sync.restore import Restore
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard, error_body, iso, outcome, wire_notices
from wherobots_storage.sync.unsettled import KEPT, Rescue

log = logging.getLogger("wherobots_storage.agent")

RETRY_SECONDS = 0.5


class Leftovers(msgspec.Struct, frozen=True):
    """What a final sync did not get into the bucket, told at the next start."""

    time: str
    files: int
    bytes: int
    paths: list[str]


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
        self._identity: str | None = None
        self._journal = open_journal(state.journal_path)
        self._cycle: Cycle | None = None
        self._met = Notices()
        """Conflicts of the last whole cycle that stay as they are."""
        self._standing = Notices()
        """What a restore found out, and a sync cannot see: shown until the next restore."""
        self._tell_history()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.close()

    @property
    def journal(self) -> Journal:
        """The journal in use."""
        return self._journal

    def restore(self, cancel: Cancel) -> Report:
        """Bring what the mirror holds into the home, which is made if it is not there.

        Raises Interrupted and every kind of StorageError that ``Restore.run`` names.
        """
        home = Home.open(self._settings, state=self._state.path, create=True)
        self._take_home(home, restoring=True)
        log.info("restore of %s begins", home.path)
        worker = Restore(home, self._mirror, self._journal, on_progress=self._board.progress)
        report = worker.run(cancel)
        self._reconciler.done(self._journal)
        self._stand(report)
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
        self, cancel: Cancel, accepted: frozenset[str] = frozenset(), *, upkeep: bool = True
    ) -> Report:
        """Bring the home's changes to the mirror.

        ``upkeep``: also compare with the bucket, and read a few files again, when it is time.
        Raises HomeMissing, Interrupted, and the StorageError of an outage.
        """
        home = Home.open(self._settings, state=self._state.path)
        self._check_same_home(home)
        if not self._probed:
            abilities = probe(self._mirror.store, self._mirror.prefix)
            self._mirror = replace(
                self._mirror, conditions=abilities.conditions, unfaithful=abilities.unfaithful
            )
            self._probed = True
            log.info("the store honours conditions: %s", abilities.conditions)
        worker = self._worker(home)
        try:
            if upkeep:
                self._reconciler.run(home, self._mirror, self._journal, cancel)
            report = worker.run(cancel, accepted)
        except (Interrupted, StorageError):
            self._tell(worker.last)
            raise
        self._tell(report)
        if report.is_settled:
            self._journal.set_meta("last-synced", iso())
            self._journal.set_meta("leftovers", None)
            self._board.update(last_synced=self._journal.meta("last-synced"))
        if upkeep:
            self._rehash.run(home, self._journal, cancel)
        return report

    def hinted(self, cancel: Cancel, focus: Focus) -> Report:
        """Bring the changes of a few folders to the mirror; a whole cycle before the first one.

        The notices shown stay those of the last whole cycle, conflicts are added. Raises as
        ``cycle``.
        """
        home = Home.open(self._settings, state=self._state.path)
        self._check_same_home(home)
        if not self._probed:
            return self.cycle(cancel)
        before = self._board.status
        report = self._worker(home).run(cancel, focus=focus)
        conflicts = KeptVersions(self._journal).listed(self._met, report.conflicts)
        self._board.update(conflicts=wire_notices(conflicts), conflicts_total=conflicts.total)
        if report.is_settled and before.pending.files == 0 and before.veto is None:
            self._board.update(pending=Counts(), last_synced=iso())
            self._journal.set_meta("last-synced", self._board.status.last_synced)
        return report

    def stand(self, notice: Notice) -> None:
        """Show a notice until the next restore."""
        self._standing.add(notice)
        shown = self._board.status
        self._board.update(
            skipped=[*shown.skipped, *wire_notices([notice])], skipped_total=shown.skipped_total + 1
        )

    def final(self, cancel: Cancel) -> bool:
        """Cycle until a scan is quiet or the time is over; whether all got there. Never raises."""
        complete = False
        try:
            complete = self._until_quiet(cancel)
            if not complete:
                self._keep_leftovers()
        except Exception:
            log.exception("the final sync failed")
        return complete

    def survey(self, cancel: Cancel) -> bool:
        """List what a final sync would save, without writing; whether that is nothing.

        Never raises.
        """
        try:
            home = Home.open(self._settings, state=self._state.path)
            self._check_same_home(home)
            report = self._worker(home).survey(cancel)
            self._tell(report)
            if report.left_files:
                self._keep_leftovers()
        except Interrupted:
            return False
        except Exception:
            log.exception("the home could not be looked through")
            return False
        return report.left_files == 0

    def retry(self) -> None:
        """Try stopped paths again in the next cycle, and the store's abilities too."""
        self._probed = False
        if self._cycle is not None:
            self._cycle.stops.clear()

    def _until_quiet(self, cancel: Cancel) -> bool:
        rescue = Rescue(self._journal)
        while True:
            try:
                report = self.cycle(cancel, upkeep=False)
                self._rescue(rescue, report, cancel)
                if report.is_quiet and not rescue.hopes:
                    return not rescue
                if report.veto is not None and report.moved == 0:
                    return False
                if report.left_files or rescue.hopes:
                    cancel.sleep(RETRY_SECONDS)
            except Interrupted:
                return False
            except StorageError as error:
                self._board.update(last_error=error_body(error))
                log.warning("the final sync meets: %s", error.message)
                if not is_passing(error):
                    return False
                try:
                    cancel.sleep(RETRY_SECONDS)
                except Interrupted:
                    return False

    def _rescue(self, rescue: Rescue, report: Report, cancel: Cancel) -> None:
        home = Home.open(self._settings, state=self._state.path)
        rescue.take(home, self._mirror, report, cancel)
        if rescue:
            self._tell(report)

    def _keep_leftovers(self) -> None:
        report = self._cycle.last if self._cycle is not None else Report()
        paths = [notice.path for notice in report.skipped][:20]
        kept = [notice.size or 0 for notice in report.skipped if notice.code == KEPT]
        files, size = report.left_files + len(kept), report.left_bytes + sum(kept)
        left = Leftovers(iso(), files, size, paths)
        self._journal.set_meta("leftovers", msgspec.json.encode(left).decode())
        log.warning("not saved before the stop: %d files, %d bytes", left.files, left.bytes)

    def _worker(self, home: Home) -> Cycle:
        # Made anew when the facts changed (an ignore file does not matter: it is read each time).
        if self._cycle is None or not self._cycle.fits(home, self._mirror, self._journal):
            self._cycle = Cycle(
                home,
                self._mirror,
                self._journal,
                on_progress=self._board.progress,
                on_pending=self._pending,
            )
        return self._cycle

    def _pending(self, counts: Counts) -> None:
        status = self._board.status
        if counts.files and status.state in {"idle", "vetoed", "offline", "paused"}:
            self._board.update(state="syncing", pending=counts)
        elif counts.files == 0 or status.pending.files == 0:
            self._board.update(pending=counts)
        else:
            self._board.pending(counts)

    def _check_same_home(self, home: Home) -> None:
        """Raises HomeMissing when the directory is not the one that this session began with."""
        if self._identity is None:
            self._take_home(home, restoring=False)
        elif home.identity() != self._identity:
            message = (
                f"The home {home.path} is another directory than at the start: it may be "
                "unmounted. Nothing is saved or deleted until it is back."
            )
            raise HomeMissing(message, path=str(home.path))

    def _take_home(self, home: Home, *, restoring: bool) -> None:
        """Set the journal aside when it is of another home, or of one that a restore finds empty.

        Without it nothing of the bucket counts as deleted here.
        """
        known = self._journal.meta("home")
        self._identity = home.identity()
        anew = known != self._identity or (restoring and self._is_empty(home))
        if anew and len(self._journal):
            log.info("the home is another one, or empty: its journal is set aside")
            OpenUploads(self._mirror, self._journal).abandon()
            self._journal.close()
            set_aside(self._state.journal_path, "former")
            self._journal = open_journal(self._state.journal_path)
        self._journal.set_meta("home", self._identity)

    @staticmethod
    def _is_empty(home: Home) -> bool:
        scanner = Scanner(home.path, reserved=home.reserved, rules=home.rules())
        return not any(isinstance(entry, File | Symlink) for entry in scanner.scan())

    def _stand(self, report: Report) -> None:
        self._standing = report.skipped
        if report.veto is not None:
            self._standing.add(Notice("", report.veto.code, report.veto.reason))
        self._tell(report)

    def _tell(self, report: Report) -> None:
        self._met = report.conflicts
        conflicts = KeptVersions(self._journal).listed(self._met)
        self._board.update(**outcome(report, conflicts, self._standing))

    def _tell_history(self) -> None:
        self._board.update(last_synced=self._journal.meta("last-synced"))
        text = self._journal.meta("leftovers")
        if text is None:
            return
        left = msgspec.json.decode(text, type=Leftovers)
        reason = (
            f"The last stop, at {left.time}, came before everything was saved "
            f"({left.files:,} files, {left.bytes:,} bytes). It is saved now, if it is still here."
        )
        self._standing.add(Notice("", "not-saved-at-stop", reason, left.bytes))
        self._board.update(skipped=wire_notices(self._standing, during="restore"), skipped_total=1)
