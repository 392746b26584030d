"""Small files that are saved while a restore is under way.

The restore of a large home takes minutes in which the home is worked in already. Nothing is saved
for a path whose restore has not finished: its object is brought first, before its turn, so that
both versions are kept by the restore's own rules, and then the home's takes the name in the bucket
as in any sync. Nothing is deleted, and no folder and no large file is saved before the restore's
end.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Container, Sequence

from wherobots_storage.errors import NotFound, StorageError
from wherobots_storage.planning.backup import Upload
from wherobots_storage.planning.ignore import IGNORE_FILE
from wherobots_storage.planning.restore import Decision, Step, plan_restore
from wherobots_storage.planning.tree import Entry, Record, Remote, ancestors
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.intents import Intents
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.leftout import RulesReader
from wherobots_storage.sync.meanwhile import LOOK, Meanwhile, scanner_of
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.report import Report, Stops
from wherobots_storage.sync.scan import examine
from wherobots_storage.sync.turns import Turn, Turns
from wherobots_storage.sync.uploads import Uploader
from wherobots_storage.sync.written import Written

log = logging.getLogger("wherobots_storage.agent")

PAUSE = 5.0
"""After something failed it rests so many seconds."""


class EarlySaves:
    """Of one restore, on its thread.

    ``ready`` gives the mirror once this home may write it, and None before; ``take`` gives the
    hints since its last call.
    """

    def __init__(
        self,
        home: Home,
        journal: Journal,
        cancel: Cancel,
        *,
        ready: Callable[[], Mirror | None] = lambda: None,
        take: Callable[[], Focus] = Focus,
        written: Written | None = None,
    ) -> None:
        self._home = home
        self._journal = journal
        self._cancel = cancel
        self._ready = ready
        self._take = take
        self._next = 0.0
        self._uploader: Uploader | None = None
        self._mirror: Mirror | None = None
        self._knows_rules = False
        self._again: set[str] = set()
        """Folders to look at once more."""
        self._failed: set[str] = set()
        """Folders of what was left since the last look."""
        self._soon: list[Turn] = []
        self._listing: RemoteListing | None = None
        self._only: Container[str] | None = None
        self._turns: Turns | None = None
        self.report = Report(written=written, on_left=self._note_failed)
        self.saved: set[str] = set()
        """Paths that were saved, or are on their way: what was planned for them before is void."""

    def only(self, paths: Container[str]) -> None:
        """The restore is of these paths and of nothing else; before ``listed``."""
        self._only = paths

    def listed(self, listing: RemoteListing) -> None:
        """The listing is complete; until then each path is looked up by itself."""
        self._listing = listing

    def planned(self, turns: Turns) -> None:
        """The restore is planned, and is carried out in these turns."""
        self._turns = turns

    def give_way(self) -> None:
        """Save what was written just now, and note what has arrived. Raises nothing of its own."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOOK
        try:
            self._mirror = self._ready()
            if self._mirror is None or not self._are_rules_known():
                return
            if self._uploader is None:
                self._uploader = self._begin(self._mirror)
            self._uploader.give_way()
        except Interrupted:
            pass  # the restore is too
        except StorageError as error:
            # The restore meets it as well if it is more than these files' own trouble.
            log.warning("what is written during the restore is saved later: %s", error.message)
            self._next = time.monotonic() + PAUSE
        self._look_again_at_failed()

    def sooner(self) -> Sequence[Turn]:
        """As ``give_way``; the steps of the restore that should be taken now."""
        self.give_way()
        if not self._soon:
            return ()
        soon, self._soon = self._soon, []
        return soon

    def close(self) -> None:
        """Wait for what is under way."""
        if self._uploader is not None:
            try:
                self._uploader.upload(())
            except Interrupted:
                pass  # the restore is too
            except StorageError as error:
                log.warning("what was written during the restore is saved later: %s", error.message)
            finally:
                self._uploader.close()

    def _begin(self, mirror: Mirror) -> Uploader:
        stops = Stops()
        scanner = scanner_of(self._home, mirror)
        rules = RulesReader(self._home, self._journal).read
        between = Meanwhile(
            self._home, scanner, self._journal, stops, take=self._focus, rules=rules
        )
        between.may, between.found = self._may, self.saved
        intents = Intents(mirror, self._journal)
        ledger = Ledger(
            mirror, self._journal, self.report, stops, lambda _files, _bytes: None, intents
        )
        return Uploader(self._home, mirror, ledger, self._cancel, urgent=between.files)

    def _focus(self) -> Focus:
        again, self._again = self._again, set()
        return self._take() | Focus(flat=frozenset(again))

    def _note_failed(self, path: str) -> None:
        self._failed.add(_folder(path))

    def _look_again_at_failed(self) -> None:
        if self._failed:
            self._again |= self._failed
            self._failed.clear()
            self._next = time.monotonic() + PAUSE

    def _are_rules_known(self) -> bool:
        """Whether the user's ignore file is here, or nowhere: what it leaves out is not saved."""
        if not self._knows_rules:
            entry = examine(self._home.path, IGNORE_FILE)
            known = self._journal.get(IGNORE_FILE)
            self._knows_rules = self._is_free(IGNORE_FILE, entry, known)
        return self._knows_rules

    def _may(self, upload: Upload) -> bool:
        path = upload.entry.path
        free = self._is_free(path, upload.entry, upload.known)
        if not free:
            self._again.add(_folder(path))
        return free

    def _is_free(self, path: str, entry: Entry | None, known: Record | None) -> bool:
        """Whether a path's restore is over, or there is none. If it waits, it is to come soon."""
        listing, turns = self._listing, self._turns
        if listing is None:
            return self._is_free_unlisted(path, known)
        remote = listing.get(path)
        if remote is None:
            return not self._is_entangled(listing, path)
        if known is not None and known.etag == remote.etag:
            return True
        if turns is None or path in turns.flying:
            return False
        if turns.is_begun(remote):
            return True
        self._bring_forward(entry, known, remote)
        return False

    def _is_free_unlisted(self, path: str, known: Record | None) -> bool:
        if self._only is not None:
            return path not in self._only
        etag = self._etag(path)
        return etag is None or (known is not None and known.etag == etag)

    def _etag(self, path: str) -> str | None:
        assert self._mirror is not None  # noqa: S101  # nothing is looked up before
        try:
            return self._mirror.store.head(self._mirror.key(path)).etag
        except NotFound:
            return None

    @staticmethod
    def _is_entangled(listing: RemoteListing, path: str) -> bool:
        """Whether the bucket has a file in the place of its folder, or a folder of its name."""
        if listing.has_below(f"{path}/"):
            return True
        return any(listing.get(name) is not None for name in ancestors(path))

    def _bring_forward(self, entry: Entry | None, known: Record | None, remote: Remote) -> None:
        local = [entry] if entry is not None else []
        rows = [known] if known is not None else []
        for decision in plan_restore(local, rows, [remote]):
            if isinstance(decision, Decision) and decision.step is not Step.KEEP:
                self._soon.append((decision.step, remote))


def _folder(path: str) -> str:
    folder = os.path.dirname(path)  # noqa: PTH120  # not a path of the file system's
    return f"{folder}/" if folder else ""
