"""The hub's service on an event loop of its own thread, with the hub itself played."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tornado.netutil import bind_sockets

from wherobots_storage.credentials.source import Credentials
from wherobots_storage.errors import StorageError
from wherobots_storage.hub.service import make_application, make_server
from wherobots_storage.hub.vending import HubUser, HubUsers, HubVendor
from wherobots_storage.namespace.policy import Scope

PREFIX = "/services/storage/"


def of_a_server(owner: str) -> tuple[str, ...]:
    """The scopes of a server's own token."""
    return f"access:servers!server={owner}/", f"users:activity!user={owner}"


class Tokens:
    """A hub that knows these tokens."""

    def __init__(self) -> None:
        self.known: dict[str, HubUser] = {}
        self.error: StorageError | None = None

    def add(
        self,
        token: str,
        name: str,
        *,
        kind: str = "user",
        scopes: tuple[str, ...] | None = None,
    ) -> None:
        """Make a token known: by its scopes of the user's own server, unless others are given."""
        self.known[token] = HubUser(name, kind, of_a_server(name) if scopes is None else scopes)

    async def find(self, token: str) -> HubUser | None:
        """Its owner."""
        if self.error is not None:
            raise self.error
        return self.known.get(token)


class Sessions:
    """A source for every customer; notes what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Scope, int]] = []
        self.error: StorageError | None = None

    def of(self, customer: str) -> _Source:
        """The source for a customer."""
        return _Source(self, customer)


class _Source:
    def __init__(self, sessions: Sessions, customer: str) -> None:
        self._sessions = sessions
        self._customer = customer

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A session with the customer's name in its key."""
        self._sessions.asked.append((self._customer, scope, seconds))
        if self._sessions.error is not None:
            raise self._sessions.error
        key = f"ASIA-{self._customer}"
        return Credentials(key, "the-secret", "the-session-token", 1_900_000_000.0)


class Service:
    """A running service; a context manager."""

    def __init__(self, users: HubUsers, vendor: HubVendor) -> None:
        self._users = users
        self._vendor = vendor
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._pool = ThreadPoolExecutor(4)
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    async def _start(self) -> None:
        application = make_application(PREFIX, self._users, self._vendor, self._pool)
        self._server = make_server(application)
        sockets = bind_sockets(0, "127.0.0.1")
        self._server.add_sockets(sockets)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}{PREFIX}"

    async def _stop(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
        self._pool.shutdown()
