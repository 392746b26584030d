"""Carrying a restore out: download in parallel, verify, install, journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

from wherobots_storage.errors import LocalError, StorageError, TooLarge
from wherobots_storage.planning.restore import Step
from wherobots_storage.planning.tree import Remote
from wherobots_storage.sync.arrivals import Arrivals, Arrived
from wherobots_storage.sync.beside import Beside
from wherobots_storage.sync.cancel import LOOK, Cancel
from wherobots_storage.sync.flights import Flights
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer, Staged, stamp_now
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.powercut import clear_nothing
from wherobots_storage.sync.ranges import RangedObject
from wherobots_storage.sync.reading import unchanged_by_hash
from wherobots_storage.sync.receive import Get, Receiver
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.restored import BATCH, RestoreLedger
from wherobots_storage.sync.turns import Turn, Turns
from wherobots_storage.sync.worklist import SMALL_BYTES

GRACE = 1.0
"""How long downloads that were given up may take to end before their files are removed."""


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
        self._receiver = Receiver(home, self._ledger, self._installer, self._beside)
        self._arrivals = Arrivals(home, self._installer)
        self._flights: Flights[Get, Arrived] = Flights(mirror.transfers)

    def download(self, steps: Iterable[tuple[Step, Remote]]) -> None:
        """Carry out RESTORE, REPLACE and COMPARE steps, small and large.

        Raises Interrupted, DiskFull, HomeMissing when the home went away, LocalIOError when it
        cannot be written at all, and the StorageError of an outage; what was done is journaled.
        """
        try:
            for turn in self.turns.of(steps):
                self._cancel.check()
                self._begin(Get(*turn))
            while len(self._flights):
                self._land_next()
                for turn in self.turns.urgent():
                    self._begin(Get(*turn))
        finally:
            self._journal.commit()

    def _land_next(self) -> None:
        """Wait for one that has ended; what is more urgent is done meanwhile."""
        while (landed := self._flights.next(timeout=LOOK)) is None:
            self._cancel.check()
            self.turns.give_way()
        self._land(*landed)

    def wait(self) -> bool:
        """Wait until a download ends, or somebody rings; False when none is under way."""
        if not len(self._flights):
            return False
        landed = self._flights.next(timeout=LOOK)
        if landed is not None:
            self._land(*landed)
        return True

    def announce(self, folders: Iterable[str]) -> None:
        """Note folders that are to be made, before anything is."""
        self._ledger.announce_folders(folders, self._home.folder_mode)

    def finish(self) -> None:
        """Give the folders made here their modes, the deepest first."""
        self._receiver.finish()

    def clear(self) -> None:
        """Remove what is left of unfinished downloads; a file that is whole stays."""
        grace = Cancel(seconds=GRACE)
        while len(self._flights) and not grace.expired:
            # Given up, but their threads may still be writing files.
            landed = self._flights.next(timeout=0.1)
            if landed is not None and isinstance(landed[1], Arrived):
                self._receiver.note_made(landed[1])
        self._flights.abandon()
        self._arrivals.close()
        self._journal.commit()
        self._receiver.close()
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
                reason = "It is gone from the bucket, but cannot be moved to the trash: "
                reason += f"{error.strerror}. It stays, and the next sync saves it again."
                self._ledger.skip(path, "not-trashed", reason)
            # What changed, or cannot go, is forgotten too: the next sync saves it as new. With its
            # row it would count as saved, while the bucket has nothing of it.
            self._journal.forget(path)
        self._journal.commit()

    def remove_empty(self, folders: Iterable[str]) -> None:
        """Remove those of these folders that are empty; each must come after what lies in it."""
        for folder in folders:
            self._home.check()
            with suppress(OSError):  # somebody has something in it, or has removed it
                self._installer.remove_folder(folder)

    def _begin(self, get: Get) -> None:
        remote = get.remote
        if get.step is Step.COMPARE and self._is_only_touched(remote.path):
            get = Get(Step.REPLACE, remote)
        elif get.step is Step.COMPARE and self._clears(remote):
            get = Get(Step.RESTORE, remote)
        if get.step is not Step.REPLACE and self._beside.is_here(remote):
            self._moved(1, remote.size)
        elif remote.size > SMALL_BYTES:
            self._download_large(get)
        else:
            while self._flights.is_full(remote.size):
                self._land_next()
            # Handing one in waits for a free connection, and brings the others forward meanwhile.
            while (landed := self._flights.ended()) is not None:
                self._land(*landed)
            self._submit(get)

    def _clears(self, remote: Remote) -> bool:
        with suppress(OSError):
            return clear_nothing(self._home, self._journal, self._installer, remote)
        return False

    def _submit(self, get: Get) -> None:
        key = self._mirror.key(get.remote.path)
        # No If-Match: a version that came after the listing is as good; its own ETag is journaled.
        fetched = self._mirror.transfers.submit_get(key, most=SMALL_BYTES)
        self.turns.flying.add(get.remote.path)
        arrived = self._arrivals.write(fetched, get.remote.path, get.wanted)
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

    def _land(self, get: Get, result: Arrived | StorageError) -> None:
        self.turns.flying.discard(get.remote.path)
        if isinstance(result, Arrived):
            self._ledger.outage.success()
            self._receive_small(get, result)
        elif isinstance(result, TooLarge):
            self._download_large(get)  # It grew since the listing.
        else:
            self._ledger.fail(get.remote, result)

    def _download_large(self, get: Get) -> None:
        key = self._mirror.key(get.remote.path)
        self.turns.flying.add(get.remote.path)
        try:
            with RangedObject(self._mirror.store, key) as body:
                file = partial(self._arrivals.stage_large, body, self._moved_bytes)
                self._receiver.receive(get, body.info, body.chunks(), file)
                self._moved(1, 0)
        except StorageError as error:
            if isinstance(error, LocalError):
                raise
            self._ledger.fail(get.remote, error)
        finally:
            self.turns.flying.discard(get.remote.path)

    def _moved_bytes(self, count: int) -> None:
        self._cancel.check()
        self.turns.give_way()
        if count:
            self._moved(0, count)

    def _receive_small(self, get: Get, arrived: Arrived) -> None:
        if self._receiver.note_made(arrived):
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
            self._receiver.receive(get, arrived.info, iter((arrived.body,)), file)
            self._moved(1, arrived.info.size)
        except LocalError:
            raise
        except StorageError as error:
            self._ledger.fail(get.remote, error)
