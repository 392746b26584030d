"""Carrying uploads out: conditional puts, many at a time, and what to do when one is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from wherobots_storage.errors import (
    ConcurrentChange,
    NotFound,
    PreconditionFailed,
    StorageError,
)
from wherobots_storage.objectstore.store import ObjectInfo, PutRequest
from wherobots_storage.planning.format import read_folder_mode
from wherobots_storage.planning.tree import (
    Directory,
    File,
    Mirrored,
    Notice,
    Record,
    Symlink,
    ancestors,
)
from wherobots_storage.sync.cancel import Backoff, Cancel
from wherobots_storage.sync.conflicts import AGAIN, ROUNDS, Keeper
from wherobots_storage.sync.flights import Flights
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.intents import Intent
from wherobots_storage.sync.large import LargeUploader, check_expectation
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.objects import content_type_of, is_same, metadata_of, row_of
from wherobots_storage.sync.reading import Content, read_link, read_small
from wherobots_storage.sync.sameness import holds, is_foreign, is_rewritten
from wherobots_storage.sync.worklist import SMALL_BYTES

ATTEMPTS = 6
TOGETHER = 32
TOGETHER_BYTES = 4 * 1024**2
"""So many puts are noted together before they are sent, or so many bytes of them."""

_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class _Put:
    """A put under way: what it was read from, what the journal knew, which try it is.

    ``bare``: without a condition, since the server refuses one where nothing is. ``rounds``
    counts the versions of others that it met on its way.
    """

    content: Content
    known: Record | None
    attempt: int = 1
    bare: bool = False
    rounds: int = 0


def _nothing() -> None:
    pass


class Uploader:
    """Uploads of one cycle."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        ledger: Ledger,
        cancel: Cancel,
        *,
        urgent: Callable[[], Iterable[File | Symlink]] = tuple,
    ) -> None:
        """``urgent`` gives small files that were saved just now, to go before the others."""
        self._urgent = urgent
        self._flying: set[str] = set()
        """The paths that are under way: two puts of one would take each other for another's."""
        self._home = home
        self._mirror = mirror
        self._ledger = ledger
        self._cancel = cancel
        self._keeper = Keeper(home, mirror, ledger.journal, ledger.kept)
        ledger.give_way = self.give_way
        self._large = LargeUploader(home, mirror, ledger, cancel, self._keeper)
        self._flights: Flights[_Put, str] = Flights(mirror.transfers)
        self._ready: list[_Put] = []
        """What was read and waits to be sent."""
        self._ready_bytes = 0
        self._backoff = Backoff(0.2, 10.0)

    def upload(self, entries: Iterable[Mirrored]) -> None:
        """Upload small entries and large ones, in the order given.

        Raises Interrupted, HomeMissing when the home went away, and the StorageError of an outage;
        what was done by then is journaled.
        """
        try:
            for entry in entries:
                self.begin(entry)
            self._send()
            while len(self._flights):
                self._land(*self._flights.wait(self._cancel))
        finally:
            self.settle()

    def begin(self, entry: Mirrored) -> None:
        """Begin to upload one, a large one whole; ``upload`` sees it to its end. Raises as that."""
        self._cancel.check()
        self.give_way()
        while entry.path in self._flying:
            self._send()
            self._land(*self._flights.wait(self._cancel))
        if self._ledger.is_stopped(entry):
            return
        if isinstance(entry, File) and entry.size > SMALL_BYTES:
            self._upload_large(entry)
        else:
            self._begin(entry)

    def _upload_large(self, entry: File) -> None:
        self._send()
        self._flying.add(entry.path)
        try:
            self._large.upload(entry)
        finally:
            self._flying.discard(entry.path)

    def settle(self) -> None:
        """Journal what arrives in the next moment, and give up the rest."""
        self._drain()
        self._ledger.journal.commit()

    def close(self) -> None:
        """Settle, and let go of what refers to this: an outage's many cycles are no garbage."""
        self.settle()
        self._ledger.give_way = _nothing

    def give_way(self) -> None:
        """Bring what was saved just now, and note what has arrived."""
        while (landed := self._flights.next()) is not None:
            self._land(*landed)
        for entry in self._urgent():
            if entry.path not in self._flying:
                self._begin(entry)
                self._send()

    def sweep(self) -> None:
        """Give up unfinished uploads whose file is gone or has changed."""
        self._large.sweep()

    def upload_waiting(self, entries: Iterable[Mirrored]) -> None:
        """Upload entries whose name changed its type, where the deletion has come through."""
        self.upload(self._unblocked(entries))

    def _unblocked(self, entries: Iterable[Mirrored]) -> Iterator[Mirrored]:
        journal = self._ledger.journal
        for entry in entries:
            name = entry.path.removesuffix("/")
            blocked = any(journal.get(path) for path in ancestors(entry.path))
            if isinstance(entry, Directory):
                blocked = blocked or journal.get(name) is not None
            else:
                blocked = blocked or journal.has_below(f"{name}/")
            if blocked:
                reason = "Its name was a file and is a folder now, or the reverse; it waits until "
                reason += "the deletion of the former is done."
                self._ledger.postpone(entry, "waiting", reason)
            else:
                yield entry

    def _begin(self, entry: Mirrored) -> None:
        content = self._read(entry)
        if content is None:
            return
        if isinstance(content, Notice):
            self._ledger.decline(content)
            return
        known = self._ledger.journal.get(entry.path)
        if known is not None and is_same(content, known):
            self._ledger.note(row_of(content, known.etag))
            return
        self._flying.add(entry.path)
        self._ready.append(_Put(content, known))
        self._ready_bytes += len(content.body)
        if len(self._ready) >= TOGETHER or self._ready_bytes >= TOGETHER_BYTES:
            self._send()

    def _send(self) -> None:
        """Put what was read, noted all together first: a commit for each would cost as much."""
        ready, self._ready, self._ready_bytes = self._ready, [], 0
        self._ledger.intents.note(
            Intent(put.content.entry.path, put.content.sha256, put.known is None)
            for put in ready
            if not isinstance(put.content.entry, Directory)
        )
        for put in ready:
            self._cancel.check()
            while self._flights.is_full(len(put.content.body)):
                self._land(*self._flights.wait(self._cancel))
            while (landed := self._flights.next()) is not None:
                self._land(*landed)
            self._put(put)

    def _read(self, entry: Mirrored) -> Content | Notice | None:
        if isinstance(entry, Directory):
            return Content(entry, b"", _EMPTY_SHA256)
        if isinstance(entry, Symlink):
            return read_link(self._home, entry)
        return read_small(self._home, entry)

    def _put(self, put: _Put) -> None:
        key = self._mirror.key(put.content.entry.path)
        try:
            if not self._mirror.conditions:
                expected = put.known.etag if put.known is not None else None
                check_expectation(self._mirror, put.content.entry.path, expected)
        except StorageError as error:
            self._land(put, error)
            return
        request = PutRequest(
            key,
            put.content.body,
            metadata=metadata_of(put.content),
            content_type=content_type_of(put.content.entry),
            if_none_match=put.known is None and not put.bare,
            if_match=put.known.etag if put.known is not None else None,
        )
        self._flying.add(put.content.entry.path)
        future = self._mirror.transfers.submit_put(request)
        self._flights.launch(put, len(put.content.body), future)

    def _land(self, put: _Put, result: str | StorageError) -> None:
        self._flying.discard(put.content.entry.path)
        if isinstance(result, str):
            self._backoff.reset()
            self._done(put, result)
        elif isinstance(result, ConcurrentChange) and put.attempt < ATTEMPTS:
            self._cancel.sleep(self._backoff.pause())
            self._put(replace(put, attempt=put.attempt + 1))
        elif isinstance(result, PreconditionFailed | NotFound | ConcurrentChange):
            self._refused(put)
        else:
            self._ledger.fail(put.content.entry, result)

    def _refused(self, put: _Put) -> None:
        """The remote is not what the journal says: adopt equal bytes, otherwise keep both."""
        entry = put.content.entry
        try:
            found = self._mirror.store.head(self._mirror.key(entry.path))
        except NotFound:
            self._put_again(put)
            return
        except StorageError as error:
            self._ledger.fail(entry, error)
            return
        try:
            self._settle(put, found)
        except (PreconditionFailed, ConcurrentChange, NotFound):
            # Not simply put again where it vanished since: only a look tells that nothing is there.
            self._met_again(put)
        except StorageError as error:
            self._ledger.fail(entry, error)

    def _settle(self, put: _Put, found: ObjectInfo) -> None:
        """Adopt the version that was found, or keep it elsewhere and take its name."""
        entry = put.content.entry
        if isinstance(entry, Directory):
            self._mark_again(put, entry, found)
        elif holds(self._mirror.store, found, put.content, self._cancel):
            self._adopt(put, found)
        elif put.rounds < ROUNDS:
            known = self._ledger.journal.get(entry.path)
            if not (self._ledger.intents.is_ours(entry.path, found) or is_rewritten(found, known)):
                self._keeper.keep(entry.path, found)
            self._put_over(put, found)
        else:
            self._ledger.postpone(entry, "conflict", AGAIN)

    def _put_over(self, put: _Put, found: ObjectInfo) -> None:
        """Take the name from exactly this version."""
        record = row_of(put.content, found.etag)
        self._put(replace(put, known=record, attempt=1, bare=False, rounds=put.rounds + 1))

    def _met_again(self, put: _Put) -> None:
        """Another version came while the former was looked at or kept."""
        if put.rounds < ROUNDS:
            self._refused(replace(put, rounds=put.rounds + 1))
        else:
            self._ledger.postpone(put.content.entry, "conflict", AGAIN)

    def _put_again(self, put: _Put) -> None:
        """Nothing is there, whichever error this server has for it: put it again, as new."""
        # SeaweedFS refuses "only where nothing is" where a folder was until now: when two looks
        # found nothing there, and it was refused all the same, no condition is left.
        bare = put.known is None and put.attempt > 1
        if put.attempt < ATTEMPTS and not put.bare:
            self._put(_Put(put.content, None, put.attempt + 1, bare, put.rounds))
        else:
            reason = "It comes and goes in the bucket."
            self._ledger.postpone(put.content.entry, "failed", reason)

    def _mark_again(self, put: _Put, entry: Directory, found: ObjectInfo) -> None:
        """A marker that was refused: a zero-byte one holds nothing that could be lost."""
        if found.size:
            self._ledger.conflict(entry)
            return
        etag = found.etag
        if read_folder_mode(found.metadata, found.content_type) != entry.mode:
            # Without a condition: SeaweedFS answers for any folder with files below, with an
            # ETag that it does not know again, though no marker is there.
            etag = self._mirror.store.put(
                found.key,
                b"",
                metadata=metadata_of(put.content),
                content_type=content_type_of(entry),
            )
        self._done(put, etag)

    def _adopt(self, put: _Put, found: ObjectInfo) -> None:
        ours = metadata_of(put.content)
        theirs = {name: found.metadata.get(name) for name in ours}
        if is_foreign(found) or theirs == ours or put.attempt >= ATTEMPTS:
            self._done(put, found.etag)
            return
        # Ours, with an older time or mode: the same bytes once more, over exactly that version.
        record = row_of(put.content, found.etag)
        self._put(replace(put, known=record, attempt=put.attempt + 1))

    def _done(self, put: _Put, etag: str) -> None:
        self._ledger.done(put.content, etag, len(put.content.body))

    def _drain(self) -> None:
        """Journal what arrives in the next seconds, whatever went wrong before."""
        self._flying.difference_update(put.content.entry.path for put in self._ready)
        self._ready.clear()
        grace = Cancel(seconds=2.0)
        while len(self._flights) and not grace.expired:
            landed = self._flights.next(timeout=0.1)
            if landed is not None and isinstance(landed[1], str):
                self._done(landed[0], landed[1])
