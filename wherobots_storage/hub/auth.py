"""JupyterHub's own way to tell whose a token is (``jupyterhub.services.auth.HubAuth``)."""

from __future__ import annotations

from typing import Any

from tornado.web import HTTPError

from wherobots_storage.errors import InvalidConfiguration, StoreUnavailable
from wherobots_storage.hub.vending import HubUser

CACHE_SECONDS = 60
"""How long the token of a server that was stopped may still be good for a session."""


class HubTokens:
    """HubUsers by HubAuth, which is set up by the variables that the hub gives its services.

    Raises InvalidConfiguration without JupyterHub.
    """

    def __init__(self) -> None:
        try:
            from jupyterhub.services.auth import HubAuth  # noqa: PLC0415 - an extra
        except ImportError:
            message = "JupyterHub is not installed: pip install 'wherobots-storage[hub]'."
            raise InvalidConfiguration(message) from None
        self._auth = HubAuth(cache_max_age=CACHE_SECONDS)

    async def find(self, token: str) -> HubUser | None:
        """Ask the hub. Raises StoreUnavailable."""
        try:
            model: Any = await self._auth.user_for_token(token, sync=False)
        except HTTPError as error:
            message = "The hub could not be asked whose token this is. Try again in a moment."
            raise StoreUnavailable(message) from error
        if not model:
            return None
        scopes = tuple(str(scope) for scope in model.get("scopes") or ())
        return HubUser(str(model["name"]), str(model.get("kind", "")), scopes)
