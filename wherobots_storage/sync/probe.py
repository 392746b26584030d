r"""Finding out, once at the start, what a store is good for: odd keys, and conditions.

A store that rewrites keys (SeaweedFS makes ``a/b`` of ``a\b``) would let one file take another's
place; what one does not list could not be restored, and would seem deleted; one that ignores
conditions would let two writers overwrite each other. All is told by a few small objects under
``.wherobots/probe/``, deleted again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from wherobots_storage.errors import (
    ConcurrentChange,
    NotSupported,
    PreconditionFailed,
    StorageError,
    UnexpectedAnswer,
)
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import PROBE
from wherobots_storage.objectstore.hiding import listed_keys, trial_keys, try_put
from wherobots_storage.objectstore.store import ObjectStore

ODD_CHARACTERS = "\\\x01\t\n\r\x1f\x7f"
"""Characters that are legal in a file's name and in a key, and that some stores change."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What the store is good for; see ``mirror.Mirror``."""

    conditions: bool
    unfaithful: frozenset[str]
    hidden: frozenset[str]


def probe(store: ObjectStore, prefix: str) -> Abilities:
    """Try the store out below ``prefix``.

    Raises NoSuchBucket, UnexpectedAnswer when the store does not list what is put there, and what
    it raises for a listing and a plain put.
    """
    folder = f"{prefix}{RESERVED_NAME}/{PROBE}/{uuid4().hex}/"
    # Some stores make a bucket of the first put, so that a mistyped name would look like success.
    # Not ``check``: a user's own policy lets nobody ask for the bucket as a whole.
    store.list_page(folder, limit=1)
    plain, trials = f"{folder}plain", trial_keys(folder)
    odd = {f"{folder}{number}{char}x": char for number, char in enumerate(ODD_CHARACTERS)}
    store.put(plain, b"", if_none_match=True)
    try:
        conditions = _honours_conditions(store, plain)
        for key in (*odd, *trials):
            try_put(store, key)
        found = listed_keys(store, folder)
        if plain not in found:
            message = (
                f"The store does not list what is put below {prefix}, so nothing is safe there."
            )
            raise UnexpectedAnswer(message)
        unfaithful = frozenset(char for key, char in odd.items() if key not in found)
        hidden = frozenset(name for key, name in trials.items() if key not in found)
    finally:
        _clean(store, folder, (plain, *odd, *trials))
    return Abilities(conditions, unfaithful, hidden)


def _honours_conditions(store: ObjectStore, key: str) -> bool:
    try:
        store.put(key, b"", if_none_match=True)
    except (PreconditionFailed, ConcurrentChange):
        return True
    except NotSupported:
        return False
    return False


def _clean(store: ObjectStore, folder: str, put: Iterable[str]) -> None:
    try:
        # Both what is listed, which need not be what was put, and what is not.
        store.delete_many(sorted({*listed_keys(store, folder), *put}))
    except StorageError:
        return  # Reserved names are never shown nor restored: what stays harms nobody.
