"""The longest lifetime that a source gives: said by the sources that know it, tried with others."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from wherobots_storage.audit import tell
from wherobots_storage.credentials.source import (
    CHAINED_SECONDS,
    MAX_SECONDS,
    Credentials,
    CredentialSource,
)
from wherobots_storage.errors import InvalidConfiguration, InvalidInput
from wherobots_storage.namespace.policy import Scope

HOUR = 3600
STEPS = (MAX_SECONDS, 8 * HOUR, 4 * HOUR)
"""What is tried, the longest first. Every role gives an hour (IAM API reference, CreateRole:
MaxSessionDuration), so that less need not be tried."""


@runtime_checkable
class KnowsLongest(Protocol):
    """A CredentialSource that is told by whoever makes its sessions how long they may live."""

    def longest(self, scope: Scope) -> int:
        """In seconds. Raises as CredentialSource says."""
        ...


def longest_of(source: CredentialSource, scope: Scope, user: str) -> int:
    """The longest lifetime that ``source`` gives ``scope``, in seconds. Blocks.

    STS tells nobody what a role's maximum is but who may look at roles, which a server need not;
    so sessions are asked for. They are handed to nobody, and the one that is given is told to the
    audit log as every other is, for ``user``. Raises as CredentialSource says.
    """
    if isinstance(source, KnowsLongest):
        return source.longest(scope)
    for seconds in STEPS:
        try:
            found = source.vend(scope, seconds)
        except InvalidConfiguration:
            raise
        except InvalidInput:
            continue
        _tell(found, scope, seconds, user)
        return seconds
    return CHAINED_SECONDS


def _tell(found: Credentials, scope: Scope, seconds: int, user: str) -> None:
    facts: dict[str, object] = {"by": "lifetimes", "user": user, "scope": scope.name}
    facts |= {"access": scope.rights, "seconds": seconds}
    tell(
        "credentials-vended", facts | {"accessKeyId": found.access_key_id, "expires": found.expires}
    )
