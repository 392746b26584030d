"""What the handlers work with: the settings, the store and the threads that may wait for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Protocol, TypeVar

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.credentials.vending import Vendor
from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Settings, Tenancy

P = ParamSpec("P")
T = TypeVar("T")

CALLS = 16
"""How many store calls may wait at once; more are queued."""

PART_STREAMS = 8
"""How many parts stream at once. They have threads of their own: a slow browser occupies one
for as long as its body takes, and must not keep listings from being answered."""


class SyncAgent(Protocol):
    """What the handlers ask of the sync agent's supervisor."""

    @property
    def status(self) -> SyncStatus:
        """The last status that is known."""
        ...

    async def request(self, op: str, held: str | None = None) -> SyncStatus:
        """Ask the agent for something; ``held``: the id of the deletions that are accepted.

        Raises AgentUnavailable, DeletionsChanged, InvalidInput.
        """
        ...


class Backend:
    """The store of one tenancy, opened when it is first needed, and threads for its calls.

    Opening loads the S3 library and reads the SDK's configuration, which would delay the server's
    start, and whose failure must not prevent it. ``vendor`` makes temporary credentials; without
    one there are none to be had.
    """

    def __init__(
        self,
        settings: Settings,
        open_store: Callable[[str], ObjectStore],
        *,
        agent: SyncAgent | None = None,
        vendor: Vendor | None = None,
        environment: Mapping[str, str] | None = None,
        log: logging.Logger | logging.LoggerAdapter[logging.Logger] | None = None,
    ) -> None:
        self.settings = settings
        self.log = log or logging.getLogger("wherobots_storage")
        self.agent = agent
        self.vendor = vendor
        self.environment = dict(environment or {})
        self._open_store = open_store
        self._store: ObjectStore | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._calls = ThreadPoolExecutor(CALLS, "wherobots-storage")
        self.part_threads = ThreadPoolExecutor(PART_STREAMS, "wherobots-storage-part")

    @property
    def tenancy(self) -> Tenancy:
        """Whose tree is served. Raises NotConfigured, InvalidConfiguration."""
        return self.settings.require_tenancy()

    def store(self) -> ObjectStore:
        """The store; blocks while it is opened. Raises what ``tenancy`` and opening raise."""
        with self._lock:
            if self._store is None:
                self._store = self._open_store(self.tenancy.root.bucket)
            return self._store

    async def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a blocking call in a thread; the event loop goes on meanwhile.

        Raises StoreUnavailable once the server stops, and what the call raises.
        """
        if self._closed:
            raise StoreUnavailable("The server is stopping.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._calls, lambda: call(*args, **kwargs))

    def close(self) -> None:
        """Give up threads and connections; calls that hang are not waited for."""
        self._closed = True
        self._calls.shutdown(wait=False, cancel_futures=True)
        self.part_threads.shutdown(wait=False, cancel_futures=True)
        with self._lock, contextlib.suppress(Exception):
            if self._store is not None:
                self._store.close()
