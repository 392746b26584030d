"""What is about to be put where, noted first: a killed process's own objects are known again.

An object may arrive and the process die before its journal row is committed. When the file is then
edited, the bucket's version is neither the journal's nor the home's: without a note of what was
under way it would count as somebody else's, and be kept beside the file as a conflict.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

from wherobots_storage.errors import NotFound, StorageError
from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.format import DEFAULT_FILE_MODE, read_metadata
from wherobots_storage.planning.tree import Kind, Record
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.mirror import Mirror, OutageDetector
from wherobots_storage.sync.openuploads import OpenUploads
from wherobots_storage.sync.remote import RemoteListing

MOST_NEW = 500
"""So many new files a cycle are noted. A first sync of thousands goes without: who edits a file
between its death and its restart gets a conflict copy then, and a commit a file would cost all."""

MOST_VERSIONS = 8
"""So many versions of one path are remembered while none of them is known to have arrived."""

_NAME = "putting:"
_DOUBT = "notes-doubted"


def doubt(journal: Journal) -> None:
    """Know no object again by a note from before now: a power cut may have broken its file.

    The object would count as this home's former version, and what is left of the file as an edit.
    """
    journal.run("DELETE FROM meta WHERE name >= ? AND name < 'putting;'", (_NAME,))
    journal.set_meta(_DOUBT, repr(time.time()))


class Intent(NamedTuple):
    """Bytes that are about to be put at a path, with their SHA-256."""

    path: str
    sha256: str
    is_new: bool
    """Whether the journal has no row of the path."""


class Intents:
    """Of one cycle or restore, in the journal's table of facts.

    An upload in parts is its own note (see ``openuploads``).
    """

    def __init__(self, mirror: Mirror, journal: Journal) -> None:
        self._mirror = mirror
        self._journal = journal
        self._new = 0
        rows = journal.ask("SELECT name FROM meta WHERE name >= ? AND name < 'putting;'", (_NAME,))
        self._open = {str(name).removeprefix(_NAME) for (name,) in rows}

    def note(self, puts: Iterable[Intent]) -> None:
        """These bytes are about to be put at these paths: from now on that survives a kill."""
        for path, sha256, is_new in puts:
            if is_new:
                self._new += 1
                if self._new > MOST_NEW:
                    continue
            # Beside those whose fate is not known yet: any of them may be what arrived.
            earlier = self._noted(path) if path in self._open else []
            noted = [*dict.fromkeys([*earlier, sha256])]
            values = (f"{_NAME}{path}", " ".join(noted[-MOST_VERSIONS:]))
            self._journal.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
            self._open.add(path)
        self._journal.commit()

    def strike(self, path: str) -> None:
        """The path's row is written; it waits for the journal's commit."""
        if path in self._open:
            self._open.discard(path)
            self._journal.run("DELETE FROM meta WHERE name = ?", (f"{_NAME}{path}",))

    def is_ours(self, path: str, found: ObjectInfo) -> bool:
        """Whether an object is one that was being put when something came between."""
        sha256 = found.metadata.get("sha256")
        return sha256 is not None and sha256 in self._of(path)

    def settle(self, listing: RemoteListing) -> None:
        """Journal the objects that arrived before a kill, as what the home held then.

        What cannot be looked at alone stays noted. Raises the StorageError of an outage.
        """
        outage = OutageDetector(self._mirror.ask)
        unseen = set()
        large = self._journal.ask("SELECT path FROM uploads")
        for path in sorted(self._open | {str(path) for (path,) in large}):
            known, remote = self._journal.get(path), listing.get(path)
            if remote is None or (known is not None and known.etag == remote.etag):
                continue
            try:
                found = self._mirror.store.head(self._mirror.key(path))
            except NotFound:
                continue
            except StorageError as error:
                unseen.add(path)
                outage.failure(error)
                continue
            outage.success()
            if self.is_ours(path, found):
                self._journal.put(_row(path, found))
        for path in self._open - unseen:
            self.strike(path)
        self._journal.commit()

    def _of(self, path: str) -> set[str]:
        upload = OpenUploads(self._mirror, self._journal).find(path)
        if upload is None or upload.started <= float(self._journal.meta(_DOUBT) or 0):
            return {*self._noted(path)}
        return {*self._noted(path), upload.sha256}

    def _noted(self, path: str) -> list[str]:
        return (self._journal.meta(f"{_NAME}{path}") or "").split()


def _row(path: str, found: ObjectInfo) -> Record:
    """A row without ctime and inode: whether the file still is that, its bytes must tell."""
    facts = read_metadata(found.metadata)
    mtime_ns = facts.mtime_ns or 0
    mode = DEFAULT_FILE_MODE if facts.mode is None else facts.mode
    kind: Kind = "symlink" if facts.is_symlink else "file"
    digest = facts.sha256 or ""
    etag, saved = found.etag, found.last_modified
    return Record(path, kind, found.size, mtime_ns, 0, 0, mode, digest, etag, saved)
