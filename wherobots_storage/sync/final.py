"""The final sync: until a scan is quiet or the time is over, and what is noted of the rest.

With the lease it is a row of cycles. Without it nothing of the mirror is touched: what differs is
saved beside, see ``aside``.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import chain

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.aside import AsidePass
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.consent import Agree, Consent, nobody
from wherobots_storage.sync.cycle import Cycle
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, is_passing
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import error_body
from wherobots_storage.sync.telling import keep_leftovers
from wherobots_storage.sync.tenure import Tenure
from wherobots_storage.sync.unsettled import KEPT, Rescue
from wherobots_storage.sync.worklist import Uploads

log = logging.getLogger("wherobots_storage.agent")

RETRY_SECONDS = 0.5
"""How soon what was left is tried again."""

NOTE_SECONDS = 0.5
"""How long a look at the home may take that only notes what is left."""

SETTLED_ROUNDS = 8
"""After so many rounds in which everything found was saved, what still grows is left to itself: a
log that is written to all the time would else keep a final sync without a deadline for ever."""


STUCK_ROUNDS = 3
"""After so many rounds in which everything left was refused for good, it is left."""


class FinalSync:
    """Final syncs of one session. ``run`` never raises."""

    def __init__(self, session: Session, tenure: Tenure, *, agree: Agree = nobody) -> None:
        """``agree`` is asked about deletions that a veto would hold back."""
        self._session = session
        self._tenure = tenure
        self._consent = Consent(agree)
        self.error: StorageError | None = None
        """What ended it, where trying again would not have helped."""

    def run(self, cancel: Cancel) -> bool:
        """Save what there is to save; whether all of the home is in the mirror, in its place."""
        try:
            if self._session.board.status.last_error is not None:
                # The store may stay away past the end, and past what waits for it.
                self._note_plan()
            if self._tenure.claim_at_last(cancel):
                if self._until_quiet(cancel.unless(self._tenure.lost)):
                    return True
                if not self._tenure.lost.is_set():
                    self._keep_leftovers(self._session.last)
                    return False
            return self._aside(cancel)
        except Exception:
            log.exception("the final sync failed")
        finally:
            self._consent.forget()
        return False

    def _note_plan(self) -> None:
        """Note for the next start what would have to be saved, without asking the store."""
        with Uploads() as uploads:
            # The final sync meets the same error; of a large home what was found in time is noted.
            with suppress(Interrupted, StorageError):
                self._session.plan(uploads, Cancel(seconds=NOTE_SECONDS))
            _keep(self._session.journal, uploads)

    def _until_quiet(self, cancel: Cancel) -> bool:
        rescue = Rescue()
        settled = stuck = 0
        while True:
            try:
                report = self._session.cycle(cancel, self._consent, upkeep=False)
                self._rescue(rescue, report, cancel)
                settled = settled + 1 if report.is_settled and not rescue.hopes else 0
                if settled == SETTLED_ROUNDS or (settled and report.is_quiet):
                    return not rescue
                stuck = stuck + 1 if report.is_stuck else 0
                if (report.veto is not None and report.moved == 0) or stuck == STUCK_ROUNDS:
                    return False
                if report.left_files or rescue.hopes:
                    cancel.sleep(RETRY_SECONDS)
            except Interrupted:
                return False
            except StorageError as error:
                if not self._may_pass(error, cancel):
                    return False

    def _aside(self, cancel: Cancel) -> bool:
        """Save what differs from the mirror beside it, until nothing new is found."""
        with AsidePass(self._session) as work:
            return self._pass_by_pass(work, cancel)

    def _pass_by_pass(self, work: AsidePass, cancel: Cancel) -> bool:
        rescue = Rescue()
        report = Report()
        quiet, settled, stuck = False, 0, 0
        while not quiet and settled < SETTLED_ROUNDS and stuck < STUCK_ROUNDS:
            try:
                report = work.run(cancel)
                self._rescue(rescue, report, cancel)
                settled = settled + 1 if report.is_settled and not rescue.hopes else 0
                stuck = stuck + 1 if report.is_stuck else 0
                quiet = settled > 0 and report.is_quiet
                if report.left_files or rescue.hopes:
                    cancel.sleep(RETRY_SECONDS)
            except Interrupted:
                report, settled = work.last, 0
                break
            except StorageError as error:
                report, settled = work.last, 0
                if not self._may_pass(error, cancel):
                    break
        self._session.tell.cycle(report)
        if settled and not rescue:
            self._session.tell.synced()
        else:
            self._keep_leftovers(report)
        return settled > 0 and not rescue and not work.differs

    def _may_pass(self, error: StorageError, cancel: Cancel) -> bool:
        """Whether to go on after this error, when a pause is over."""
        self._session.board.update(last_error=error_body(error))
        log.warning("the final sync meets: %s", error.message)
        if not is_passing(error):
            self.error = error
            return False
        try:
            cancel.sleep(RETRY_SECONDS)
        except Interrupted:
            return False
        return True

    def _rescue(self, rescue: Rescue, report: Report, cancel: Cancel) -> None:
        session = self._session
        rescue.take(session.home(), session.mirror, session.journal, report, cancel)
        if rescue:
            self._session.tell.cycle(report)

    def _keep_leftovers(self, report: Report) -> None:
        kept = [notice.size or 0 for notice in report.skipped if notice.code == KEPT]
        files, size = report.left_files + len(kept), report.left_bytes + sum(kept)
        if not files:
            if report.veto is None:
                self._note_plan()  # It did not even come to a look at the home.
            return
        paths = [notice.path for notice in report.skipped]
        keep_leftovers(self._session.journal, files, size, paths)


def note_unsaved(
    settings: Settings, store: ObjectStore, transfers: BulkTransfers, state: StateFolder
) -> None:
    """Note for the next start what is not saved, while a final sync hangs in the store.

    With a journal of its own, so that it may run on another thread. Raises StorageError.
    """
    mirror = Mirror(store, transfers, settings.require_tenancy().mirror_prefix)
    home = Home.open(settings, state=state.path)
    with Journal(state.journal_path) as journal, Uploads() as uploads:
        cycle = Cycle(home, mirror, journal, on_progress=lambda _: None)
        with suppress(Interrupted):
            cycle.plan(uploads, Cancel(seconds=NOTE_SECONDS))
        _keep(journal, uploads)


def _keep(journal: Journal, uploads: Uploads) -> None:
    if uploads.files:
        paths = (entry.path for entry in chain(uploads.small(), uploads.large()))
        keep_leftovers(journal, uploads.files, uploads.bytes, paths)
