r"""Finding out, once at the start, what a store is good for: odd keys, and conditions.

A store that rewrites keys (SeaweedFS makes ``a/b`` of ``a\b``) would let one file take another's
place; one that ignores conditions would let two writers overwrite each other. Both are told by a
few small objects under ``.wherobots/probe/``, deleted again.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from wherobots_storage.errors import (
    ConcurrentChange,
    InvalidInput,
    NotSupported,
    PreconditionFailed,
    StorageError,
    UnexpectedAnswer,
)
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import PROBE
from wherobots_storage.objectstore.store import ObjectInfo, ObjectStore, iterate_keys

ODD_CHARACTERS = "\\\x01\t\n\r\x1f\x7f"
"""Characters that are legal in a file's name and in a key, and that some stores change."""

_REFUSED = (InvalidInput, NotSupported, UnexpectedAnswer)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the store is good for; see ``mirror.Mirror``."""

    conditions: bool
    unfaithful: frozenset[str]


def probe(store: ObjectStore, prefix: str) -> Abilities:
    """Try the store out below ``prefix``.

    Raises NoSuchBucket, and what the store raises for a listing and a plain put.
    """
    folder = f"{prefix}{RESERVED_NAME}/{PROBE}/{uuid4().hex}/"
    # Some stores make a bucket of the first put, so that a mistyped name would look like success.
    # Not ``check``: a user's own policy lets nobody ask for the bucket as a whole.
    store.list_page(folder, limit=1)
    plain = f"{folder}plain"
    store.put(plain, b"", if_none_match=True)
    try:
        conditions = _honours_conditions(store, plain)
        odd = {f"{folder}{number}{char}x": char for number, char in enumerate(ODD_CHARACTERS)}
        for key in odd:
            _try_put(store, key)
        found = {
            entry.key for entry in iterate_keys(store, folder) if isinstance(entry, ObjectInfo)
        }
        unfaithful = frozenset(char for key, char in odd.items() if key not in found)
    finally:
        _clean(store, folder)
    return Abilities(conditions, unfaithful)


def _honours_conditions(store: ObjectStore, key: str) -> bool:
    try:
        store.put(key, b"", if_none_match=True)
    except (PreconditionFailed, ConcurrentChange):
        return True
    except NotSupported:
        return False
    return False


def _try_put(store: ObjectStore, key: str) -> None:
    try:
        store.put(key, b"")
    except _REFUSED:
        return  # Not in the listing then, and so not kept as it is.


def _clean(store: ObjectStore, folder: str) -> None:
    try:
        keys = [info.key for info in iterate_keys(store, folder) if isinstance(info, ObjectInfo)]
        store.delete_many(keys)
    except StorageError:
        return  # Reserved names are never shown nor restored: what stays harms nobody.
