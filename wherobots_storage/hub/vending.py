"""Who may have which session: the hub's user decides, and nothing that a request says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from wherobots_storage.credentials.source import (
    CHAINED_SECONDS,
    Credentials,
    CredentialSource,
    check_seconds,
)
from wherobots_storage.errors import AccessDenied, InvalidInput, NoCredentials, SlowDown
from wherobots_storage.hub.wire import Asked, Vended
from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope

BURST = 30
EVERY_SECONDS = 10.0
"""A user may have so many sessions at once, and then one every so many seconds. A server asks for
one an hour, as do its agent and its kernels."""

ACCESS = "access:servers"
"""The scope that a server's own token has, and a token with all of a user's rights."""


@dataclass(frozen=True, slots=True)
class HubUser:
    """Whose token it is, by the hub: ``kind`` is ``user`` or ``service``."""

    name: str
    kind: str
    scopes: tuple[str, ...]


def _is_for_own_servers(scope: str, user: str) -> bool:
    """Whether a scope lets its token's user into one of their own servers, or all of them.

    A server that is visited gets a token of its visitor's, for itself: ``!server=OWNER/NAME``
    (measured on JupyterHub 6.1). It must not buy the visitor's files. An administrator's scope for
    all servers will not do: a hub may be configured to hand that on.
    """
    granted, _, limit = scope.partition("!")
    return granted == ACCESS and (limit == f"user={user}" or limit.startswith(f"server={user}/"))


class HubUsers(Protocol):
    """The hub, asked for the owner of a token."""

    async def find(self, token: str) -> HubUser | None:
        """The owner, or None for a token that the hub does not know. Raises StoreUnavailable."""
        ...


class Limiter:
    """A bucket of tokens for each name; ``clock`` gives seconds that only go forward."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, name: str) -> bool:
        """Whether there is one for the name; then it is taken."""
        with self._lock:
            now = self._clock()
            left, since = self._left.get(name, (float(BURST), now))
            left = min(float(BURST), left + (now - since) / EVERY_SECONDS)
            if left < 1:
                return False
            self._left[name] = (left - 1, now)
            self._forget_full(now)
            return True

    def _forget_full(self, now: float) -> None:
        for name, (left, since) in list(self._left.items()):
            if left + (now - since) / EVERY_SECONDS >= BURST:
                del self._left[name]


class HubVendor:
    """Vends sessions of one deployment, each for the user whose token was shown.

    ``sources`` gives the source for a customer, which stands in the session's name. No session
    lives longer than ``most`` seconds, since none can be taken back.
    """

    def __init__(
        self,
        root: Root,
        sources: Callable[[str], CredentialSource],
        limiter: Limiter | None = None,
        *,
        most: int = CHAINED_SECONDS,
    ) -> None:
        self._root = root
        self._sources = sources
        self._limiter = limiter or Limiter()
        self._most = most

    def customer(self, user: HubUser | None) -> str:
        """The folder of the user. Raises NoCredentials, AccessDenied, SlowDown.

        A token must be good for the user's own servers: one made for less (to read the hub's list
        of groups, say), that its user gave to somebody, is not good for the user's files. Nor is
        one that the hub gave another's server, when the user visited that.
        """
        if user is None:
            raise NoCredentials("The hub does not know the token that was shown.")
        if user.kind != "user":
            raise AccessDenied("Credentials are for users of the hub, not for its services.")
        if not any(_is_for_own_servers(one, user.name) for one in user.scopes):
            message = (
                f"The token that was shown has no scope {ACCESS} for its user's own servers: it "
                "is not the token of one."
            )
            raise AccessDenied(message)
        if not self._limiter.take(user.name):
            raise SlowDown("That was often. Try again in a moment.")
        return customer_from_user(user.name)

    def scope(self, customer: str, asked: Asked) -> Scope:
        """What is asked for, by the customer's own permission table.

        Raises OutsideArea, ReadOnlyFolder, InvalidPath; InvalidInput for a lifetime that cannot be.
        """
        if check_seconds(asked.seconds) > self._most:
            message = f"This hub gives credentials for up to {self._most:,} seconds. Ask for less."
            raise InvalidInput(message)
        table = PermissionTable(customer)
        if asked.folder is None:
            return Scope.of_areas(self._root, table, asked.access)
        folder = StoragePath.from_relative(asked.folder)
        return Scope.of_folder(self._root, table, folder, asked.access)

    def vend(self, customer: str, scope: Scope, seconds: int) -> Vended:
        """A session. Blocks; raises as CredentialSource says."""
        found: Credentials = self._sources(customer).vend(scope, seconds)
        return Vended(
            customer=customer,
            root=self._root.url,
            access_key_id=found.access_key_id,
            secret_access_key=found.secret_access_key,
            session_token=found.session_token,
            expiration=found.expiration,
            longest=self._most,
        )
