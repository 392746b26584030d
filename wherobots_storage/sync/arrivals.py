"""Objects that have arrived, written to temporary files on the threads that fetched them.

Making a file takes longer than fetching it, and many can be made at once; only giving them their
names is left to the restore's own thread.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from wherobots_storage.errors import StorageError, StoreUnavailable
from wherobots_storage.objectstore.store import FetchedObject, ObjectInfo
from wherobots_storage.planning.format import DEFAULT_FILE_MODE, Facts, read_metadata
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer, Staged


@dataclass(frozen=True, slots=True)
class Arrived:
    """A small object that has arrived: its bytes, or the file that they were written to.

    ``problem`` is why that file could not be made.
    """

    info: ObjectInfo
    body: bytes
    staged: Staged | None = None
    problem: OSError | StorageError | None = None

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

    def write(self, fetched: Future[FetchedObject], *, wanted: bool) -> Future[Arrived]:
        """What was fetched, written on the thread that fetched it if it is ``wanted`` as a file.

        The future's exception is the fetch's own.
        """
        arrived: Future[Arrived] = Future()

        def done(future: Future[FetchedObject]) -> None:
            try:
                arrived.set_result(self._arrive(future.result(), wanted=wanted))
            except BaseException as error:  # noqa: BLE001 - for whoever waits for the future
                arrived.set_exception(error)

        fetched.add_done_callback(done)
        return arrived

    def _arrive(self, fetched: FetchedObject, *, wanted: bool) -> Arrived:
        info = fetched.info
        if not wanted or read_metadata(info.metadata).is_symlink:
            return Arrived(info, fetched.body)
        try:
            return Arrived(info, b"", self.stage(info, (fetched.body,)))
        except (OSError, StorageError) as error:
            return Arrived(info, b"", problem=error)

    def stage(self, info: ObjectInfo, chunks: Iterable[bytes]) -> Staged:
        """Write an object to a temporary file, with its time and mode.

        Raises StoreUnavailable when it is not what was saved, OSError, and as ``Installer.stage``.
        """
        facts = read_metadata(info.metadata)
        staged = self._installer.stage(chunks)
        try:
            _check(staged, info, facts)
            mode = facts.mode
            if mode is None:
                mode = DEFAULT_FILE_MODE & ~self._home.umask
            self._installer.finish(staged.path, mtime_of(facts, info), mode)
        except BaseException:
            staged.path.unlink(missing_ok=True)
            raise
        return staged


def _check(staged: Staged, info: ObjectInfo, facts: Facts) -> None:
    if staged.size != info.size or facts.sha256 not in {None, staged.sha256}:
        message = "What arrived is not what was saved: its size or SHA-256 differs."
        raise StoreUnavailable(message)


def mtime_of(facts: Facts, info: ObjectInfo) -> int:
    """When the file was changed, in nanoseconds since the epoch."""
    return facts.mtime_ns if facts.mtime_ns is not None else int(info.last_modified * 10**9)
