"""A home, a mirror, the real engine between them, and the oracle that watches all three."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from unittest.mock import Mock, patch

from support.disk import Disk, Loss
from support.haste import Hasty, Seconds
from support.homes import PREFIX, everything, settings_for
from support.oracle import Oracle, Run, Tree, Value, names_of, require
from support.pictures import Facts, expected_home, facts_of, on_disk, read_home, within
from support.trouble import InlineTransfers, Killed, Points, Trouble, TroubledStore

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys
from wherobots_storage.planning import safety
from wherobots_storage.sync import (
    aside,
    beside,
    conflicts,
    deletions,
    downloads,
    large,
    powercut,
    reading,
    uploads,
    worklist,
)
from wherobots_storage.sync import final as finals
from wherobots_storage.sync import unsettled as rescues
from wherobots_storage.sync.consent import Consent
from wherobots_storage.sync.final import FinalSync
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.lease import LeaseObject
from wherobots_storage.sync.mirror import OutageDetector
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.rehash import Rehash
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.tenure import Tenure

LARGE = 32
"""Bytes from which a file is "large" here, so that parts and ranges are gone through too."""

MOMENT = 1_600_000_000_123_456_789
"""A modification time long ago, with nanoseconds."""

TICK_SECONDS = 0.012
"""Longer than the slowest kernel's clock for files takes for a step."""

PAUSES = 30
"""So many pauses a final sync has to try again what fails: more than a failure lasts."""

ROW = 2
"""So many failures in a row raise the question whether the store is away: homes are small here."""

ROUNDS = 6
"""Within so many cycles without trouble everything has to be quiet."""

_WITH_LIMIT = (aside, downloads, large, reading, uploads, worklist, rescues)


class World:
    """Its folder is its own; ``conditions`` False: the store ignores conditions.

    ``hasty``: everything happens within a tick of the kernel's clock for files, so that no ctime
    proves anything; otherwise each change comes a tick after the one before. Whatever else hangs
    on the time is counted instead, so that the same acts come to the same end. Of a journal of more
    than ``small_journal`` rows not half may go at once without a question.
    """

    def __init__(
        self,
        folder: Path,
        *,
        conditions: bool = True,
        hasty: bool = True,
        small_journal: int = safety.SMALL_JOURNAL,
    ) -> None:
        self.folder = folder
        self.hasty = hasty
        self.small_journal = small_journal
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.settings = settings_for(self.home, folder / "state")
        self.state = StateFolder.for_settings(self.settings)
        self._disk = Disk(folder, self.home, self.state.path)
        self.store = MemoryStore()
        self.layer = TroubledStore(self.store, conditions=conditions)
        self.conditions = conditions
        self.oracle = Oracle()
        self.ahead = 0.0
        """How far the engine's slow clocks are ahead, in seconds."""
        self.names: tuple[str, ...] = ()
        """The paths that acts choose from, beside those that are there; none: all they know."""
        self.meet: Callable[[object], None] = lambda _: None
        self._numbers = itertools.count(1)
        self._session: Session | None = None
        self._failure: AssertionError | None = None
        self._kind: Run = "sync"
        self._tenure: Tenure | None = None
        """Of a final sync that is under way."""
        self._said = Mock()
        """What it says when all is saved: of one that lost the lease, what it said since."""
        self._theirs = LeaseObject(self.store, PREFIX, instance="theirs", host="there")
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        for module in _WITH_LIMIT:
            self._patches.enter_context(patch.object(module, "SMALL_BYTES", LARGE))
        self._patches.enter_context(patch.object(safety, "SMALL_JOURNAL", self.small_journal))
        # One after the other, so that a run passes its points in the same order each time.
        for module in (deletions, aside):
            self._patches.enter_context(patch.object(module, "WORKERS", 1))
        self._patches.enter_context(patch.object(OutageDetector, "ROW", ROW))
        self._patches.enter_context(patch.object(finals, "RETRY_SECONDS", 0.0))
        self._patches.enter_context(patch.object(reading, "RACY_NS", 10**18 if self.hasty else 0))
        self._patches.enter_context(patch.object(powercut, "BOOT_ID", self._disk.boot))
        self._patches.enter_context(patch.object(Journal, "secure", self._secure(Journal.secure)))
        seconds = Seconds()  # One for all: no name comes twice, as long as clocks go on.
        for module in (aside, beside, conflicts, rescues):
            self._patches.enter_context(patch.object(module, "time", seconds))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._patches.close()

    def _secure(self, real: Callable[[Journal], None]) -> Callable[[Journal], None]:
        def secure(journal: Journal) -> None:
            real(journal)
            self._disk.flush()

        return secure

    def tick(self) -> int:
        """Let the kernel's clock for files go on, and return a fresh modification time."""
        if not self.hasty:
            time.sleep(TICK_SECONDS)
        return MOMENT + next(self._numbers) * 10**9

    def fresh(self, who: str, *, large: bool = False) -> bytes:
        """Bytes that nobody had before, as long as any others of their kind."""
        body = f"{who}{next(self._numbers):05}".encode()
        return body.ljust(LARGE + 8, b".") if large else body

    # What there is.

    def home_facts(self) -> dict[str, Facts]:
        """All that is in the home, less the engine's own folder."""
        return read_home(self.home)

    def home_tree(self) -> Tree:
        """The home's values."""
        return {path: facts.value for path, facts in self.home_facts().items()}

    def mirror_facts(self) -> dict[str, Facts]:
        """All that is in the mirror, less the reserved names."""
        found = {}
        for entry in iterate_keys(self.store, PREFIX):
            path = entry.key.removeprefix(PREFIX) if isinstance(entry, ObjectInfo) else ""
            if not path or path.startswith(".wherobots/"):
                continue
            info = self.store.head(PREFIX + path)
            with self.store.get(info.key) as body:
                found[path] = facts_of(path, info, b"".join(body.chunks()))
        return found

    def mirror_tree(self) -> Tree:
        """The mirror's values."""
        return {path: facts.value for path, facts in self.mirror_facts().items()}

    def _written(self) -> dict[str, int]:
        """When each object was written, in nanoseconds since the epoch."""
        entries = iterate_keys(self.store, PREFIX)
        infos = [entry for entry in entries if isinstance(entry, ObjectInfo)]
        return {info.key.removeprefix(PREFIX): int(info.last_modified) * 10**9 for info in infos}

    def trash(self) -> set[tuple[str, Value]]:
        """What lies in the home's trash, under its former names."""
        top = self.home / ".wherobots" / "trash"
        folders = list(top.iterdir()) if top.is_dir() else []
        trees = (read_home(folder) for folder in folders)
        return {(path, facts.value) for tree in trees for path, facts in tree.items()}

    # Who acts.

    def by_user(self, act: Callable[[], None]) -> None:
        """The user does something in the home."""
        act()
        self.oracle.by_user(self.home_tree())

    def by_other(self, act: Callable[[], None]) -> None:
        """Another writer does something in the mirror."""
        act()
        self.oracle.by_other(self.mirror_tree())

    def restore(self, trouble: Trouble | None = None) -> Report | None:
        """A restore; None when it did not come to its end."""
        if not any(value[0] != "folder" for value in self.oracle.home.values()):
            self.oracle.lose_journal()  # An empty home is a new instance.
        return self._run(lambda session: session.restore(Hasty()), trouble, "restore")

    def cycle(
        self, trouble: Trouble | None = None, *, reconcile: bool = False, accept: bool = False
    ) -> Report | None:
        """A whole cycle; with ``accept`` another when there was a veto, agreed to."""
        if reconcile:
            self.ahead += 4000.0
        report = self._run(lambda session: session.cycle(Hasty()), trouble)
        if accept and report is not None and report.veto is not None:
            self.oracle.held.clear()
            consent = Consent(everything)
            report = self._run(lambda session: session.cycle(Hasty(), consent), None, asked=True)
            consent.forget()
        if report is not None:
            self._check_clean(report, trouble, reconciled=reconcile and trouble is None)
        return report

    def hinted(self, focus: Focus, trouble: Trouble | None = None) -> Report | None:
        """A look at a few folders."""
        return self._run(lambda session: session.hinted(Hasty(), focus), trouble, "hinted")

    def fetch_missing(self, trouble: Trouble | None = None) -> None:
        """Another try at what the latest restore could not bring."""
        self._run(lambda session: session.fetch_missing(Hasty()), trouble, "restore")

    def final(self, trouble: Trouble | None = None, *, guest: bool = False) -> None:
        """A final sync and the end of the process; a ``guest``'s while another has the lease."""
        if guest:
            self._theirs.take(force=True)
        apart = False
        self._said.reset_mock()

        def work(session: Session) -> Report | None:
            nonlocal apart
            ours = LeaseObject(self.store, PREFIX, instance="ours", host="here")
            self._tenure = tenure = Tenure(ours, session.board)
            self._said.side_effect = session.tell.synced
            with patch.object(session.tell, "synced", self._said):
                complete = FinalSync(session, tenure).run(Hasty(PAUSES))
            ours.release()
            apart = guest or tenure.lost.is_set()
            done = self._said.called if apart else complete
            return session.last if done else None

        report = self._run(work, trouble, "beside" if guest else "sync")
        self._tenure = None
        self._theirs.release()
        if report is not None and apart:
            told = {notice.path: notice.code for notice in report.skipped}
            if trouble is None:
                self._check_notices(told, frozenset())
            if trouble is None or trouble.kind != "meet":
                self.oracle.beside(told)
        elif report is not None:
            self._check_clean(report, trouble, reconciled=False)
        if trouble is None and not self.layer.refused and apart:
            require(report is not None, "without any trouble it saved nothing beside")
        self.close()

    def settle(self) -> None:
        """Cycles until nothing is to be done any more, which has to be soon."""
        self.cycle(reconcile=True)
        for _ in range(ROUNDS):
            report = self.cycle()
            if report is None or report.veto is not None or not (report.moved or report.deleted):
                return
        raise AssertionError("the cycles do not come to rest")

    # What happens to the process and its disk.

    def close(self) -> None:
        """The process ends in good order."""
        if self._session is not None:
            self._session.__exit__(None, None, None)
            self._session = None

    def lose_home(self) -> None:
        """The process ends, and the home is another directory from now on, an empty one."""
        self.close()
        former = self.home.rename(self.folder / "former")
        self.home.mkdir()  # before the other is gone, so that its inode is not used again
        shutil.rmtree(former)
        self.oracle.lose_home()

    def lose_journal(self, *, damaged: bool = False) -> None:
        """The process ends, and the journal is gone, or is no database any more."""
        self.close()
        for file in self.state.path.glob("journal.sqlite*"):
            if damaged and file == self.state.journal_path:
                file.write_bytes(b"no database at all" * 400)
            else:
                file.unlink()
        self._disk.flush()
        self.oracle.lose_journal()

    def power_cut(self, losses: Iterable[Loss], *, roll_back: bool = False) -> None:
        """The machine stops at once; of each file one of these ``losses`` is left, in turn.

        ``roll_back``: the journal's last transactions did not reach the disk either.
        """
        self._drop_session()
        if roll_back:
            self._disk.roll_back()
        turns = itertools.cycle(losses)
        for path, (kind, _) in sorted(self.oracle.home.items()):
            if kind != "folder":
                self._disk.lose(path, next(turns))
        self._disk.reboot()
        self.oracle.power_cut(self.home_tree(), everything=roll_back)

    def check_fresh_restore(self) -> None:
        """A restore into an empty folder is the mirror, less reserved and refused names."""
        with World(self.folder / f"fresh-{next(self._numbers)}") as other:
            other.store = other.layer.inner = self.store
            report = other._engine().restore(Hasty())
            found = other.home_facts()
            assert isinstance(report, Report)
        expected, refused = expected_home(self.mirror_facts(), self._written(), other.home)
        require(found == expected, f"restored {found}\nexpected {expected}")
        told = {notice.path for notice in report.skipped}
        require(told == refused, f"refused {told}, expected {refused}")
        shutil.rmtree(other.folder)

    # How the engine runs.

    def _engine(self) -> Session:
        if self._session is None:
            self.state.make()
            self._disk.flush()

            def clock() -> float:
                return time.time() + self.ahead

            transfers = InlineTransfers(self.layer)
            self._session = Session(
                self.settings,
                self.layer,
                transfers,
                self.state,
                StatusBoard(),
                reconciler=Reconciler(clock=clock),
                rehash=Rehash(clock=clock),
            )
        return self._session

    def _drop_session(self) -> None:
        """The process is gone, and nothing is said or committed any more."""
        if self._session is not None:
            self._session.journal._db.close()
            self._session = None

    def _run(
        self,
        work: Callable[[Session], Report | None],
        trouble: Trouble | None,
        kind: Run = "sync",
        *,
        asked: bool = False,
    ) -> Report | None:
        self._kind = kind
        self.oracle.begin()
        points = self.layer.points = Points(trouble, self._disk.freeze, self._meet)
        report: Report | None = None
        ended = False
        try:
            with points.around_steps():
                report = work(self._engine())
            ended = True
        except Killed:
            self._drop_session()
            self._disk.thaw()
        except StorageError as error:
            require(points.struck, f"without any trouble it failed: {error!r}")
        finally:
            self._disk.mount()
        if self._failure is not None:
            raise self._failure
        if self._began_elsewhere():
            self._leave_elsewhere()
            return None
        self._observe()
        if ended:
            self.oracle.arrived(kind)
        if report is not None and kind != "restore":
            self.oracle.held |= held_paths(report)
        if not asked and (trouble is None or trouble.kind != "meet"):
            self.oracle.end(kind, self.small_journal)
        return report

    def _began_elsewhere(self) -> bool:
        """Whether the session found the bare mount point at its start, and took it for the home."""
        session, home = self._session, self.home.stat()
        known = session.identity if session is not None else None
        return known not in {None, f"{home.st_dev}:{home.st_ino}"}

    def _leave_elsewhere(self) -> None:
        """What was said of the mount point says nothing of the home: a restart finds that again."""
        self.close()
        found = read_home(self._disk.bare)
        self.oracle.elsewhere({path: facts.value for path, facts in found.items()})
        self._observe()

    def _observe(self) -> None:
        home, mirror = self.home_tree(), self.mirror_tree()
        self.oracle.by_engine(home, mirror, self.trash(), self._kind)

    def _meet(self, trouble: Trouble) -> None:
        """Somebody acts in the middle of a run."""
        try:
            self._observe()
            if trouble.kind == "unmount":
                self._disk.unmount()
            elif trouble.kind == "meet":
                self.meet(trouble.act)
            elif self._tenure is not None:
                self._theirs.take(force=True)
                self._tenure.lost.set()
                self._said.reset_mock()
        except AssertionError as error:
            # The engine may be catching exceptions here: told when the run is over.
            self._failure = error

    def _check_clean(self, report: Report, trouble: Trouble | None, *, reconciled: bool) -> None:
        told = {notice.path: notice.code for notices in (report.skipped, report.conflicts)
                for notice in notices}  # fmt: skip
        if trouble is None:
            self._check_notices(told, held_paths(report))
        if report.veto is None and (trouble is None or trouble.kind != "meet"):
            self.oracle.clean(set(told), reconciled=reconciled)
            self._check_facts(set(told))

    def _check_notices(self, told: dict[str, str], held: frozenset[str]) -> None:
        # What a veto holds back keeps the names above and below it waiting, too.
        # A policy may hide the copy of another's version that its name is to be taken from.
        refused = {
            name for key in self.layer.refused for name in names_of(key.removeprefix(PREFIX))
        }
        for path, code in told.items():
            expected = {"waiting", "conflict", *(["access-denied"] if path in refused else [])}
            require(code in expected, f"{path!r} was left: {code}")
            name = path.rstrip("/")
            related = any(
                name == other.rstrip("/")
                or other.startswith(f"{name}/")
                or name.startswith(other.rstrip("/") + "/")
                for other in self.oracle.doubtful | self.oracle.again | held | refused
            )
            require(related, f"{path!r} was left though nobody else changed it: {code}")

    def _check_facts(self, excused: set[str]) -> None:
        home, mirror = self.home_facts(), self.mirror_facts()
        for path, facts in home.items():
            there = mirror.get(path)
            if path in excused or there is None or there.value != facts.value:
                continue
            if facts.value[0] == "folder" or there.mtime_ns is None:
                continue  # A foreign object has no facts of ours, nor need it get any.
            times = {there.mtime_ns, on_disk(self.folder, there.mtime_ns)}
            known = there.mode in {None, facts.mode} and within(facts.mtime_ns or 0) in times
            require(known, f"{path!r} is {facts}, and saved as {there}")


def held_paths(report: Report) -> frozenset[str]:
    """The paths whose deletion is held back: fewer than are cut off a list."""
    return frozenset(entry.path for entry in report.held.paths) if report.held else frozenset()
