"""The home's mirror in the bucket: where it is, how it is reached, what the store is good for."""

from __future__ import annotations

from dataclasses import dataclass

from wherobots_storage.errors import (
    ClockSkew,
    CredentialsError,
    NoSuchBucket,
    StorageError,
    StoreUnavailable,
    WrongRegion,
)
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore

_GLOBAL = (CredentialsError, NoSuchBucket, WrongRegion, ClockSkew)


@dataclass(frozen=True, slots=True)
class Mirror:
    """The objects under ``prefix``, which ends with a slash.

    ``conditions``: the store honours If-Match and If-None-Match; without, HEAD comparisons stand
    in. ``unfaithful``: characters that it does not keep in a key as they are.
    """

    store: ObjectStore
    transfers: BulkTransfers
    prefix: str
    conditions: bool = True
    unfaithful: frozenset[str] = frozenset()

    def key(self, path: str) -> str:
        """The full key of a path."""
        return self.prefix + path


class OutageDetector:
    """Tells one bad object from a store that is out of reach.

    Errors that concern every object are an outage at once; a refusal or failure that could be one
    object's own becomes one when so many come in a row with no success between.
    """

    ROW = 8

    def __init__(self) -> None:
        self._row = 0

    def success(self) -> None:
        """An answer came."""
        self._row = 0

    def failure(self, error: StorageError) -> None:
        """Count a failure. Raises it when it is an outage."""
        self._row += 1
        if isinstance(error, _GLOBAL) or (self._row >= self.ROW and not is_local(error)):
            raise error


def is_local(error: StorageError) -> bool:
    """Whether an error says that this very object's state was in the way, not the store."""
    return error.code in {"precondition-failed", "concurrent-change", "not-found", "too-large"}


def is_passing(error: StorageError) -> bool:
    """Whether trying again by itself may help."""
    return error.retryable or isinstance(error, StoreUnavailable)
