"""botocore sessions that share what they load: reading S3's model takes 100 ms of CPU each."""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials
from botocore.loaders import Loader, create_loader

from wherobots_storage.objectstore.patience import make_patient

CONNECT_SECONDS, READ_SECONDS = 10, 60
"""How long a connection, and an answer's next byte, is waited for on the way to credentials."""

SESSION_METHOD = "user-session"
"""What a user's session is called where botocore names its credential providers."""


def new_session() -> botocore.session.Session:
    """A session of the AWS SDK with its own configuration and credentials.

    Sessions are not thread-safe, so that nobody shares one; clients are.
    """
    session = botocore.session.Session()
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    make_patient(session, connect=CONNECT_SECONDS, read=READ_SECONDS)
    return session


def use_only(session: botocore.session.Session, credentials: Credentials) -> None:
    """Let the session find these credentials and no others."""
    resolver = CredentialResolver([_Given(credentials)])
    session.register_component("credential_provider", resolver)


class _Given(CredentialProvider):
    """A provider of what it was given."""

    METHOD = "given"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        """The credentials."""
        return self._credentials


@cache
def _loader(data_path: str | None) -> Loader:
    return create_loader(data_path)
