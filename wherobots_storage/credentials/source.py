"""The port to temporary credentials: what they are, and what a source of them promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from wherobots_storage.errors import InvalidInput
from wherobots_storage.namespace.policy import Scope

MIN_SECONDS = 900
MAX_SECONDS = 43_200
CHAINED_SECONDS = 3_600
"""The lifetimes that STS gives; an hour at most where one role assumes another (STS API
reference, AssumeRole: DurationSeconds)."""

NO_ROLE = (
    "There is no role to make temporary credentials with: set WHEROBOTS_STORAGE_ROLE_ARN. "
    "What the role needs is printed by: wherobots-storage policy --help"
)
"""What to configure where nothing can be vended."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Temporary keys. ``expiration`` is in seconds since the epoch.

    The secrets are not part of ``repr``, so that no log line or traceback has them by accident.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expiration: float

    @property
    def expires(self) -> str:
        """When they expire, in ISO 8601, whole seconds, UTC."""
        return datetime.fromtimestamp(int(self.expiration), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class CredentialSource(Protocol):
    """Gives credentials for a scope. Blocks; safe to call from several threads at once."""

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Credentials that reach ``scope`` and nothing else, for ``seconds`` (900 to 43,200).

        Raises InvalidInput for a lifetime that cannot be, TooLarge when the scope's names do not
        fit in a policy, AccessDenied when the source's own identity may not, NotSupported where
        the store has no STS, CredentialsError and its kinds, StoreError and its kinds.
        """
        ...


def check_seconds(seconds: int) -> int:
    """Return a lifetime that STS can give. Raises InvalidInput for any other."""
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        message = (
            f"Credentials can live from {MIN_SECONDS:,} to {MAX_SECONDS:,} seconds "
            f"(15 minutes to 12 hours), not {seconds:,}."
        )
        raise InvalidInput(message)
    return seconds
