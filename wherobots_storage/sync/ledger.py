"""Where a cycle's uploads are written down: in the journal, the report and the stops."""

from __future__ import annotations

import time
from collections.abc import Callable

from wherobots_storage.errors import StorageError
from wherobots_storage.planning.tree import Mirrored, Notice, Record
from wherobots_storage.sync.intents import Intents
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, OutageDetector, is_passing
from wherobots_storage.sync.objects import row_of
from wherobots_storage.sync.reading import Content
from wherobots_storage.sync.report import Report, Stops

BATCH = 200
BATCH_SECONDS = 1.0

CONFLICT = (
    "The bucket holds bytes under the name of this folder's marker, which this home neither saved "
    "nor restored. They stay as they are."
)


class Ledger:
    """One cycle's. ``moved`` is told files and bytes as they arrive, for progress."""

    def __init__(
        self,
        mirror: Mirror,
        journal: Journal,
        report: Report,
        stops: Stops,
        moved: Callable[[int, int], None],
        intents: Intents,
    ) -> None:
        self.journal = journal
        self.intents = intents
        self._report = report
        self._stops = stops
        self.moved = moved
        self.give_way: Callable[[], None] = lambda: None
        """Called between two files and two parts: the moment for what is more urgent."""
        self._outage = OutageDetector(mirror.ask_to_write)
        self._batch = 0
        self._committed = time.monotonic()

    def is_stopped(self, entry: Mirrored) -> bool:
        """Whether the path met a conflict before and has not changed since; it is listed then."""
        stopped = self._stops.find(entry.path, entry)
        if stopped is not None:
            self._report.conflicts.add(stopped)
        return stopped is not None

    def decline(self, notice: Notice) -> None:
        """It could not be read: tried again if it only moved, otherwise listed."""
        if notice.code == "unsettled":
            self._report.leave(notice)
        else:
            self._report.skipped.add(notice)

    def postpone(self, entry: Mirrored, code: str, reason: str) -> None:
        """It is tried again at the next cycle."""
        self._report.leave(Notice(entry.path, code, reason, getattr(entry, "size", None)))

    def conflict(self, entry: Mirrored) -> None:
        """The bucket has something that cannot be kept elsewhere: the path stops."""
        notice = Notice(entry.path, "conflict", CONFLICT, getattr(entry, "size", None))
        self._stops.stop(entry, notice)
        self._report.conflicts.add(notice)

    def fail(self, entry: Mirrored, error: StorageError) -> None:
        """The store failed. Raises a StorageError when that is an outage."""
        size = getattr(entry, "size", None)
        notice = Notice(entry.path, error.code, error.message, size)
        self._report.leave(notice, refused=not is_passing(error))
        self._outage.failure(error)

    def done(self, content: Content, etag: str, sent: int) -> None:
        """It is in the bucket; ``sent`` bytes were not told of yet."""
        self._outage.success()
        self._report.wrote(content.entry.path)
        self.note(row_of(content, etag))
        self.moved(1, sent)

    def kept(self, name: str) -> None:
        """Another's version is in the bucket at a name of its own."""
        self._report.kept(name)

    def note(self, row: Record) -> None:
        """Journal a row; now and then the batch is committed."""
        self.journal.put(row)
        self.intents.strike(row.path)
        self._batch += 1
        now = time.monotonic()
        if self._batch >= BATCH or now - self._committed > BATCH_SECONDS:
            self.journal.commit()
            self._batch, self._committed = 0, now
