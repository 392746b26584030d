"""A source's sessions as botocore takes them: asked for when one is needed, and again in time."""

from __future__ import annotations

from botocore.credentials import DeferredRefreshableCredentials

from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.source import CHAINED_SECONDS, CredentialSource
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.sessions import SESSION_METHOD


def renewing(
    source: CredentialSource, scope: Scope, seconds: int = CHAINED_SECONDS
) -> DeferredRefreshableCredentials:
    """Credentials for one scope, for any number of threads. Nothing is asked for yet.

    Put a CachedSource there: botocore asks at every request in the last 15 minutes of a session.
    Using them raises what ``source`` raises.
    """

    def refresh() -> dict[str, str]:
        found = source.vend(scope, seconds)
        return {
            "access_key": found.access_key_id,
            "secret_key": found.secret_access_key,
            "token": found.session_token,
            "expiry_time": found.expires,
        }

    return DeferredRefreshableCredentials(refresh, SESSION_METHOD)


class Sessions:
    """The sessions of one scope, one after the other, as ``open_store`` looks for them.

    Each call gives another: a store calls again when it no longer takes the session in use, though
    that has time left (it was ended early, the role's keys were changed, a clock is wrong).
    """

    def __init__(self, source: CachedSource, scope: Scope, seconds: int = CHAINED_SECONDS) -> None:
        self._source = source
        self._scope = scope
        self._seconds = seconds

    def __call__(self) -> DeferredRefreshableCredentials:
        """As ``renewing``, and never what is kept from before."""
        self._source.forget(self._scope, self._seconds)
        return renewing(self._source, self._scope, self._seconds)
