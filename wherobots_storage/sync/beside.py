"""A restored object whose name is taken here: adopted when it is equal, else installed beside."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.conflicts import names_beside
from wherobots_storage.planning.format import read_metadata
from wherobots_storage.planning.tree import File, Remote, Symlink
from wherobots_storage.sync.conflicts import key_room
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer
from wherobots_storage.sync.kept import KeptVersions
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.reading import dated, hash_file, outwait
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.restored import RestoreLedger
from wherobots_storage.sync.scan import examine


class Beside:
    """Of one restore."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        listing: RemoteListing,
        ledger: RestoreLedger,
        installer: Installer,
    ) -> None:
        self._home = home
        self._room = key_room(mirror)
        self._listing = listing
        self._ledger = ledger
        self._installer = installer
        self._kept = KeptVersions(ledger.journal)
        self._paths = self._kept.paths()

    def is_here(self, remote: Remote) -> bool:
        """Whether this version, its name being taken, was brought to one of its own before."""
        if remote.path not in self._paths:
            return False
        name = self._kept.find(remote.path, remote.etag)
        if name is None or not os.path.lexists(self._home.path / remote.path):
            return False
        return os.path.lexists(self._home.path / name)

    def adopt(self, remote: Remote, info: ObjectInfo, sha256: str, *, is_symlink: bool) -> bool:
        """Journal the local entry as this object if the bytes are the same. Raises OSError."""
        started = time.time_ns()
        entry = examine(self._home.path, remote.path)
        if isinstance(entry, Symlink):
            target = os.fsencode((self._home.path / remote.path).readlink())
            equal = is_symlink and hashlib.sha256(target).hexdigest() == sha256
        elif isinstance(entry, File):
            outwait(entry.ctime_ns)  # An edit after this has another ctime than the row, too.
            local = None if is_symlink else hash_file(self._home.path / remote.path)
            unmoved = examine(self._home.path, remote.path) == entry
            equal = local == sha256 and unmoved
        else:
            equal = False
        if equal and isinstance(entry, File | Symlink):
            self._ledger.entry(_as_saved(entry, info, started), sha256, info.etag)
            return True
        return False

    def place(self, staged: Path, remote: Remote, info: ObjectInfo) -> None:
        """Give a staged file a name of its own. Raises OSError.

        It is noted first: the sync that follows, which brings the local version to the name in
        the bucket, keeps the bucket's version at this same name there before.
        """
        for name in names_beside(remote.path, "conflict", time.time(), room=self._room):
            if self._listing.get(name) is not None or self._ledger.journal.get(name) is not None:
                continue
            try:
                self._installer.place(staged, name)
            except FileExistsError:
                continue
            self._kept.add(remote.path, info.etag, name, info.size)
            self._paths.add(remote.path)
            return


def _as_saved(entry: File | Symlink, info: ObjectInfo, started_ns: int) -> File | Symlink:
    """The entry for a row whose object has these facts: another time or mode is still to save.

    An object without our metadata has none of its own, and needs none. ``started_ns``: since when
    the entry was looked at.
    """
    facts = read_metadata(info.metadata)
    mtime_ns = entry.mtime_ns if facts.mtime_ns is None else facts.mtime_ns
    mode = entry.mode if facts.mode is None or isinstance(entry, Symlink) else facts.mode
    saved = entry._replace(mtime_ns=mtime_ns, mode=mode)
    # Its time alone has the next scan read it then. The ctime stays: with a time that is not the
    # file's own nothing else would tell what a power cut leaves of it from an edit.
    if isinstance(saved, Symlink) or mtime_ns != entry.mtime_ns:
        return saved
    return dated(saved, started_ns) if mode == entry.mode else saved._replace(ctime_ns=0)
