"""A source's sessions as botocore takes them: asked for when one is needed, and again in time."""

from __future__ import annotations

from botocore.credentials import DeferredRefreshableCredentials

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
