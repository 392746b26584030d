"""The journal in use: which home and which mirror it is of, and when another one is begun."""

from __future__ import annotations

import logging

from wherobots_storage.errors import StorageError
from wherobots_storage.planning.tree import File, Symlink
from wherobots_storage.sync import mirrorid
from wherobots_storage.sync.belonging import claim, disown, is_of, is_used
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal, open_journal, set_aside
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.openuploads import OpenUploads
from wherobots_storage.sync.powercut import mend, note_boot
from wherobots_storage.sync.scan import Scanner
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.telling import Teller

log = logging.getLogger("wherobots_storage.agent")


class Books:
    """Of one session. Without what a journal knows nothing counts as deleted, on either side."""

    def __init__(self, state: StateFolder, board: StatusBoard) -> None:
        """Open the journal. Raises JournalError when it is of a newer version."""
        self._path = state.journal_path
        self.identity: str | None = None
        """Device and inode of the home that this session began with."""
        self._knows_mirror = False
        self.journal: Journal = open_journal(self._path)
        self.tell = Teller(board, self.journal)

    def check_home(self, home: Home, mirror: Mirror) -> None:
        """Raises HomeMissing when the directory is not the one that this session began with."""
        if self.identity is None:
            self.take_home(home, mirror, restoring=False)
        elif home.opened != self.identity:
            raise home.swapped()
        else:
            claim(self.journal, home)

    def take_home(self, home: Home, mirror: Mirror, *, restoring: bool) -> None:
        """Set the journal aside when it is of another home, or of one that a restore finds empty.

        Without it nothing of the bucket counts as deleted here.
        """
        anew = not is_of(self.journal, home) or (restoring and _is_empty(home))
        if anew and is_used(self.journal):
            log.info("the home is another one, or empty: its journal is set aside")
            self._begin(mirror)
        elif anew:
            disown(self.journal)
        self.journal.set_meta("home", home.opened)
        claim(self.journal, home)
        if self.identity is None and mend(home, self.journal, restoring=restoring):
            self.tell.mended()
        self.identity = home.opened

    def check_mirror(self, home: Home, mirror: Mirror) -> None:
        """Set the journal aside, at the start, when it is of another mirror, or that was emptied.

        Without it nothing here counts as deleted in the bucket. Raises StorageError when the store
        is away.
        """
        if self._knows_mirror:
            return
        try:
            found = mirrorid.find_id(mirror)
        except StorageError as error:
            mirror.ask()  # It may be this very object's own trouble, which stops nothing.
            log.warning("whose mirror this is cannot be read: %s", error.message)
            return
        if mirrorid.is_of_another(self.journal, found):
            log.warning("the mirror is another one, or was emptied: its journal is set aside")
            self._begin(mirror)
            self.journal.set_meta("home", home.opened)
            claim(self.journal, home)
        mirrorid.claim(self.journal, mirror, found)
        self._knows_mirror = True

    def _begin(self, mirror: Mirror) -> None:
        OpenUploads(mirror, self.journal).abandon()
        self.journal.close()
        set_aside(self._path, "former")
        self.journal = open_journal(self._path)
        self.tell.use(self.journal)
        note_boot(self.journal)
        self.journal.secure()  # A power cut must not bring the former one back.


def _is_empty(home: Home) -> bool:
    scanner = Scanner(home.path, reserved=home.reserved, rules=home.rules())
    return not any(isinstance(entry, File | Symlink) for entry in scanner.scan())
