"""Carrying deletions out: only what is gone here and unchanged there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from wherobots_storage.errors import HomeMissing, NotFound, PreconditionFailed, StorageError
from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.tree import Directory, Notice, Record, ancestors
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, OutageDetector, is_passing
from wherobots_storage.sync.report import Report, Stops
from wherobots_storage.sync.restored import UNKNOWN_ETAG
from wherobots_storage.sync.sameness import is_rewritten
from wherobots_storage.sync.scan import examine
from wherobots_storage.sync.worklist import Deletions

WORKERS = 8

CONFLICT = (
    "It was deleted here, but the bucket's version was changed by somebody else since. "
    "That version stays; it comes back at the next restore."
)


class Deleter:
    """Deletions of one cycle."""

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
        self._outage = OutageDetector(mirror.ask)

    def delete(self, deletions: Deletions) -> None:
        """Delete what may go: files first, then folders' markers, deepest first.

        Raises Interrupted, HomeMissing when the home went away meanwhile, and the StorageError of
        an outage; what was done by then is journaled.
        """
        try:
            with ThreadPoolExecutor(WORKERS, thread_name_prefix="delete") as pool:
                self._run(pool, deletions.files_to_go())
                # One after the other: a parent after its children.
                for marker in deletions.markers_to_go():
                    self._run(pool, [marker])
        finally:
            self._journal.commit()

    def _is_stopped(self, record: Record) -> bool:
        stopped = self._stops.find(record.path, record)
        if stopped is not None:
            self._report.conflicts.add(stopped)
        return stopped is not None

    def _run(self, pool: ThreadPoolExecutor, records: Iterable[Record]) -> None:
        todo = (record for record in records if not self._is_stopped(record))
        # In slices, so that giving up does not have to wait for a long queue.
        while batch := list(islice(todo, WORKERS * 8)):
            self._cancel.check()
            self._home.check()
            flying: list[tuple[Record, Future[str]]] = [
                (record, pool.submit(self._delete, record)) for record in batch
            ]
            away: HomeMissing | None = None
            for record, future in flying:
                error = future.exception()
                if error is None:
                    self._note(record, future.result())
                elif isinstance(error, HomeMissing):
                    away = error  # raised when all that was done is journaled
                elif isinstance(error, StorageError):
                    notice = Notice(record.path, error.code, error.message)
                    self._report.leave(notice, refused=not is_passing(error))
                    self._outage.failure(error)
                else:
                    raise error
            self._journal.commit()
            if away is not None:
                raise away

    def _note(self, record: Record, outcome: str) -> None:
        self._outage.success()
        if outcome == "conflict":
            notice = Notice(record.path, "conflict", CONFLICT, record.size)
            self._stops.stop(record, notice)
            self._report.conflicts.add(notice)
        elif outcome == "gone":
            self._journal.forget(record.path)
            self._report.removed(record.path)
            self._moved(1, 0)
        elif outcome == "announced":
            self._journal.forget(record.path)

    def _delete(self, record: Record) -> str:
        """Delete one object; what happened: ``gone``, ``back`` (here again) or ``conflict``.

        ``announced``: a restore that was killed never made the folder, so nobody has deleted it.
        """
        if self._is_back(record):
            return "back"
        self._home.check()  # In a bare mount point nothing is found either.
        if record.kind == "folder":
            return self._delete_marker(record)
        key = self._mirror.key(record.path)
        store = self._mirror.store
        try:
            # Looked at first, since not every server takes a condition with a deletion.
            found = store.head(key)
            if found.etag != record.etag and not is_rewritten(found, record):
                return "conflict"
            store.delete(key, if_match=found.etag)
        except NotFound:
            return "gone"
        except PreconditionFailed:
            return self._after_refusal(key)
        return "gone"

    def _is_back(self, record: Record) -> bool:
        try:
            # A folder above became a link, to itself perhaps: what lies behind it is not ours.
            if any((self._home.path / name).is_symlink() for name in ancestors(record.path)):
                return False
            entry = examine(self._home.path, record.path)
        except OSError:
            return True  # What cannot be examined is not deleted.
        return entry is not None and isinstance(entry, Directory) is (record.kind == "folder")

    def _delete_marker(self, record: Record) -> str:
        if record.etag == UNKNOWN_ETAG:
            return "announced"
        # Listed, not looked at: SeaweedFS answers HEAD for any folder, marker or not.
        key = self._mirror.key(record.path)
        page = self._mirror.store.list_page(key, limit=1)
        first = page.entries[0] if page.entries else None
        if not isinstance(first, ObjectInfo) or first.key != key:
            return "gone"
        if first.etag != record.etag or first.size:
            return "conflict"
        try:
            self._mirror.store.delete(key, if_match=record.etag)
        except NotFound:
            return "gone"
        except PreconditionFailed:
            return "conflict"
        return "gone"

    def _after_refusal(self, key: str) -> str:
        # A missing key is 412 on one server and 404 on another; both mean that it is gone.
        try:
            self._mirror.store.head(key)
        except NotFound:
            return "gone"
        return "conflict"
