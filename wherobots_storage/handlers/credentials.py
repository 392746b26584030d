"""Temporary credentials over HTTP, for what the user does outside the browser.

What is answered is a session that STS made for the scope, or nothing: the server's own keys have
no way into an answer.
"""

from __future__ import annotations

import logging
import time
from typing import NoReturn

from jupyter_server.auth.decorator import authorized
from tornado import web

from wherobots_storage.api.credentials import (
    CredentialsLimits,
    CredentialsRequest,
    Snippets,
    VendedCredentials,
)
from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.source import NO_ROLE, check_seconds
from wherobots_storage.credentials.vending import Vended, Vendor, scope_of
from wherobots_storage.errors import (
    InvalidConfiguration,
    OutsideArea,
    ReadOnlyFolder,
    StorageError,
)
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.namespace.policy import ALL, Scope


class CredentialsHandler(StorageHandler):
    """``credentials``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with what can be asked for, as far as the source of sessions tells it.

        Raises as ``post``.
        """
        vendor = self._vendor()
        self.answer(CredentialsLimits(max_seconds=await self.backend.run(vendor.longest)))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Vend for one folder, or for all the user's own.

        Raises InvalidConfiguration where nothing is set up to vend, and what CredentialSource and
        Scope raise.
        """
        request = self.json_body(CredentialsRequest)
        check_seconds(request.seconds)
        tenancy = self.backend.tenancy
        try:
            scope = scope_of(tenancy, request.path, request.access)
            vendor = self._vendor()
            vended = await self.backend.run(vendor.vend, scope, request.seconds)
        except StorageError as error:
            self._tell_failure(request, error)
        keys = vended.credentials
        facts = {"accessKeyId": keys.access_key_id, "expires": keys.expires}
        self.audit("credentials-vended", self._asked(request, scope.name) | facts)
        self.answer(vended_credentials(vended, scope))

    def _vendor(self) -> Vendor:
        if self.backend.vendor is None:
            raise InvalidConfiguration(NO_ROLE)
        return self.backend.vendor

    def _tell_failure(self, request: CredentialsRequest, error: StorageError) -> NoReturn:
        """Write the audit line of an error, and raise it again."""
        refused = isinstance(error, OutsideArea | ReadOnlyFolder)
        event = "credentials-refused" if refused else "credentials-failed"
        scope = ALL if request.path is None else request.path
        facts = self._asked(request, scope) | {"code": error.code}
        self.audit(event, facts, level=logging.WARNING)
        if request.path is not None:
            error.at(request.path)
        raise error

    @staticmethod
    def _asked(request: CredentialsRequest, scope: str) -> dict[str, object]:
        return {"scope": scope, "access": request.access, "seconds": request.seconds}


def vended_credentials(vended: Vended, scope: Scope) -> VendedCredentials:
    """The answer: the keys, and what to paste."""
    keys, place = vended.credentials, vended.place
    return VendedCredentials(
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        session_token=keys.session_token,
        expiration=keys.expires,
        seconds_left=max(0, int(keys.expiration - time.time())),
        scope=scope.name,
        access=scope.rights,
        uri=place.uri,
        region=place.region,
        endpoint_url=place.endpoint_url,
        snippets=_snippets(vended, scope),
    )


def _snippets(vended: Vended, scope: Scope) -> Snippets:
    keys, place = vended.credentials, vended.place
    uploads = scope.rights != "read"
    return Snippets(
        ini=snippets.ini(keys, place),
        bash=snippets.bash(keys, place),
        powershell=snippets.powershell(keys, place),
        profile_command=snippets.command(place) if uploads else "",
        bash_command=snippets.command(place, profile=False) if uploads else "",
        powershell_command=snippets.command(place, "powershell", profile=False) if uploads else "",
    )
