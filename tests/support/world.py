"""A home, a mirror, the real engine between them, and the oracle that watches all three."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import stat
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from unittest.mock import patch

from support.homes import PREFIX, everything, final, settings_for
from support.oracle import Oracle, Tree, Value, require
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
    reading,
    uploads,
    worklist,
)
from wherobots_storage.sync import final as finals
from wherobots_storage.sync import unsettled as rescues
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.consent import Consent
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.rehash import Rehash
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard

LARGE = 32
"""Bytes from which a file is "large" here, so that parts and ranges are gone through too."""

MOMENT = 1_600_000_000_123_456_789
"""A modification time long ago, with nanoseconds."""

TICK_SECONDS = 0.012
"""Longer than the slowest kernel's clock for files takes for a step."""

ROUNDS = 6
"""Within so many cycles without trouble everything has to be quiet."""

_WITH_LIMIT = (aside, downloads, large, reading, uploads, worklist, rescues)


class Hasty(Cancel):
    """A wish to give up that never comes, of somebody who does not sleep either."""

    def sleep(self, seconds: float) -> None:
        """No pause."""


class _Seconds:
    """Stands in for the module ``time`` where conflicts get their names."""

    def __init__(self) -> None:
        self._passed = itertools.count(1_700_000_000)

    def time(self) -> float:
        """A second after the last time."""
        return float(next(self._passed))


class Facts(NamedTuple):
    """A value with what else is told about it."""

    value: Value
    mode: int | None
    mtime_ns: int | None


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
        self._restoring = False
        self._patches = ExitStack()

    def __enter__(self) -> Self:
        for module in _WITH_LIMIT:
            self._patches.enter_context(patch.object(module, "SMALL_BYTES", LARGE))
        self._patches.enter_context(patch.object(safety, "SMALL_JOURNAL", self.small_journal))
        # One after the other, so that a run passes its points in the same order each time.
        self._patches.enter_context(patch.object(deletions, "WORKERS", 1))
        self._patches.enter_context(patch.object(finals, "RETRY_SECONDS", 0.0))
        self._patches.enter_context(patch.object(reading, "RACY_NS", 10**18 if self.hasty else 0))
        for module in (conflicts, beside):
            self._patches.enter_context(patch.object(module, "time", _Seconds()))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._patches.close()

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
                found[path] = _facts(path, info, b"".join(body.chunks()))
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
        return self._run(lambda session: session.restore(Hasty()), trouble, restoring=True)

    def cycle(
        self, trouble: Trouble | None = None, *, reconcile: bool = False, accept: bool = False
    ) -> Report | None:
        """A whole cycle; with ``accept`` another when there was a veto, agreed to."""
        if reconcile:
            self.ahead += 4000.0
        report = self._run(lambda session: session.cycle(Hasty()), trouble)
        if accept and report is not None and report.veto is not None:
            consent = Consent(everything)
            report = self._run(lambda session: session.cycle(Hasty(), consent), None)
            consent.forget()
        if report is not None:
            self._check_clean(report, trouble, reconciled=reconcile and trouble is None)
        return report

    def hinted(self, focus: Focus, trouble: Trouble | None = None) -> Report | None:
        """A look at a few folders."""
        return self._run(lambda session: session.hinted(Hasty(), focus), trouble)

    def fetch_missing(self, trouble: Trouble | None = None) -> None:
        """Another try at what the latest restore could not bring."""
        self._run(lambda session: session.fetch_missing(Hasty()), trouble, restoring=True)

    def final(self, trouble: Trouble | None = None) -> None:
        """A final sync and the end of the process."""
        cancel = Hasty(seconds=5.0)

        def work(session: Session) -> Report | None:
            return session.last if final(session, cancel) else None

        report = self._run(work, trouble)
        if report is not None:
            self._check_clean(report, trouble, reconciled=False)
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
        self.oracle.lose_journal()

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

    def _run(
        self,
        work: Callable[[Session], Report | None],
        trouble: Trouble | None,
        *,
        restoring: bool = False,
    ) -> Report | None:
        self._restoring = restoring
        self.oracle.begin()
        points = self.layer.points = Points(trouble, self._freeze, self._meet)
        report: Report | None = None
        try:
            with points.around_steps():
                report = work(self._engine())
        except Killed:
            self._thaw()
        except StorageError as error:
            require(points.struck, f"without any trouble it failed: {error!r}")
        finally:
            self._mount()
        if self._failure is not None:
            raise self._failure
        self._observe()
        return report

    def _observe(self) -> None:
        home, mirror = self.home_tree(), self.mirror_tree()
        self.oracle.by_engine(home, mirror, self.trash(), restoring=self._restoring)

    def _meet(self, act: object) -> None:
        """Somebody acts in the middle of a run."""
        try:
            self._observe()
            if act is None:
                self._unmount()
            else:
                self.meet(act)
        except AssertionError as error:
            # The engine may be catching exceptions here: told when the run is over.
            self._failure = error

    def _unmount(self) -> None:
        """The home goes away in the middle of a run, until that ends."""
        self.home.rename(self.folder / "unmounted")
        self.home.mkdir()

    def _mount(self) -> None:
        if (self.folder / "unmounted").exists():
            shutil.rmtree(self.home)
            (self.folder / "unmounted").rename(self.home)

    def _freeze(self) -> None:
        """Keep the disk as it is at the kill, whatever handlers do while they unwind."""
        frozen = self.folder / "frozen"
        frozen.mkdir()
        for file in self.state.path.glob("journal.sqlite*"):
            if not file.name.endswith("-shm"):
                shutil.copy2(file, frozen / file.name)
        tmp = self.home / ".wherobots" / "tmp"
        if tmp.is_dir():
            shutil.copytree(tmp, frozen / "tmp", symlinks=True)

    def _thaw(self) -> None:
        if self._session is not None:
            self._session.journal._db.close()
            self._session = None
        frozen = self.folder / "frozen"
        for file in self.state.path.glob("journal.sqlite*"):
            file.unlink()
        for file in frozen.glob("journal.sqlite*"):
            file.rename(self.state.path / file.name)
        tmp = self.home / ".wherobots" / "tmp"
        if (frozen / "tmp").is_dir():
            shutil.rmtree(tmp, ignore_errors=True)
            tmp.parent.mkdir(exist_ok=True)
            (frozen / "tmp").rename(tmp)
        shutil.rmtree(frozen)

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
        for path, code in told.items():
            require(code in {"waiting", "conflict"}, f"{path!r} was left: {code}")
            name = path.rstrip("/")
            related = any(
                name == other.rstrip("/")
                or other.startswith(f"{name}/")
                or name.startswith(other.rstrip("/") + "/")
                for other in self.oracle.doubtful | held
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
            known = there.mode in {None, facts.mode} and there.mtime_ns == facts.mtime_ns
            require(known, f"{path!r} is {facts}, and saved as {there}")


def held_paths(report: Report) -> frozenset[str]:
    """The paths whose deletion is held back: fewer than are cut off a list."""
    return frozenset(entry.path for entry in report.held.paths) if report.held else frozenset()


def read_home(home: Path) -> dict[str, Facts]:
    """All that is in a folder, less ``.wherobots``: folders with a slash at the end."""
    found: dict[str, Facts] = {}
    for top, folders, files in os.walk(home):
        where = Path(top)
        if where == home:
            folders[:] = [name for name in folders if name != ".wherobots"]
        for name in [*folders, *files]:
            path = where / name
            relative = str(path.relative_to(home))
            facts = path.lstat()
            mode = stat.S_IMODE(facts.st_mode)
            if path.is_symlink():
                target = os.fsencode(path.readlink())
                found[relative] = Facts(("link", target), None, facts.st_mtime_ns)
            elif path.is_dir():
                found[f"{relative}/"] = Facts(("folder", b""), mode, None)
            else:
                value = ("file", path.read_bytes())
                found[relative] = Facts(value, mode, facts.st_mtime_ns)
    return found


def _facts(path: str, info: ObjectInfo, body: bytes) -> Facts:
    mode, mtime = info.metadata.get("mode"), info.metadata.get("mtime")
    mtime_ns = None
    if mtime is not None:
        seconds, _, nanoseconds = mtime.partition(".")
        mtime_ns = int(seconds) * 10**9 + int(nanoseconds.ljust(9, "0"))
    kind = "link" if info.metadata.get("symlink") == "1" else "file"
    value = ("folder", b"") if path.endswith("/") else (kind, body)
    return Facts(value, int(mode, 8) if mode is not None else None, mtime_ns)


def expected_home(
    mirror: dict[str, Facts], written: dict[str, int], home: Path, umask: int = 0o022
) -> tuple[dict[str, Facts], set[str]]:
    """What a restore has to make of a mirror, and the names that it has to refuse."""
    expected: dict[str, Facts] = {}
    refused = set()
    for path, facts in mirror.items():
        kind, body = facts.value
        segments = path.removesuffix("/").split("/")
        shadowed = kind != "folder" and any(other.startswith(f"{path}/") for other in mirror)
        if shadowed or any(name == "" or len(name.encode()) > 255 for name in segments):
            refused.add(path)
            continue
        if kind == "link":
            target = os.path.normpath(home / Path(path).parent / os.fsdecode(body))
            if not target.startswith(f"{home}/") and target != str(home):
                refused.add(path)
                continue
        for count in range(1, len(segments)):
            above = "/".join(segments[:count]) + "/"
            expected.setdefault(above, Facts(("folder", b""), 0o777 & ~umask, None))
        mode = facts.mode
        if mode is None and kind != "link":
            mode = (0o777 if kind == "folder" else 0o644) & ~umask
        mtime_ns = facts.mtime_ns
        if mtime_ns is None and kind != "folder":
            mtime_ns = written[path]
        expected[path] = Facts(facts.value, mode, mtime_ns)
    return expected, refused


def digest(body: bytes) -> str:
    """The SHA-256 of bytes, as metadata has it."""
    return hashlib.sha256(body).hexdigest()
