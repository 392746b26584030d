"""The home's mirror in the bucket: where it is, how it is reached, what the store is good for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from wherobots_storage.errors import (
    ClockSkew,
    CredentialsError,
    NoSuchBucket,
    StorageError,
    StoreUnavailable,
    WrongRegion,
)
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import PROBE
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore

_GLOBAL = (CredentialsError, NoSuchBucket, WrongRegion, ClockSkew)


@dataclass(frozen=True, slots=True)
class Mirror:
    """The objects under ``prefix``, which ends with a slash.

    ``conditions``: the store honours If-Match and If-None-Match; without, HEAD comparisons stand
    in. ``unfaithful``: characters that it does not keep in a key as they are. ``hidden``: names of
    folders that it does not list, as in ``namespace.hidden``.
    """

    store: ObjectStore
    transfers: BulkTransfers
    prefix: str
    conditions: bool = True
    unfaithful: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    def key(self, path: str) -> str:
        """The full key of a path."""
        return self.prefix + path

    def ask(self) -> None:
        """One request, for nothing but the answer. Raises the StorageError of an outage."""
        self.store.list_page(self.prefix, limit=1)

    def ask_to_write(self) -> None:
        """The same by a put under a reserved name, for who needs one: a full store still lists."""
        key = f"{self.prefix}{RESERVED_NAME}/{PROBE}/answer"
        self.store.put(key, b"")
        with suppress(StorageError):  # What stays there harms nobody.
            self.store.delete(key)


class OutageDetector:
    """Tells one bad object from a store that is out of reach.

    Errors that concern every object are an outage at once. Refusals and failures that could be the
    objects' own (another account's, archived, under a policy) say nothing, however many come: after
    each row of them with no success between, one ``question`` finds out, such as ``Mirror.ask``.
    """

    ROW = 8

    def __init__(self, question: Callable[[], None]) -> None:
        self._question = question
        self._row = 0

    def success(self) -> None:
        """An answer came."""
        self._row = 0

    def failure(self, error: StorageError) -> None:
        """Count a failure. Raises a StorageError when it is an outage: this, or the question's."""
        if isinstance(error, _GLOBAL):
            raise error
        self._row += 1
        if self._row >= self.ROW and not is_local(error):
            self._question()
            self._row = 0


def is_local(error: StorageError) -> bool:
    """Whether an error says that this very object's state was in the way, not the store."""
    return error.code in {"precondition-failed", "concurrent-change", "not-found", "too-large"}


def is_passing(error: StorageError) -> bool:
    """Whether trying again by itself may help."""
    return error.retryable or isinstance(error, StoreUnavailable)
