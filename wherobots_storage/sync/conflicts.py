"""Keeping the bucket's version of a path beside it, before this home's version takes the name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import islice

from wherobots_storage.errors import (
    ConcurrentChange,
    NotFound,
    PreconditionFailed,
    StoreUnavailable,
)
from wherobots_storage.namespace.paths import MAX_KEY_BYTES
from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.conflicts import names_beside
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.kept import KeptVersions
from wherobots_storage.sync.mirror import Mirror

ROUNDS = 5
"""How often one path's conflict is met in a cycle before it has to wait for the next."""

NAMES = 20
"""How many names are tried for one version: they have the time in them, so that few are taken."""

AGAIN = "Somebody else keeps changing it in the bucket; it is tried again."


def key_room(mirror: Mirror) -> int:
    """How many bytes a path may have in this mirror."""
    return MAX_KEY_BYTES - len(mirror.prefix.encode())


class Keeper:
    """Copies on the store's side; nothing of the object travels."""

    def __init__(
        self,
        home: Home,
        mirror: Mirror,
        journal: Journal,
        kept: Callable[[str], None],
    ) -> None:
        """``kept`` is told the names of the copies."""
        self._told = kept
        self._home = home
        self._mirror = mirror
        self._journal = journal
        self._kept = KeptVersions(journal)

    def keep(self, path: str, found: ObjectInfo) -> None:
        """See to it that the version ``found`` of a path is at a name of its own.

        Raises PreconditionFailed when another version is there meanwhile, NotFound when none is,
        and what the store raises.
        """
        planned = self._kept.find(path, found.etag)
        if planned is not None and self._is_kept(planned, found):
            return
        if planned is not None and self._copy(found, planned):
            return
        for name in islice(self._names(path), NAMES):
            # Refused, it may still be ours: a copy that was made, and whose answer did not come.
            if self._copy(found, name) or self._is_kept(name, found):
                self._kept.add(path, found.etag, name, found.size)
                self._told(name)
                return
        message = "The store makes copies of a file's other version, and does not say so."
        raise StoreUnavailable(message, path=path)

    def _names(self, path: str) -> Iterator[str]:
        for name in names_beside(path, "conflict", time.time(), room=key_room(self._mirror)):
            # A name that the home uses would only make the next conflict.
            if self._journal.get(name) is None and not os.path.lexists(self._home.path / name):
                yield name

    def _is_kept(self, name: str, found: ObjectInfo) -> bool:
        try:
            copy = self._mirror.store.head(self._mirror.key(name))
        except NotFound:
            return False
        digest = found.metadata.get("sha256")
        same = digest is not None and copy.metadata.get("sha256") == digest
        return copy.size == found.size and (same or copy.etag == found.etag)

    def _copy(self, found: ObjectInfo, name: str) -> bool:
        """Copy to a name; False when it is taken. Raises as ``keep``."""
        key = self._mirror.key(name)
        store = self._mirror.store
        if not self._mirror.conditions and self._exists(key):
            return False
        try:
            store.copy(found.key, key, source_if_match=found.etag, if_none_match=True)
        except (PreconditionFailed, ConcurrentChange):
            # Which of the two conditions it was, the answer does not say.
            if store.head(found.key).etag != found.etag:
                raise PreconditionFailed("It changed meanwhile.", path=name) from None
            if not self._exists(key):
                raise
            return False
        return True

    def _exists(self, key: str) -> bool:
        try:
            self._mirror.store.head(key)
        except NotFound:
            return False
        return True
