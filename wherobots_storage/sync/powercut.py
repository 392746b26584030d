"""After a power cut: what it broke is put aside and restored, never taken for the user's edit.

Restored files are not flushed to the disk one by one, which would take several times as long as the
restore, and neither are most programs' own files, while the journal knows them already.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from wherobots_storage.errors import StorageError
from wherobots_storage.planning.powercut import was_not_edited
from wherobots_storage.planning.tree import Directory, File, Record, Remote, is_unchanged
from wherobots_storage.sync.broken import BrokenFiles
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer, stamp_now
from wherobots_storage.sync.intents import doubt
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.reading import unchanged_by_hash
from wherobots_storage.sync.scan import examine
from wherobots_storage.sync.worklist import Paths

log = logging.getLogger("wherobots_storage.agent")

WINDOW_SECONDS = 300.0
"""So long before the latest row a file may have been saved that is not on its disk yet. Linux
begins to write bytes after 30 s (vm.dirty_expire_centisecs), a slow disk takes longer."""

SHOWN = 20
"""So many names are logged."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_BOOT = "boot"

# A row from before a clock was set back, dated ahead, is not the latest.
_FILES = (
    "SELECT path FROM entries WHERE kind = 'file' AND time >= "
    "(SELECT coalesce(max(time), 0) FROM entries WHERE kind = 'file' AND time <= ?) - ?"
)
_LINKS = (
    "SELECT path FROM entries WHERE kind = 'symlink' AND time >= "
    "(SELECT coalesce(max(time), 0) FROM entries WHERE kind != 'folder' AND time <= ?) - ?"
)
"""Links have no index, and are looked for after a reboot only: one can be gone, never be broken."""


def mend(home: Home, journal: Journal, *, restoring: bool) -> int:
    """Put aside and forget what a power cut broke, so that a restore brings it; how many files.

    After a reboot, or on another machine, the latest files are compared with their rows, by their
    bytes too; what is not there at all was not deleted then. ``restoring``: also without one, by
    their size (a snapshot of the disk came back, or a server's disk had the power cut). Raises
    HomeMissing.
    """
    known, boot = journal.meta(_BOOT), _boot_id()
    rebooted = None not in {known, boot} and known != boot
    count = 0
    if rebooted or restoring:
        with Paths() as broken:
            for record in _latest(journal, links=rebooted):
                if _is_broken(home, record, rebooted=rebooted):
                    broken.add(record.path)
            count = len(broken)
            if count:
                home.check()  # In a bare mount point nothing is found either.
                _put_aside(home, journal, broken)
    if rebooted:
        doubt(journal)
    if boot != known:
        note_boot(journal)
    if count:
        # What is restored now may be broken next: with its old row it would look like an edit.
        journal.secure()
    return count


def note_boot(journal: Journal) -> None:
    """From now on another boot of the machine is one to this journal."""
    journal.set_meta(_BOOT, _boot_id())


def _boot_id() -> str | None:
    with suppress(OSError):
        return BOOT_ID.read_text("ascii", "replace").strip()
    return None


def _latest(journal: Journal, *, links: bool) -> Iterator[Record]:
    now = time.time()
    for query in (_FILES, _LINKS) if links else (_FILES,):
        for (path,) in journal.ask(query, (now, WINDOW_SECONDS)):
            record = journal.get(str(path))
            if record is not None:
                yield record


def _is_broken(home: Home, record: Record, *, rebooted: bool) -> bool:
    try:
        entry = examine(home.path, record.path)
    except OSError:
        return False  # What cannot be examined is not broken.
    if entry is None or isinstance(entry, Directory):
        # Also where a folder has its name: a restore makes one where the file was put aside, and
        # the journal may be as old as before that.
        return rebooted
    if not isinstance(entry, File):
        return False
    same = is_unchanged(entry, record)
    if not same and not was_not_edited(entry, record, rebooted=rebooted):
        return False
    if entry.size != record.size:
        return True
    return rebooted and unchanged_by_hash(home.path, record) is None


def _put_aside(home: Home, journal: Journal, broken: Paths) -> None:
    # Forgotten first: a kill in between must not make them deleted ones.
    found = BrokenFiles(journal)
    found.add(broken)
    journal.forget_all(broken)
    journal.commit()
    installer, stamp = Installer(home), stamp_now()
    some = ", ".join(islice(broken, SHOWN))
    log.warning("%d files were broken by a power cut, and are restored: %s", len(broken), some)
    for path in broken:
        try:
            if installer.put_aside(path, stamp):
                found.put_aside(path, stamp)
        except (OSError, StorageError) as error:
            log.warning("%s cannot be moved to the trash: %s", path, error)
    journal.commit()


def clear_nothing(home: Home, journal: Journal, installer: Installer, remote: Remote) -> bool:
    """Put aside an empty file that nobody knows, where the bucket has one that is not empty.

    It is what a power cut leaves of a file that was being restored, when its row was lost too; and
    in any other there is no work either. Whether there was one. Raises OSError.
    """
    if not remote.size or remote.path.endswith("/") or journal.get(remote.path) is not None:
        return False
    entry = examine(home.path, remote.path)
    if not isinstance(entry, File) or entry.size:
        return False
    installer.put_aside(remote.path, stamp_now())
    return True
