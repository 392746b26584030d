"""The CredentialSource of a hub's single-user server: the hub's service for storage."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
import urllib3

from wherobots_storage.credentials.source import MIN_SECONDS, Credentials, check_seconds
from wherobots_storage.errors import (
    InvalidConfiguration,
    NoCredentials,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.hub.wire import PATH, Asked, Refused, Vended, error_kinds
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.sockets import patient_pool
from wherobots_storage.settings import Tenancy

TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105 - the variable's name
"""Where a hub gives a single-user server its token (JupyterHub, "Environment variables")."""

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
"""How long a connection, and an answer that has begun, is waited for."""

MAX_BYTES = 64 * 1024


class HubSource:
    """A CredentialSource: asks the hub's service, showing the server's own hub token.

    The service says whose session it is. When that is not who this server believes it serves,
    nothing is handed on: another customer cannot be had by naming it.
    """

    def __init__(self, url: str, tenancy: Tenancy, environment: Mapping[str, str]) -> None:
        """``url`` is the service's, with a slash at its end."""
        self._url = url
        self._tenancy = tenancy
        self._environment = environment
        self._host = urlsplit(url).netloc
        # No proxy of the environment's: the token is for the hub alone.
        self._pool = patient_pool(urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS))

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Ask for a session. Raises as CredentialSource says.

        Raises InvalidConfiguration when the service is for another root, or the user another
        customer; NoCredentials when there is no hub token, or the hub does not accept it.
        """
        return self._checked(self._asked(scope, seconds))

    def longest(self, scope: Scope) -> int:
        """How many seconds a session may live, as the service says with one. Raises as ``vend``."""
        vended = self._asked(scope, MIN_SECONDS)
        self._checked(vended)
        return vended.longest

    def _asked(self, scope: Scope, seconds: int) -> Vended:
        asked = Asked(self._folder(scope), scope.rights, check_seconds(seconds))
        return self._ask(msgspec.json.encode(asked))

    def _folder(self, scope: Scope) -> str | None:
        """The scope's folder below the root; None for all of them, which the service knows."""
        everything = Scope.of_areas(self._tenancy.root, self._tenancy.permissions, scope.rights)
        if scope.prefixes == everything.prefixes:
            return None
        return scope.prefixes[0].removeprefix(self._tenancy.root.prefix)

    def _ask(self, body: bytes) -> Vended:
        token = self._environment.get(TOKEN)
        if not token:
            message = (
                f"The hub's service for storage is set up, but {TOKEN} is not set: this is no "
                "server that JupyterHub started."
            )
            raise NoCredentials(message)
        headers = {"Authorization": f"token {token}", "Content-Type": "application/json"}
        try:
            answer = self._pool.request(
                "POST",
                self._url + PATH,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            status, content = answer.status, answer.read(MAX_BYTES)
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            message = (
                f"The hub's service for storage at {self._host} is not reachable "
                f"({type(error).__name__}). Try again in a moment."
            )
            raise StoreUnavailable(message) from None
        try:
            if status != HTTPStatus.OK:
                self._refuse(status, msgspec.json.decode(content, type=Refused))
            return msgspec.json.decode(content, type=Vended)
        except msgspec.MsgspecError:
            raise self._unexpected(status) from None

    def _refuse(self, status: int, refused: Refused) -> None:
        kind = error_kinds().get(refused.code)
        if kind is None:
            raise self._unexpected(status)
        raise kind(refused.message)

    def _unexpected(self, status: int) -> UnexpectedAnswer | StoreUnavailable:
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # The hub's proxy answers so while the service is down.
            message = f"The hub's service for storage is not there at the moment (HTTP {status})."
            return StoreUnavailable(message)
        message = (
            f"What answers at {self._host} is not the hub's service for storage (HTTP {status}). "
            "Check WHEROBOTS_STORAGE_HUB_SERVICE."
        )
        return UnexpectedAnswer(message)

    def _checked(self, vended: Vended) -> Credentials:
        if vended.customer != self._tenancy.customer:
            message = (
                f"By the hub this server's user is {vended.customer!r}, and it is configured for "
                f"{self._tenancy.customer!r}: remove WHEROBOTS_STORAGE_CUSTOMER."
            )
            raise InvalidConfiguration(message)
        if vended.root != self._tenancy.root.url:
            message = (
                f"The hub's service for storage is for {vended.root}, and this server is "
                f"configured for {self._tenancy.root.url}: correct WHEROBOTS_STORAGE_ROOT."
            )
            raise InvalidConfiguration(message)
        parts = (vended.access_key_id, vended.secret_access_key, vended.session_token)
        # They are written to files and shells: a line feed in one would be a line of its own.
        if not all(re.fullmatch(r"[!-~]+", part) for part in parts):
            raise UnexpectedAnswer(f"{self._host} gave credentials that cannot be used.")
        return Credentials(*parts, vended.expiration)
