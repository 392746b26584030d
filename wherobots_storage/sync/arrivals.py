"""Objects that have arrived, written to files: at once, or many together where the disk is slow.

A local disk makes a small file sooner than another thread could be told to. Where each takes
milliseconds (a network file system) several are made at the same time. New files get their names
here too; what replaces something, or finds its name taken, is left to the restore's own thread.
"""

from __future__ import annotations

import enum
import hashlib
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from wherobots_storage.errors import StorageError, StoreUnavailable
from wherobots_storage.objectstore.pool import BoundedPool
from wherobots_storage.objectstore.store import FetchedObject, ObjectInfo
from wherobots_storage.planning.format import DEFAULT_FILE_MODE, Facts, clamped, read_metadata
from wherobots_storage.planning.tree import File
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer, Staged
from wherobots_storage.sync.ranges import RangedObject

SLOW_SECONDS = 0.005
"""A disk that takes longer for a file, on the average, gets several at once."""

WRITERS = 16
_WEIGHT = 0.05
"""Of the latest file in that average."""


class Wanted(enum.Enum):
    """What is to become of a small object as it arrives."""

    BYTES = enum.auto()
    """Only its bytes."""
    STAGED = enum.auto()
    """A temporary file."""
    NEW = enum.auto()
    """A file with its name, if that is free."""


@dataclass(frozen=True, slots=True)
class Made:
    """A new file that has its name."""

    entry: File
    sha256: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A small object that has arrived: its bytes, or the file that they were written to.

    ``made`` is a file in its place, ``staged`` a temporary one; ``problem`` is why that could not
    be made.
    """

    info: ObjectInfo
    body: bytes
    staged: Staged | None = None
    problem: OSError | StorageError | None = None
    made: Made | None = None

    def file(self) -> Staged:
        """The file. Raises OSError."""
        if isinstance(self.problem, OSError):
            raise self.problem
        if self.staged is None:
            raise AssertionError("it was not to be a file")
        return self.staged


class Arrivals:
    """Writes objects to temporary files of one home; any thread may call."""

    def __init__(self, home: Home, installer: Installer) -> None:
        self._home = home
        self._installer = installer
        self._seconds = 0.0
        """What a file takes, on the average."""
        self._writers: BoundedPool | None = None

    def write(self, fetched: Future[FetchedObject], path: str, wanted: Wanted) -> Future[Arrived]:
        """What was fetched, written as it is wanted; a future that is cancelled has no effect.

        The future's exception is the fetch's own.
        """
        arrived: Future[Arrived] = Future()

        def write(future: Future[FetchedObject]) -> None:
            if not arrived.set_running_or_notify_cancel():
                return
            try:
                arrived.set_result(self._arrive(future.result(), path, wanted))
            except BaseException as error:  # noqa: BLE001 - for whoever waits for the future
                arrived.set_exception(error)

        def done(future: Future[FetchedObject]) -> None:
            if not arrived.cancelled():
                self._do(lambda: write(future))

        fetched.add_done_callback(done)
        return arrived

    def close(self) -> None:
        """Wait for the files that are being written."""
        if self._writers is not None:
            self._writers.close()
            self._writers = None

    def _do(self, work: Callable[[], None]) -> None:
        if self._seconds > SLOW_SECONDS:
            if self._writers is None:
                self._writers = BoundedPool(WRITERS)
            self._writers.submit(work)
            return
        begun = time.perf_counter()
        work()
        self._seconds += (time.perf_counter() - begun - self._seconds) * _WEIGHT

    def _arrive(self, fetched: FetchedObject, path: str, wanted: Wanted) -> Arrived:
        info = fetched.info
        if wanted is Wanted.BYTES:
            return Arrived(info, fetched.body)
        facts = read_metadata(info.metadata)
        if facts.is_symlink:
            return Arrived(info, fetched.body)
        try:
            made = self._make(fetched, path, facts) if wanted is Wanted.NEW else None
            if made is not None:
                return Arrived(info, b"", made=made)
            return Arrived(info, b"", self.stage(info, (fetched.body,)))
        except (OSError, StorageError) as error:
            return Arrived(info, b"", problem=error)

    def _make(self, fetched: FetchedObject, path: str, facts: Facts) -> Made | None:
        info, sha256 = fetched.info, hashlib.sha256(fetched.body).hexdigest()
        _check(len(fetched.body), sha256, info, facts)
        mtime_ns, mode = mtime_of(facts, info), self._mode(facts)
        entry = self._installer.create(path, fetched.body, mtime_ns, mode)
        return Made(entry, sha256) if entry is not None else None

    def _mode(self, facts: Facts) -> int:
        return facts.mode if facts.mode is not None else DEFAULT_FILE_MODE & ~self._home.umask

    def stage(self, info: ObjectInfo, chunks: Iterable[bytes]) -> Staged:
        """Write an object to a temporary file, with its time and mode.

        Raises StoreUnavailable when it is not what was saved, OSError, and as ``Installer.stage``.
        """
        return self._finish(self._installer.stage(chunks), info)

    def stage_large(self, body: RangedObject, moved: Callable[[int], None]) -> Staged:
        """The same with a large object; ``moved`` and errors as in ``RangedObject.write_to``."""
        staged = self._installer.stage_by(lambda descriptor: body.write_to(descriptor, moved))
        return self._finish(staged, body.info)

    def _finish(self, staged: Staged, info: ObjectInfo) -> Staged:
        facts = read_metadata(info.metadata)
        try:
            _check(staged.size, staged.sha256, info, facts)
            self._installer.finish(staged.path, mtime_of(facts, info), self._mode(facts))
        except BaseException:
            staged.path.unlink(missing_ok=True)
            raise
        return staged


def _check(size: int, sha256: str, info: ObjectInfo, facts: Facts) -> None:
    if size != info.size or facts.sha256 not in {None, sha256}:
        message = "What arrived is not what was saved: its size or SHA-256 differs."
        raise StoreUnavailable(message)


def mtime_of(facts: Facts, info: ObjectInfo) -> int:
    """When the file was changed, in nanoseconds since the epoch."""
    if facts.mtime_ns is not None:
        return facts.mtime_ns
    return clamped(int(info.last_modified * 10**9))
