"""What a session tells of its work: what a cycle met, what a restore left, what the last stop did.

A cycle knows nothing of what a restore could not bring, nor of what was left at the last stop: both
are kept here, beside what the latest cycle told, until they are settled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice

import msgspec

from wherobots_storage.planning.tree import Notice
from wherobots_storage.sync.broken import BrokenFiles
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.kept import KeptVersions
from wherobots_storage.sync.report import Notices, Report
from wherobots_storage.sync.status import (
    MAX_NOTICES,
    StatusBoard,
    iso,
    outcome,
    wire_notices,
    wire_path,
)

log = logging.getLogger("wherobots_storage.agent")

_META = "leftovers"
MOST_PATHS = 20


class Leftovers(msgspec.Struct, frozen=True):
    """What a final sync did not get into the bucket, told at the next start."""

    time: str
    files: int
    bytes: int
    paths: list[str]


def keep_leftovers(journal: Journal, files: int, size: int, paths: Iterable[str]) -> None:
    """Note for the next start what is not saved: counts, bytes, and the first paths."""
    left = Leftovers(iso(), files, size, list(map(wire_path, islice(paths, MOST_PATHS))))
    journal.set_meta(_META, msgspec.json.encode(left).decode())
    log.warning("not saved before the stop: %d files, %d bytes", files, size)


class Teller:
    """Composes one session's lists of notices, for its thread."""

    def __init__(self, board: StatusBoard, journal: Journal) -> None:
        """Tell at once what the journal remembers: the last sync, and what the stop left."""
        self._board = board
        self._journal = journal
        self._latest = Report()
        self._restored = Notices()
        self._lasting: dict[str, Notice] = {}
        self._leftovers: Leftovers | None = None
        self._board.update(last_synced=journal.meta("last-synced"))
        self._remember()

    def use(self, journal: Journal) -> None:
        """Go on with another journal, which inherits what the last stop left."""
        left = self._leftovers
        self._journal = journal
        if left is not None:
            journal.set_meta(_META, msgspec.json.encode(left).decode())

    def cycle(self, report: Report) -> None:
        """A cycle came to its end, or was given up; an unsettled one only shows what it knows."""
        self._latest = report
        self._tell()

    def hinted(self, report: Report) -> None:
        """A few folders were looked at: only conflicts are added."""
        conflicts = KeptVersions(self._journal).listed(self._latest.conflicts, report.conflicts)
        self._board.update(conflicts=wire_notices(conflicts), conflicts_total=conflicts.total)

    def restored(self, report: Report) -> None:
        """A restore ended: what it could not do is listed until the next one."""
        self._restored = report.skipped
        if report.veto is not None:
            self._restored.add(Notice("", report.veto.code, report.veto.reason))
        self._latest = report
        self._tell()

    def mended(self) -> None:
        """It was looked for what a power cut broke."""
        self._tell()

    def fetched(self, missing: Iterable[str], report: Report) -> None:
        """What a restore could not bring was tried again: a report tells what is left of it."""
        for path in missing:
            self._restored.drop(path)
        self._restored.add_all(report.skipped)
        self._tell()

    def stand(self, notice: Notice) -> None:
        """List something for as long as this session lives; a second of its code replaces it."""
        self._lasting[notice.code] = notice
        self._tell()

    def lift(self, code: str) -> None:
        """List it no longer; of a code that is not listed nothing happens."""
        if self._lasting.pop(code, None) is not None:
            self._tell()

    def synced(self) -> None:
        """Everything is in the bucket, if only beside: what the last stop left is settled."""
        self._leftovers = None
        self._journal.set_meta(_META, None)
        self._lasting.pop("not-saved-at-stop", None)

    def dated(self) -> None:
        """Nothing is known to be left at this moment."""
        self._journal.set_meta("last-synced", iso())
        self._board.update(last_synced=self._journal.meta("last-synced"))

    def _remember(self) -> None:
        text = self._journal.meta(_META)
        if text is None:
            return
        left = self._leftovers = msgspec.json.decode(text, type=Leftovers)
        reason = (
            f"The last stop, at {left.time}, came before everything was saved "
            f"({left.files:,} files, {left.bytes:,} bytes). What of it is still here is saved now; "
            "this stays until everything was saved once."
        )
        self.stand(Notice("", "not-saved-at-stop", reason, left.bytes))

    def _tell(self) -> None:
        conflicts = KeptVersions(self._journal).listed(self._latest.conflicts)
        told = outcome(self._latest, conflicts, self._restored)
        lasting = wire_notices(self._lasting.values())
        broken, count = BrokenFiles(self._journal).listed(MAX_NOTICES)
        lost = wire_notices(broken, during="restore")
        told["skipped"] = [*lasting, *lost, *told["skipped"]][:MAX_NOTICES]
        told["skipped_total"] += len(lasting) + count
        self._board.update(**told)
