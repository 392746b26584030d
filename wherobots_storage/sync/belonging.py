"""Which home a journal is of: a token that lies in the home tells.

Device and inode do not: network file systems, overlays and FUSE get another device number at every
mount, and a fresh disk, or a container's new layer, has the inode of the former.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from wherobots_storage.namespace.reserved import HOME_ID
from wherobots_storage.sync.home import Home, unreadable
from wherobots_storage.sync.journal import Journal

_FORM = re.compile(r"[0-9a-f]{32}")


def is_of(journal: Journal, home: Home) -> bool:
    """Whether the journal was written about this home. Raises HomeMissing."""
    known = journal.meta(HOME_ID)
    if known is not None:
        # Somebody else's, of a sync that root made once, say, tells nothing.
        with suppress(PermissionError):
            return _read(home) == known
    # Of an earlier version of this program, or of a home that takes no file.
    return journal.meta("home") == home.opened


def is_used(journal: Journal) -> bool:
    """Whether the journal says anything about a home's files and what became of them.

    Folders that a restore was about to make when it was killed are nothing. What was about to be
    put is: it would be taken for what this home has saved.
    """
    return bool(
        journal.ask("SELECT 1 FROM entries WHERE etag != '' LIMIT 1")
        or journal.ask("SELECT 1 FROM uploads LIMIT 1")
        or journal.ask("SELECT 1 FROM meta WHERE name >= 'putting:' AND name < 'putting;' LIMIT 1")
    )


def claim(journal: Journal, home: Home) -> None:
    """From now on the journal is of this home, which gets a token if it has none.

    One that somebody removed while the agent runs is put back. Raises HomeMissing.
    """
    known = journal.meta(HOME_ID)
    try:
        found = _read(home)
        token = found or known or uuid4().hex
        if found is None:
            _write(home, token)
    except OSError:
        return  # A home that cannot be written is told by its device and inode.
    if token != known:
        journal.set_meta(HOME_ID, token)


def disown(journal: Journal) -> None:
    """The journal is of no home any more: the next one must not get the former's token."""
    journal.set_meta(HOME_ID, None)


def _read(home: Home) -> str | None:
    """The home's token, None without one. Raises PermissionError, HomeMissing."""
    try:
        if not stat.S_ISDIR(home.work.lstat().st_mode):
            return None
        text = (home.work / HOME_ID).read_text("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        # Of a home that went away since it was opened this says nothing, and the bare mount point
        # that is there now must not get its token.
        home.check()
        return None
    except PermissionError:
        raise
    except OSError as error:
        raise unreadable(home.path, error) from error
    return text if _FORM.fullmatch(text) else None


def _write(home: Home, token: str) -> None:
    """Whole, and on the disk, or not at all: the journal is about to rely on it."""
    with suppress(FileExistsError):
        home.work.mkdir(mode=0o700)
    if not stat.S_ISDIR(home.work.lstat().st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(home.work))
    draft = home.work / f"{HOME_ID}-{uuid4().hex}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, token.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(home.work / HOME_ID)
        _flush(home.work)
        _flush(home.path)
    finally:
        draft.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
