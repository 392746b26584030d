"""The sessions that users, kernels and servers hold, each made by the product's own parts."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Literal

from support.endpoints import RunningEndpoint

from wherobots_storage.app import StorageApp
from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.renewing import Sessions
from wherobots_storage.credentials.source import MIN_SECONDS, Credentials, CredentialSource
from wherobots_storage.credentials.vending import Vendor, scope_of
from wherobots_storage.namespace.policy import Rights, Scope
from wherobots_storage.settings import Settings, Tenancy

Kind = Literal["kernels", "server", "ingest", "readers"]
"""Whose session: of kernels and terminals, of the server and its agent, of who uploads with the AWS
CLI, and of who only reads."""


class _App(StorageApp):
    """The extension, whose sessions come from a source of the test's."""

    given: CredentialSource

    def begin(self, settings: Settings) -> None:
        """What the extension does at its start, as far as sessions are concerned."""
        self._sessions = self._make_sessions(settings)

    def make_source(self, settings: Settings) -> CredentialSource:
        del settings
        return self.given


def handed_out(kind: Kind, source: CredentialSource, tenancy: Tenancy, folder: str) -> Credentials:
    """A customer's session of a kind. ``folder`` is what ingest credentials are for."""
    if kind == "kernels":
        return _of_kernels(source, tenancy)
    if kind == "server":
        scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
        found = Sessions(CachedSource(source), scope)().get_frozen_credentials()
        return Credentials(str(found.access_key), str(found.secret_key), str(found.token), 0)
    rights: Rights = "read" if kind == "readers" else "upload"
    vendor = Vendor(tenancy, lambda: source, lambda uri: snippets.Place(uri, "us-east-1"))
    return vendor.vend(scope_of(tenancy, folder, rights), MIN_SECONDS).credentials


def _of_kernels(source: CredentialSource, tenancy: Tenancy) -> Credentials:
    """What the endpoint on loopback answers to a kernel."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "home", Path(folder) / "state", tenancy=tenancy)
        app = _App()
        app.given = source
        app.begin(settings)
        token = Path(folder) / "token"
        running = RunningEndpoint(lambda pool: app.make_endpoint(settings, token, pool), token)
        running.start()
        try:
            status, _, told = running.ask()
        finally:
            running.stop()
    assert status == 200, told
    ends = datetime.fromisoformat(told["Expiration"]).timestamp()
    return Credentials(told["AccessKeyId"], told["SecretAccessKey"], told["Token"], ends)
