"""A credentials endpoint on an event loop of its own thread, for tests that block."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from wherobots_storage.credentials.endpoint import PATH, CredentialsEndpoint
from wherobots_storage.credentials.source import Credentials, CredentialSource
from wherobots_storage.namespace.policy import Scope


class RunningEndpoint:
    """An endpoint, made for the threads that it is given, on an event loop of its own thread."""

    def __init__(self, make: Callable[[Executor], CredentialsEndpoint], token_file: Path) -> None:
        self.pool = ThreadPoolExecutor(2)
        self.endpoint = make(self.pool)
        self.token_file = token_file
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def start(self) -> None:
        """Start the loop and, on it, the endpoint."""
        self._thread.start()

        async def start() -> None:
            self.endpoint.start()

        asyncio.run_coroutine_threadsafe(start(), self._loop).result(60)

    def stop_endpoint(self) -> None:
        """Stop the endpoint only."""
        asyncio.run_coroutine_threadsafe(self.endpoint.stop(), self._loop).result(60)

    def stop(self) -> None:
        """Stop the endpoint, then its loop."""
        self.stop_endpoint()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()
        self.pool.shutdown()

    @property
    def port(self) -> int:
        """The endpoint's port."""
        return int(self.endpoint.url.split(":")[2].split("/")[0])

    @property
    def token(self) -> str:
        """The token as an SDK reads it."""
        return self.token_file.read_text()

    def ask(
        self, headers: Mapping[str, str] | None = None, method: str = "GET", path: str = PATH
    ) -> tuple[int, dict[str, str], dict[str, str]]:
        """Send a request with the token, but for ``headers``; the status, headers and answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(
                method, path, headers={"Authorization": self.token, **(headers or {})}
            )
            answer = connection.getresponse()
            body = answer.read()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, json.loads(body) if body else {}
        finally:
            connection.close()


class Running(RunningEndpoint):
    """An endpoint for customer-a with a source and a scope of the test's own."""

    def __init__(
        self, source: CredentialSource, scope: Scope, token_file: Path, **more: Any
    ) -> None:
        def make(threads: Executor) -> CredentialsEndpoint:
            return CredentialsEndpoint(
                source, scope, token_file, threads, user="customer-a", **more
            )

        super().__init__(make, token_file)


class Moved:
    """A clock that is moved, and a source of sessions whose expirations are told by it."""

    def __init__(self, source: CredentialSource) -> None:
        self._source = source
        self.seconds = 0
        self.given: list[str] = []
        """The key ids of the sessions, the last one last."""

    @property
    def delta(self) -> timedelta:
        """How far it is moved."""
        return timedelta(seconds=self.seconds)

    def time(self) -> float:
        """The time, in seconds since the epoch."""
        return time.time() + self.seconds

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A real session of the store's."""
        found = self._source.vend(scope, seconds)
        self.given.append(found.access_key_id)
        return replace(found, expiration=found.expiration + self.seconds)
