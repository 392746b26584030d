"""Carrying uploads out: conditional puts, many at a time, and what to do when one is refused."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from wherobots_storage.errors import (
    ConcurrentChange,
    NotFound,
    PreconditionFailed,
    SlowDown,
    StorageError,
)
from wherobots_storage.objectstore.store import ObjectInfo, PutRequest
from wherobots_storage.planning.format import (
    file_metadata,
    folder_content_type,
    folder_metadata,
    read_folder_mode,
    read_metadata,
    symlink_metadata,
)
from wherobots_storage.planning.tree import (
    Directory,
    File,
    Mirrored,
    Notice,
    Record,
    Symlink,
    ancestors,
    kind_of,
)
from wherobots_storage.sync.cancel import Backoff, Cancel
from wherobots_storage.sync.flights import Flights
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.large import LargeUpload, check_expectation
from wherobots_storage.sync.mirror import Mirror, OutageDetector
from wherobots_storage.sync.reading import Content, read_link, read_small
from wherobots_storage.sync.report import Report, Stops
from wherobots_storage.sync.worklist import SMALL_BYTES

BATCH = 200
BATCH_SECONDS = 1.0
ATTEMPTS = 6
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

CONFLICT = (
    "The bucket holds another version that this home neither saved nor restored. "
    "Both are kept; this one is not uploaded. Rename it here, or fetch the other and delete it "
    "there."
)


@dataclass(frozen=True, slots=True)
class _Put:
    """A put under way: what it was read from, what the journal knew, which try it is.

    ``bare``: without a condition, since the server refuses one where nothing is.
    """

    content: Content
    known: Record | None
    attempt: int = 1
    bare: bool = False


class Uploader:
    """Uploads of one cycle. ``moved`` is told files and bytes as they arrive, for progress."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        *,
        report: Report,
        stops: Stops,
        cancel: Cancel,
        moved: Callable[[int, int], None],
    ) -> None:
        self._home = home
        self._mirror = mirror
        self._journal = journal
        self._report = report
        self._stops = stops
        self._cancel = cancel
        self._moved = moved
        self._flights: Flights[_Put, str] = Flights()
        self._outage = OutageDetector()
        self._backoff = Backoff(0.2, 10.0)
        self._batch = 0
        self._committed = time.monotonic()

    def upload(self, entries: Iterable[Mirrored]) -> None:
        """Upload small entries and large ones, in the order given.

        Raises Interrupted, and the StorageError of an outage; what was done by then is journaled.
        """
        try:
            for entry in entries:
                self._cancel.check()
                stopped = self._stops.find(entry.path, entry)
                if stopped is not None:
                    self._report.conflicts.add(stopped)
                elif not isinstance(entry, File) or not _is_large(entry):
                    self._begin(entry)
                else:
                    self._upload_large(entry)
            while len(self._flights):
                self._land(*self._flights.wait(self._cancel))
        finally:
            self._drain()
            self._journal.commit()

    def upload_waiting(self, entries: Iterable[Mirrored]) -> None:
        """Upload entries whose name changed its type, where the deletion has come through."""
        self.upload(self._unblocked(entries))

    def _unblocked(self, entries: Iterable[Mirrored]) -> Iterator[Mirrored]:
        for entry in entries:
            name = entry.path.removesuffix("/")
            blocked = any(self._journal.get(path) for path in ancestors(entry.path))
            if isinstance(entry, Directory):
                blocked = blocked or self._journal.get(name) is not None
            else:
                blocked = blocked or self._journal.has_below(f"{name}/")
            if blocked:
                reason = "Its name was a file and is a folder now, or the reverse; it waits until "
                self._report.leave(
                    Notice(entry.path, "waiting", reason + "the deletion of the former is done.")
                )
            else:
                yield entry

    def _begin(self, entry: Mirrored) -> None:
        content = self._read(entry)
        if content is None:
            return
        if isinstance(content, Notice):
            self._decline(content)
            return
        known = self._journal.get(entry.path)
        if known is not None and self._is_same(content, known):
            self._journal_content(content, known.etag)
            return
        while self._flights.is_full(len(content.body)):
            self._land(*self._flights.wait(self._cancel))
        while (landed := self._flights.next()) is not None:
            self._land(*landed)
        self._put(_Put(content, known))

    def _read(self, entry: Mirrored) -> Content | Notice | None:
        if isinstance(entry, Directory):
            return Content(entry, b"", _EMPTY_SHA256)
        if isinstance(entry, Symlink):
            return read_link(self._home.path, entry)
        return read_small(self._home.path, entry)

    def _decline(self, notice: Notice) -> None:
        if notice.code == "unsettled":
            self._report.leave(notice)
        else:
            self._report.skipped.add(notice)

    @staticmethod
    def _is_same(content: Content, known: Record) -> bool:
        entry = content.entry
        if isinstance(entry, Directory) or known.kind != kind_of(entry):
            return False
        same_facts = known.mtime_ns == entry.mtime_ns and known.mode == entry.mode
        return same_facts and known.sha256 == content.sha256

    def _put(self, put: _Put) -> None:
        key = self._mirror.key(put.content.entry.path)
        try:
            if not self._mirror.conditions:
                check_expectation(self._mirror, put.content.entry.path, put.known)
        except StorageError as error:
            self._land(put, error)
            return
        request = PutRequest(
            key,
            put.content.body,
            metadata=metadata_of(put.content),
            content_type=_content_type(put.content.entry),
            if_none_match=put.known is None and not put.bare,
            if_match=put.known.etag if put.known is not None else None,
        )
        future = self._mirror.transfers.submit_put(request)
        self._flights.launch(put, len(put.content.body), future)

    def _land(self, put: _Put, result: str | StorageError) -> None:
        if isinstance(result, str):
            self._outage.success()
            self._backoff.reset()
            self._done(put.content, result)
        elif isinstance(result, SlowDown | ConcurrentChange) and put.attempt < ATTEMPTS:
            self._cancel.sleep(self._backoff.pause())
            self._put(replace(put, attempt=put.attempt + 1))
        elif isinstance(result, PreconditionFailed | NotFound | ConcurrentChange):
            self._refused(put)
        else:
            self._fail(put.content.entry, result)

    def _refused(self, put: _Put) -> None:
        """The remote is not what the journal says: adopt equal bytes, otherwise a conflict."""
        entry = put.content.entry
        try:
            found: ObjectInfo | None = self._mirror.store.head(self._mirror.key(entry.path))
        except NotFound:
            found = None
        except StorageError as error:
            self._fail(entry, error)
            return
        if found is None:
            # Gone, whichever error this server has for it: put again, as new.
            # SeaweedFS refuses "only where nothing is" where a folder was until now: when two
            # looks found nothing there, and it was refused all the same, no condition is left.
            bare = put.known is None and put.attempt > 1
            if put.attempt < ATTEMPTS and not put.bare:
                self._put(_Put(put.content, None, put.attempt + 1, bare))
            else:
                self._report.leave(_failed(entry, "It comes and goes in the bucket."))
        elif isinstance(entry, Directory):
            self._mark_again(put, entry, found)
        elif self._same_bytes(put.content, found):
            self._adopt(put, found)
        else:
            self._conflict(entry)

    def _mark_again(self, put: _Put, entry: Directory, found: ObjectInfo) -> None:
        """A marker that was refused: a zero-byte one holds nothing that could be lost."""
        if found.size:
            self._conflict(entry)
            return
        key = self._mirror.key(entry.path)
        etag = found.etag
        try:
            if read_folder_mode(found.metadata, found.content_type) != entry.mode:
                # Without a condition: SeaweedFS answers for any folder with files below, with an
                # ETag that it does not know again, though no marker is there.
                etag = self._mirror.store.put(
                    key,
                    b"",
                    metadata=folder_metadata(entry.mode),
                    content_type=folder_content_type(entry.mode),
                )
        except StorageError as error:
            self._fail(entry, error)
        else:
            self._done(put.content, etag)

    def _same_bytes(self, content: Content, found: ObjectInfo) -> bool:
        facts = read_metadata(found.metadata)
        if facts.is_symlink is not isinstance(content.entry, Symlink):
            return False
        if found.size != len(content.body):
            return False
        if facts.sha256 is not None:
            return facts.sha256 == content.sha256
        with self._mirror.store.get(found.key, if_match=found.etag) as body:
            return b"".join(body.chunks()) == content.body

    def _adopt(self, put: _Put, found: ObjectInfo) -> None:
        ours = metadata_of(put.content)
        theirs = {name: found.metadata.get(name) for name in ours}
        foreign = "sha256" not in found.metadata and "mode" not in found.metadata
        if foreign or theirs == ours or put.attempt >= ATTEMPTS:
            self._done(put.content, found.etag)
            return
        # Ours, with an older time or mode: the same bytes once more, over exactly that version.
        record = _record(put.content, found.etag)
        self._put(replace(put, known=record, attempt=put.attempt + 1))

    def _upload_large(self, entry: File) -> None:
        large = LargeUpload(
            self._home, self._mirror, self._cancel, lambda size: self._moved(0, size)
        )
        prepared = large.prepare(entry)
        if prepared is None or isinstance(prepared, Notice):
            if prepared is not None:
                self._decline(prepared)
            return
        read, sha256 = prepared
        known = self._journal.get(entry.path)
        content = Content(read, b"", sha256)
        try:
            if known is not None and known.sha256 == sha256 and known.kind == "file":
                self._retouch_large(content, known)
                return
            etag = large.send(read, sha256, known)
        except (PreconditionFailed, NotFound):
            self._refused_large(content, known)
        except StorageError as error:
            self._fail(entry, error)
        else:
            if isinstance(etag, Notice):
                self._decline(etag)
                return
            self._outage.success()
            self._done(content, etag, sent=0)

    def _retouch_large(self, content: Content, known: Record) -> None:
        """The bytes are in the bucket already: bring time and mode there by a copy onto itself."""
        etag = known.etag
        if not self._is_same(content, known):
            key = self._mirror.key(content.entry.path)
            etag = self._mirror.store.copy(
                key, key, source_if_match=known.etag, metadata=metadata_of(content)
            )
        self._done(content, etag, sent=0)

    def _refused_large(self, content: Content, known: Record | None) -> None:
        key = self._mirror.key(content.entry.path)
        try:
            found = self._mirror.store.head(key)
        except NotFound:
            # Gone: forgotten here, so that the next cycle sends it as new.
            if known is not None:
                self._journal.forget(content.entry.path)
            self._report.leave(_failed(content.entry, "It is gone from the bucket; sent again."))
        except StorageError as error:
            self._fail(content.entry, error)
        else:
            if read_metadata(found.metadata).sha256 == content.sha256:
                self._done(content, found.etag, sent=0)
            else:
                self._conflict(content.entry)

    def _conflict(self, entry: Mirrored) -> None:
        notice = Notice(entry.path, "conflict", CONFLICT, getattr(entry, "size", None))
        self._stops.stop(entry, notice)
        self._report.conflicts.add(notice)

    def _fail(self, entry: Mirrored, error: StorageError) -> None:
        self._report.leave(
            Notice(entry.path, error.code, error.message, getattr(entry, "size", None))
        )
        self._outage.failure(error)

    def _done(self, content: Content, etag: str, sent: int | None = None) -> None:
        self._report.moved += 1
        self._journal_content(content, etag)
        self._moved(1, len(content.body) if sent is None else sent)

    def _journal_content(self, content: Content, etag: str) -> None:
        self._journal.put(_record(content, etag))
        self._batch += 1
        now = time.monotonic()
        if self._batch >= BATCH or now - self._committed > BATCH_SECONDS:
            self._journal.commit()
            self._batch, self._committed = 0, now

    def _drain(self) -> None:
        """Journal what arrives in the next seconds, whatever went wrong before."""
        grace = Cancel(seconds=2.0)
        while len(self._flights) and not grace.expired:
            landed = self._flights.next(timeout=0.1)
            if landed is not None and isinstance(landed[1], str):
                self._done(landed[0].content, landed[1])


def _is_large(entry: File) -> bool:
    return entry.size > SMALL_BYTES


def _failed(entry: Mirrored, reason: str) -> Notice:
    return Notice(entry.path, "failed", reason, getattr(entry, "size", None))


def metadata_of(content: Content) -> dict[str, str]:
    """The user metadata of what was read."""
    entry = content.entry
    if isinstance(entry, Directory):
        return folder_metadata(entry.mode)
    if isinstance(entry, Symlink):
        return symlink_metadata(entry.mtime_ns, content.sha256)
    return file_metadata(entry.mtime_ns, entry.mode, content.sha256)


def _content_type(entry: Mirrored) -> str | None:
    return folder_content_type(entry.mode) if isinstance(entry, Directory) else None


def _record(content: Content, etag: str) -> Record:
    entry = content.entry
    if isinstance(entry, Directory):
        facts = (0, 0, 0, 0, entry.mode)
    else:
        facts = (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode, entry.mode)
    return Record(entry.path, kind_of(entry), *facts, content.sha256, etag, time.time())
