"""Carrying a restore out: download in parallel, verify, install, journal."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wherobots_storage.errors import LocalError, StorageError, TooLarge
from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.format import Facts, read_folder_mode, read_metadata
from wherobots_storage.planning.links import stays_inside
from wherobots_storage.planning.restore import Step
from wherobots_storage.planning.tree import Remote
from wherobots_storage.sync.arrivals import Arrivals, Arrived, Wanted, mtime_of
from wherobots_storage.sync.beside import Beside
from wherobots_storage.sync.cancel import LOOK, Cancel
from wherobots_storage.sync.flights import Flights
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer, Staged, fatal, is_full, stamp_now
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.powercut import clear_nothing
from wherobots_storage.sync.ranges import RangedObject
from wherobots_storage.sync.reading import unchanged_by_hash
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.restored import BATCH, RestoreLedger
from wherobots_storage.sync.turns import Turn, Turns
from wherobots_storage.sync.worklist import SMALL_BYTES

GRACE = 1.0
"""How long downloads that were given up may take to end before their files are removed."""

MAX_TARGET_BYTES = 4095
"""What a link's target may have (path_resolution(7): PATH_MAX, with the byte that ends it)."""


@dataclass(frozen=True, slots=True)
class _Get:
    """A download under way."""

    step: Step
    remote: Remote


class Downloader:
    """Downloads of one restore. ``moved`` is told files and bytes, for progress.

    ``sooner`` is called between two files and two pieces of a large one: the moment for what is
    more urgent. What it gives is taken before its turn.
    """

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        listing: RemoteListing,
        *,
        report: Report,
        cancel: Cancel,
        moved: Callable[[int, int], None],
        sooner: Callable[[], Sequence[Turn]] = tuple,
    ) -> None:
        self._home = home
        self._mirror = mirror
        self._journal = journal
        self._ledger = RestoreLedger(home, mirror, journal, report)
        self._cancel = cancel
        self._moved = moved
        self.turns = Turns(sooner)
        self._installer = Installer(home)
        self._beside = Beside(home, mirror, listing, self._ledger, self._installer)
        self._arrivals = Arrivals(home, self._installer)
        self._flights: Flights[_Get, Arrived] = Flights(mirror.transfers)
        self._markers: list[tuple[str, str, int]] = []
        """Folders made here, with ETag and mode: read-only ones get it when they are filled."""

    def download(self, steps: Iterable[tuple[Step, Remote]]) -> None:
        """Carry out RESTORE, REPLACE and COMPARE steps, small and large.

        Raises Interrupted, DiskFull, HomeMissing when the home went away, LocalIOError when it
        cannot be written at all, and the StorageError of an outage; what was done is journaled.
        """
        try:
            for turn in self.turns.of(steps):
                self._cancel.check()
                self._begin(_Get(*turn))
            while len(self._flights):
                self._land_next()
                for turn in self.turns.urgent():
                    self._begin(_Get(*turn))
        finally:
            self._journal.commit()

    def _land_next(self) -> None:
        """Wait for one that has ended; what is more urgent is done meanwhile."""
        while (landed := self._flights.next(timeout=LOOK)) is None:
            self._cancel.check()
            self.turns.give_way()
        self._land(*landed)

    def announce(self, folders: Iterable[str]) -> None:
        """Note folders that are to be made, before anything is."""
        self._ledger.announce_folders(folders, self._home.folder_mode)

    def finish(self) -> None:
        """Give the folders made here their modes, the deepest first."""
        for path, etag, mode in sorted(self._markers, reverse=True):
            try:
                self._installer.set_mode(path, mode)
            except OSError as error:
                self._ledger.skip(
                    path, "not-restored", f"Its mode cannot be set: {error.strerror}."
                )
            else:
                self._ledger.folder(path, etag, mode)
        self._markers.clear()
        self._ledger.forget_announced()

    def clear(self) -> None:
        """Remove what is left of unfinished downloads; a file that is whole stays."""
        grace = Cancel(seconds=GRACE)
        while len(self._flights) and not grace.expired:
            # Given up, but their threads may still be writing files.
            landed = self._flights.next(timeout=0.1)
            if landed is not None and isinstance(landed[1], Arrived):
                self._note_made(landed[1])
        self._flights.abandon()
        self._arrivals.close()
        self._journal.commit()
        self._installer.clear()

    def trash(self, paths: Iterable[str]) -> None:
        """Move unchanged files whose object vanished to the trash, and forget them."""
        stamp = stamp_now()
        for done, path in enumerate(paths):
            if done % BATCH == 0:
                self._journal.commit()  # Its statements are kept in memory until then.
            record = self._journal.get(path)
            try:
                if record is not None and self._installer.trash(path, record, stamp):
                    self._ledger.report.deleted += 1
            except OSError as error:
                reason = f"It is gone from the bucket, but cannot be moved: {error.strerror}."
                self._ledger.skip(path, "not-trashed", reason)
                continue
            # A changed one is forgotten too: the next sync saves it as new.
            self._journal.forget(path)
        self._journal.commit()

    def _begin(self, get: _Get) -> None:
        remote = get.remote
        if get.step is Step.COMPARE and self._is_only_touched(remote.path):
            get = _Get(Step.REPLACE, remote)
        elif get.step is Step.COMPARE and self._clears(remote):
            get = _Get(Step.RESTORE, remote)
        if get.step is not Step.REPLACE and self._beside.is_here(remote):
            self._moved(1, remote.size)
        elif remote.size > SMALL_BYTES:
            self._download_large(get)
        else:
            while self._flights.is_full(remote.size):
                self._land_next()
            while (landed := self._flights.next()) is not None:
                self._land(*landed)
            self._submit(get)

    def _clears(self, remote: Remote) -> bool:
        with suppress(OSError):
            return clear_nothing(self._home, self._journal, self._installer, remote)
        return False

    def _submit(self, get: _Get) -> None:
        key = self._mirror.key(get.remote.path)
        # No If-Match: a version that came after the listing is as good; its own ETag is journaled.
        fetched = self._mirror.transfers.submit_get(key, most=SMALL_BYTES)
        self.turns.flying.add(get.remote.path)
        arrived = self._arrivals.write(fetched, get.remote.path, _wanted(get))
        self._flights.launch(get, get.remote.size, arrived)

    def _is_only_touched(self, path: str) -> bool:
        """Whether the journal's bytes are still there, though the file's times say otherwise.

        Its row is brought up to date then, so that the file may be replaced.
        """
        record = self._journal.get(path)
        entry = unchanged_by_hash(self._home.path, record) if record is not None else None
        if record is None or entry is None:
            return False
        self._ledger.entry(entry, record.sha256, record.etag)
        return True

    def _land(self, get: _Get, result: Arrived | StorageError) -> None:
        self.turns.flying.discard(get.remote.path)
        if isinstance(result, Arrived):
            self._ledger.outage.success()
            self._receive_small(get, result)
        elif isinstance(result, TooLarge):
            self._download_large(get)  # It grew since the listing.
        else:
            self._ledger.fail(get.remote, result)

    def _download_large(self, get: _Get) -> None:
        key = self._mirror.key(get.remote.path)
        self.turns.flying.add(get.remote.path)
        try:
            with RangedObject(self._mirror.store, key) as body:
                info, chunks = body.info, self._checked(body.chunks())
                self._receive(get, info, chunks, lambda: self._arrivals.stage(info, chunks))
                self._moved(1, 0)
        except StorageError as error:
            if isinstance(error, LocalError):
                raise
            self._ledger.fail(get.remote, error)
        finally:
            self.turns.flying.discard(get.remote.path)

    def _checked(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._cancel.check()
            self.turns.give_way()
            yield chunk
            self._moved(0, len(chunk))

    def _receive_small(self, get: _Get, arrived: Arrived) -> None:
        if self._note_made(arrived):
            self._moved(1, arrived.info.size)
            return
        problem = arrived.problem
        if isinstance(problem, LocalError):
            raise problem
        if isinstance(problem, StorageError):
            self._ledger.fail(get.remote, problem)
            return

        def file() -> Staged:
            # One that was fetched to be compared becomes a file only when it proves to differ.
            if arrived.staged is None and arrived.problem is None:
                return self._arrivals.stage(arrived.info, (arrived.body,))
            return arrived.file()

        try:
            self._receive(get, arrived.info, iter((arrived.body,)), file)
            self._moved(1, arrived.info.size)
        except LocalError:
            raise
        except StorageError as error:
            self._ledger.fail(get.remote, error)

    def _note_made(self, arrived: Arrived) -> bool:
        """Journal a new file that has its name already; whether it has."""
        made = arrived.made
        if made is None:
            return False
        self._ledger.report.moved += 1
        self._ledger.entry(made.entry, made.sha256, arrived.info.etag)
        return True

    def _receive(
        self,
        get: _Get,
        info: ObjectInfo,
        chunks: Iterator[bytes],
        file: Callable[[], Staged],
    ) -> None:
        """Install one object that has arrived; ``file`` gives it as a temporary file."""
        remote = get.remote
        facts = read_metadata(info.metadata)
        try:
            if remote.path.endswith("/"):
                self._receive_folder(get, info)
            elif get.step is Step.COMPARE and self._is_equal(remote, info, facts):
                pass
            elif facts.is_symlink and info.size > MAX_TARGET_BYTES:
                reason = "It is a link whose target is too long for one."
                self._ledger.skip(remote.path, "not-restored", reason, info.size)
            elif facts.is_symlink:
                self._receive_link(get, info, facts, b"".join(chunks))
            else:
                self._receive_file(get, info, file())
        except NotADirectoryError:
            reason = "A folder above it is a file or a link here, so it cannot be restored."
            self._ledger.skip(remote.path, "parent-not-folder", reason, remote.size)
        except OSError as error:
            if is_full(error):
                raise fatal(error, self._home.path) from error
            reason = f"It cannot be written here: {error.strerror}."
            self._ledger.skip(remote.path, "not-restored", reason, remote.size)

    def _receive_file(self, get: _Get, info: ObjectInfo, staged: Staged) -> None:
        try:
            self._install(get, info, staged.path, staged.sha256, is_symlink=False)
        finally:
            staged.path.unlink(missing_ok=True)

    def _receive_link(self, get: _Get, info: ObjectInfo, facts: Facts, target: bytes) -> None:
        path = get.remote.path
        if not stays_inside(path, os.fsdecode(target), str(self._home.path)):
            reason = "It is a link that points out of the home; such links are not restored."
            self._ledger.skip(path, "link-outside", reason)
            return
        staged = self._installer.stage_link(target)
        try:
            self._installer.finish(staged, mtime_of(facts, info), None)
            digest = hashlib.sha256(target).hexdigest()
            self._install(get, info, staged, digest, is_symlink=True)
        finally:
            staged.unlink(missing_ok=True)

    def _install(
        self, get: _Get, info: ObjectInfo, staged: Path, sha256: str, *, is_symlink: bool
    ) -> None:
        path = get.remote.path
        record = self._journal.get(path) if get.step is Step.REPLACE else None
        try:
            if get.step is Step.COMPARE:
                raise FileExistsError  # noqa: TRY301  # as if it had been taken meanwhile
            if record is not None:
                entry = self._installer.replace(staged, path, record)
            else:
                entry = self._installer.place(staged, path)
        except FileExistsError:
            if self._beside.adopt(get.remote, info, sha256, is_symlink=is_symlink):
                return
            self._beside.place(staged, get.remote, info)
            entry = None
        self._ledger.report.moved += 1
        if entry is not None:
            self._ledger.entry(entry, sha256, info.etag)

    def _is_equal(self, remote: Remote, info: ObjectInfo, facts: Facts) -> bool:
        """Whether the metadata alone tells that the same bytes are here; adopted then."""
        if facts.sha256 is None:
            return False
        return self._beside.adopt(remote, info, facts.sha256, is_symlink=facts.is_symlink)

    def _receive_folder(self, get: _Get, info: ObjectInfo) -> None:
        remote = get.remote
        made = self._installer.make_folder(remote.path)
        if info.size:
            # Without a row: what is journaled here is deleted and written again as a folder is.
            reason = "It is a folder's marker with bytes of its own: they stay in the bucket."
            self._ledger.skip(remote.path, "marker-with-bytes", reason, info.size)
            self._journal.forget(remote.path)
            return
        mode = read_folder_mode(info.metadata, info.content_type)
        if mode is None:
            mode = self._home.folder_mode
        if made or get.step is Step.REPLACE:
            self._markers.append((remote.path, info.etag, mode))
            self._ledger.report.moved += made
        else:
            # It was here before, with a mode of its own, which the next sync brings there.
            self._ledger.folder(remote.path, info.etag, mode)


def _wanted(get: _Get) -> Wanted:
    if get.step is Step.COMPARE or get.remote.path.endswith("/"):
        return Wanted.BYTES
    return Wanted.NEW if get.step is Step.RESTORE else Wanted.STAGED
