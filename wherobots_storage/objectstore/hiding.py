"""Finding out which of the folder names in ``namespace.hidden`` a store does not list.

Such a store answers a put with success and a HEAD too, so that only a listing shows it.
"""

from __future__ import annotations

from contextlib import suppress
from uuid import uuid4

from wherobots_storage.errors import InvalidInput, NotSupported, StorageError, UnexpectedAnswer
from wherobots_storage.namespace.hidden import KNOWN
from wherobots_storage.objectstore.store import ObjectInfo, ObjectStore, iterate_keys

REFUSED = (InvalidInput, NotSupported, UnexpectedAnswer)
"""How a store says that it does not take a key."""


def trial_keys(folder: str) -> dict[str, str]:
    """A key to try each of the names with, below ``folder``, which ends with a slash."""
    return {f"{folder}{pattern.replace('*', 'x')}/x": pattern for pattern in KNOWN}


def try_put(store: ObjectStore, key: str) -> None:
    """Put nothing at a key, which the store may refuse. Raises StorageError."""
    with suppress(*REFUSED):  # Not in the listing then, and so not kept as it is.
        store.put(key, b"")


def listed_keys(store: ObjectStore, folder: str) -> set[str]:
    """The keys that the store lists below a folder. Raises StorageError."""
    return {entry.key for entry in iterate_keys(store, folder) if isinstance(entry, ObjectInfo)}


def hidden_folders(store: ObjectStore, place: str) -> frozenset[str]:
    """Those of the names that the store does not list, tried out below ``place``.

    Raises StorageError.
    """
    folder = f"{place}{uuid4().hex}/"
    keys = trial_keys(folder)
    try:
        for key in keys:
            try_put(store, key)
        found = listed_keys(store, folder)
    finally:
        with suppress(StorageError):  # What stays there is below a reserved name.
            store.delete_many(list(keys))
    return frozenset(pattern for key, pattern in keys.items() if key not in found)
