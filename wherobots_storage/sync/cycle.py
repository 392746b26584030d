"""One cycle: scan, plan, upload what is new, delete what is gone, upload what waited for that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain

from wherobots_storage.api.models import HeldDeletions, Progress
from wherobots_storage.errors import StorageError
from wherobots_storage.planning.backup import (
    Action,
    Delete,
    Forget,
    Leave,
    Skip,
    Upload,
    plan_pairs,
)
from wherobots_storage.planning.changes import Pair, changes
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.merge import pair
from wherobots_storage.planning.tree import Entry, File, Notice, Record, Symlink
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.consent import Consent
from wherobots_storage.sync.deletions import Deleter
from wherobots_storage.sync.focus import Focus, streams
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.intents import Intents
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.leftout import RulesReader, left_out, note_rules, notice_of
from wherobots_storage.sync.meanwhile import Meanwhile, scanner_of
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.pending import OnPending, OnProgress, Pending
from wherobots_storage.sync.prompt import Prompt, never
from wherobots_storage.sync.report import Report, Stops
from wherobots_storage.sync.standing import Standing
from wherobots_storage.sync.status import wire_held
from wherobots_storage.sync.toll import Toll
from wherobots_storage.sync.uploads import Uploader
from wherobots_storage.sync.worklist import Deletions, Paths, Uploads
from wherobots_storage.sync.written import Written

_MIRRORED = frozenset[type]((File, Symlink))

OnHeld = Callable[[HeldDeletions, Iterable[Record]], None]

LOOK = 500
"""After so many entries of a scan it is looked whether there is something more urgent."""

TELL = 2000
"""After so many more it is told how far the scan is."""


def _nothing(_: Callable[[], None]) -> int:
    return 0


class Cycle:
    """Runs cycles over one home and its mirror; between them it remembers what is stopped."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        *,
        on_progress: OnProgress,
        on_pending: OnPending = lambda _: None,
        on_held: OnHeld = lambda _held, _records: None,
        written: Written | None = None,
    ) -> None:
        """``on_held`` is told which deletions a whole cycle holds back, with all their rows."""
        self._written = written
        self._on_held = on_held
        self._home = home
        self._mirror = mirror
        self._journal = journal
        self._on_progress = on_progress
        self._on_pending = on_pending
        self._rules = RulesReader(home, journal)
        self._scanner = scanner_of(home, mirror)
        self._aside_scanner = scanner_of(home, mirror)
        """For looks that come in the middle of the other's scan."""
        self.stops = Stops()
        self.last = Report()
        """The report of the latest cycle, also of one that did not come to its end."""
        self._away = False
        """Whether the latest cycle ended in an outage."""
        self._toll = Toll(journal)
        self._standing = Standing(journal)

    def run(
        self,
        cancel: Cancel,
        consent: Consent | None = None,
        focus: Focus | None = None,
        *,
        hints: Callable[[], Focus] = Focus,
        first: Callable[[Callable[[], None]], int] = _nothing,
        prompt: bool = False,
    ) -> Report:
        """One cycle. ``consent`` is asked about deletions that a veto would hold back.

        With a ``focus`` only these folders are looked at, and nothing else is touched. ``hints``
        tells where something changed since it was last called: small files from there are brought
        between the others, and while the home is scanned. ``first`` is done before, calls what it
        is given now and then for the same reason, and tells how many of the journal's rows it took
        away. ``prompt``: a few small uploads may begin before it is known what is most recent.

        Raises HomeMissing, the StorageError of an outage, and Interrupted; each carries nothing:
        what was done is journaled, what was found out is in ``last``.
        """
        report = self.last = Report(written=self._written)
        self._toll.begin(narrow=focus is not None)
        self._whole = focus is None
        consent = consent or Consent()
        with Uploads() as uploads, Deletions() as deletions:
            pending = Pending(self._on_progress, self._on_pending)
            between = Meanwhile(
                self._home,
                self._aside_scanner,
                self._journal,
                self.stops,
                take=hints,
                rules=self._rules.read,
            )
            between.added = pending.added
            uploader = self._uploader(report, cancel, pending, between)
            try:
                self._toll.forgot(first(uploader.give_way))
                at_once = Prompt(uploader, pending).takes if prompt and not self._away else never
                give_way = uploader.give_way
                self._plan(
                    uploads, deletions, report, cancel, focus, consent, between, give_way, at_once
                )
                if focus is not None and deletions.files:
                    self._mirrored = self._journal.contents() - deletions.contents
                pending.added(uploads.files + deletions.files, uploads.bytes)
                pending.tell()
                self._look_whether_it_is_back()
                self._execute(uploads, deletions, consent, report, cancel, pending, uploader)
                self._home.check()  # What could not be read in its absence is not settled.
                self._ask_after_failures(report)
                self._tell_trouble(report)
            except (Interrupted, StorageError) as error:
                self._away = isinstance(error, StorageError)
                report.left_files, report.left_bytes = pending.files, pending.bytes
                raise
            finally:
                uploader.close()
        vetoed = report.veto is not None
        self._toll.end(report.deleted, narrow=focus is not None, vetoed=vetoed)
        return report

    def _look_whether_it_is_back(self) -> None:
        """After an outage: one request finds out, and not each of many files in its turn."""
        if self._away:
            self._mirror.ask()
            self._away = False

    def plan(self, uploads: Uploads, cancel: Cancel) -> tuple[Report, int]:
        """What a cycle would do, to ``uploads``, and how many deletions; carries nothing out.

        Raises HomeMissing, Interrupted.
        """
        report = self.last = Report(written=self._written)
        self._whole = True
        with Deletions() as deletions:
            self._plan(uploads, deletions, report, cancel, None, Consent())
        return report, deletions.files

    def _uploader(
        self, report: Report, cancel: Cancel, pending: Pending, between: Meanwhile
    ) -> Uploader:
        intents = Intents(self._mirror, self._journal)
        ledger = Ledger(self._mirror, self._journal, report, self.stops, pending.moved, intents)
        return Uploader(self._home, self._mirror, ledger, cancel, urgent=between.files)

    def fits(self, home: Home, mirror: Mirror, journal: Journal) -> bool:
        """Whether this still is about these."""
        return (self._home, self._mirror) == (home, mirror) and self._journal is journal

    def _plan(
        self,
        uploads: Uploads,
        deletions: Deletions,
        report: Report,
        cancel: Cancel,
        focus: Focus | None,
        consent: Consent,
        between: Meanwhile | None = None,
        give_way: Callable[[], None] = lambda: None,
        at_once: Callable[[Upload], bool] = never,
    ) -> None:
        self._mirrored = 0
        rules = self._rules.read()
        pairs: Iterable[Pair]
        if focus is None:
            runs = self._counted(self._scanner.runs(rules), cancel, give_way)
            pairs = changes(runs, self._journal.facts(), self._journal.get)
        else:
            found, rows = streams(self._scanner, self._journal, rules, focus)
            runs = self._counted(([entry] for entry in found), cancel, give_way)
            pairs = pair(chain.from_iterable(runs), rows)
        plan = plan_pairs(
            pairs, folder_mode=self._home.folder_mode, ignored=left_out(self._journal, rules)
        )
        saved = between.found if between is not None else frozenset[str]()
        with Paths() as forget:
            for action in (action for action in plan if not _is_void(action, saved)):
                if isinstance(action, Upload):
                    if not at_once(action):
                        uploads.add(action)
                elif isinstance(action, Delete):
                    deletions.add(action.record, agreed=consent.covers(action.record))
                elif isinstance(action, Forget):
                    forget.add(action.record.path)
                elif isinstance(action, Skip):
                    report.skipped.add(Notice(*action.entry))
                elif isinstance(action, Leave):
                    report.ignored.add(action.entry)
                    # A home is not emptied when what it has is left out for a moment only.
                    self._mirrored += action.entry.files if rules.held is not None else 0
            self._home.check()  # A home that went away during the scan has not lost its files.
            if forget:
                self._journal.forget_all(forget)
                self._journal.commit()
        self._note_rules(rules, report)

    def _note_rules(self, rules: IgnoreRules, report: Report) -> None:
        notice = notice_of(rules)
        if notice is not None:
            report.skipped.add(notice)
        if rules.held is not None:
            report.rules_wait = self._rules.wait()
        elif self._whole and not rules.trouble:
            note_rules(self._journal, rules)

    def _counted(
        self, runs: Iterable[list[Entry]], cancel: Cancel, give_way: Callable[[], None]
    ) -> Iterator[list[Entry]]:
        seen = looked = told = 0
        for run in runs:
            seen += len(run)
            self._mirrored += sum(map(_MIRRORED.__contains__, map(type, run)))
            if seen - looked >= LOOK:
                looked = seen
                cancel.check()
                give_way()
                if seen - told >= TELL:
                    told = seen
                    self._on_progress(Progress(phase="scanning", files=seen))
            yield run

    def _execute(
        self,
        uploads: Uploads,
        deletions: Deletions,
        consent: Consent,
        report: Report,
        cancel: Cancel,
        pending: Pending,
        uploader: Uploader,
    ) -> None:
        uploader.upload(uploads.small())
        uploader.upload(uploads.large())
        uploader.sweep()
        for level in uploads.folders():
            uploader.upload(level)
        if self._whole:
            self._standing.review(self._home, deletions)
        self._allow(deletions, consent, uploads, report)
        if deletions.files:
            Deleter(
                self._home,
                self._mirror,
                self._journal,
                report=report,
                stops=self.stops,
                cancel=cancel,
                moved=pending.moved,
            ).delete(deletions)
        uploader.upload_waiting(uploads.waiting())
        for level in uploads.folders(waiting=True):
            uploader.upload_waiting(level)

    def _tell_trouble(self, report: Report) -> None:
        """List that the journal is not on its disk, while all of the home can be in the bucket."""
        trouble = self._journal.trouble
        if trouble is not None:
            report.skipped.add(Notice(".", f"journal-{trouble.code}", trouble.message))

    def _ask_after_failures(self, report: Report) -> None:
        """Raises the store's error when it is away: two files that failed are no row of failures.

        An answer shows that it was the files' own fault, which is in the report.
        """
        if report.left_files and not report.moved and not report.deleted:
            self._mirror.ask()

    def _allow(
        self, deletions: Deletions, consent: Consent, uploads: Uploads, report: Report
    ) -> None:
        """Let those through that no veto holds back, or that somebody agrees to."""
        judged = self._toll.judge(deletions, uploads, mirrored=self._mirrored)
        veto = (self._standing.veto if deletions.asking else None) or judged
        if veto is not None:
            held = wire_held(deletions, veto.code)
            if not consent.agree(held):
                report.veto, report.held = veto, held
                self._standing.hold(veto, deletions)
                if self._whole:
                    self._on_held(held, deletions.held())
                return
            consent.remember(deletions.held())
            self._standing.accept(deletions)
        deletions.allow()


def _is_void(action: Action, saved: AbstractSet[str]) -> bool:
    """Whether a file was saved since it was found missing."""
    return isinstance(action, Delete | Forget) and action.record.path in saved
