"""What travels between the hub's service and the servers of its users."""

from __future__ import annotations

import msgspec

from wherobots_storage.credentials.source import CHAINED_SECONDS
from wherobots_storage.errors import StorageError
from wherobots_storage.namespace.policy import Rights

PATH = "credentials"
"""Below the service's prefix."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a server asks for: a folder by its key below the root, or all of the user's.

    There is no customer in it: the service knows whose token it is.
    """

    folder: str | None
    access: Rights
    seconds: int


class Vended(msgspec.Struct, frozen=True, rename="camel"):
    """A session, and whose tree it is for. ``expiration`` is in seconds since the epoch.

    ``longest``: how many seconds a session of this service may live.
    """

    customer: str
    root: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: float
    longest: int = CHAINED_SECONDS


class Refused(msgspec.Struct, frozen=True):
    """Why there is none: an error's code and its message for people."""

    code: str
    message: str


def error_kinds() -> dict[str, type[StorageError]]:
    """The errors that a code means."""
    found: dict[str, type[StorageError]] = {}
    waiting: list[type[StorageError]] = [StorageError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting += kind.__subclasses__()
    return found
