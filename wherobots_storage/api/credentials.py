"""The structures of ``credentials``; the browser keeps an answer while its dialog is open."""

from __future__ import annotations

from typing import Literal

from wherobots_storage.api.models import Wire


class CredentialsLimits(Wire, frozen=True, kw_only=True):
    """What can be asked for: sessions that live ``max_seconds`` at most."""

    max_seconds: int


class CredentialsRequest(Wire, frozen=True, kw_only=True):
    """Make temporary credentials for a folder, or for all the user's writable ones.

    ``seconds``: how long they live, 900 to 43,200.
    """

    path: str | None = None
    access: Literal["read", "upload", "write"] = "upload"
    seconds: int = 3600


class Snippets(Wire, frozen=True, kw_only=True):
    """Credentials ready to paste; the commands upload ``my-data/`` with what stands above them.

    ``ini`` goes with ``profile_command`` and ``bash`` with ``bash_command``, in a bash; the other
    two are for PowerShell. Without the right to upload the commands are empty.
    """

    ini: str
    bash: str
    powershell: str
    profile_command: str
    bash_command: str
    powershell_command: str


class VendedCredentials(Wire, frozen=True, kw_only=True):
    """Temporary credentials. ``seconds_left`` is by the server's clock, not by the browser's.

    ``scope`` names the folder that they are for; ``endpoint_url`` is None for AWS itself.
    """

    access_key_id: str
    secret_access_key: str
    session_token: str
    expiration: str
    seconds_left: int
    scope: str
    access: Literal["read", "upload", "write"]
    uri: str
    region: str
    endpoint_url: str | None
    snippets: Snippets
