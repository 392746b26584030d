"""A source whose sessions are told to the audit log, for whoever asks it without a request."""

from __future__ import annotations

import logging

from wherobots_storage.audit import tell
from wherobots_storage.credentials.source import Credentials, CredentialSource
from wherobots_storage.errors import StorageError
from wherobots_storage.namespace.policy import Scope


class AuditedSource:
    """A CredentialSource before another: a line for each session, and for each that was not given.

    ``by``: what asks (``server``, or the command's name); ``user``: the customer that it is for.
    """

    def __init__(self, source: CredentialSource, *, by: str, user: str) -> None:
        self._source = source
        self._who = {"by": by, "user": user}

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """As the source does."""
        facts = self._who | {"scope": scope.name, "access": scope.rights, "seconds": seconds}
        try:
            found = self._source.vend(scope, seconds)
        except StorageError as error:
            tell("credentials-failed", facts | {"code": error.code}, level=logging.WARNING)
            raise
        tell(
            "credentials-vended",
            facts | {"accessKeyId": found.access_key_id, "expires": found.expires},
        )
        return found
