"""The Jupyter server extension: puts the parts together, starts them and stops them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from jupyter_core.utils import ensure_async
from jupyter_server.extension.application import ExtensionApp

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.config import SETTINGS, StorageConfig
from wherobots_storage.credentials.audited import AuditedSource
from wherobots_storage.credentials.cache import CachedSource, LazySource
from wherobots_storage.credentials.endpoint import CredentialsEndpoint
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import CredentialSource
from wherobots_storage.credentials.vending import Vendor
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.events.emit import EventEmitter
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.jobs import JobManager
from wherobots_storage.handlers.routes import routes
from wherobots_storage.handlers.upload_manager import UploadManager
from wherobots_storage.kernels.credentials import KernelCredentials
from wherobots_storage.kernels.environment import storage_environment
from wherobots_storage.kernels.inject import EnvironmentInjector
from wherobots_storage.kernels.sdk import SdkSetup
from wherobots_storage.namespace.customer import check_customer
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import OPEN_UPLOADS, Settings, Tenancy
from wherobots_storage.sync.state import StateFolder

KERNEL_SECONDS = 5.0
"""How long kernels and terminals may take to end, out of the time for the final sync."""

CREDENTIAL_THREADS = 2
"""Kernels wait for their credentials on threads of their own, whatever the store is busy with."""

JOB_SECONDS = 5.0
"""How long a batch of deletes that is under way is waited for."""


class Supervisor(Protocol):
    """What is used of the sync agent's supervisor."""

    @property
    def status(self) -> SyncStatus:
        """The last status that is known."""
        ...

    def spawn(self) -> None:
        """Start the agent; does not wait."""
        ...

    def wait_restored(self, seconds: float) -> bool:
        """Block until the home is restored, or the seconds are over."""
        ...

    async def run(self) -> None:
        """Listen to the agent, and start it again when it dies; until cancelled."""
        ...

    async def request(self, op: str, held: str | None = None) -> SyncStatus:
        """Ask the agent for something; ``held``: the id of the deletions that are accepted."""
        ...

    async def stop(self, deadline: float) -> None:
        """Let the agent make its final sync, for so many seconds. Raises nothing."""
        ...


class StorageApp(StorageConfig, ExtensionApp):
    """The organisation's storage in JupyterLab: routes, environment, events, sync agent."""

    name = "wherobots_storage"
    description = "The organisation's object storage in JupyterLab."
    load_other_extensions = True

    def initialize_settings(self) -> None:
        """Read the configuration, set the kernels' environment, restore the home.

        This blocks: the server's port opens after it. Nothing here raises for a store that is
        down or a setting that is wrong; the panel says what it is.
        """
        self._stopping: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._supervisor: Supervisor | None = None
        self._injector = EnvironmentInjector()
        self._share_log()
        self._events = EventEmitter(self._server.event_logger)
        settings = self._read_settings()
        self._sessions = self._make_sessions(settings)
        environment = self._set_environment(settings)
        self._supervisor = self._start_agent(settings)
        self._backend = Backend(
            settings,
            lambda _: self.make_store(settings),
            agent=self._supervisor,
            vendor=self.make_vendor(settings),
            environment=environment,
            log=self.log,
        )
        self._kernel_credentials = self._prepare_kernels(settings)
        self._jobs = JobManager(self._backend, self._events.job)
        self._uploads = UploadManager(self._backend, settings.state_dir / OPEN_UPLOADS)

    @property
    def _server(self) -> Any:  # noqa: ANN401 -- a ServerApp; its traits have no types
        return self.serverapp

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend(routes(self._backend, self._jobs, self._uploads))

    def make_store(self, settings: Settings) -> ObjectStore:
        """Open the store; tests override it."""
        # Imported late: it loads the S3 library.
        from wherobots_storage.credentials.stores import open_user_store  # noqa: PLC0415

        return open_user_store(settings, source=self._sessions)

    def make_supervisor(self, settings: Settings) -> Supervisor:
        """Make the sync agent's supervisor; tests override it."""
        from wherobots_storage.sync.supervisor import AgentSupervisor  # noqa: PLC0415

        return AgentSupervisor(settings, self._events.sync_status)

    def make_vendor(self, settings: Settings) -> Vendor | None:
        """Make what vends temporary credentials; None without a role. Tests override it."""
        if settings.tenancy is None or not settings.has_source:
            return None
        return Vendor(settings.tenancy, lambda: self.make_source(settings), self._place)

    def make_source(self, settings: Settings) -> CredentialSource:
        """Open the source of temporary credentials. Raises InvalidConfiguration."""
        from wherobots_storage.credentials.connect import source_of  # noqa: PLC0415 - as above

        return source_of(settings)

    def make_endpoint(
        self, settings: Settings, token: Path, threads: Executor
    ) -> CredentialsEndpoint:
        """Make what kernels and terminals ask for credentials; tests override it."""
        tenancy = settings.require_tenancy()
        scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
        return CredentialsEndpoint(self._sessions, scope, token, threads, user=tenancy.customer)

    def _make_sessions(self, settings: Settings) -> CachedSource:
        """What the server's store and kernels share: a session that the one lost, both lose."""
        user = settings.tenancy.customer if settings.tenancy is not None else ""
        opened = LazySource(lambda: self.make_source(settings))
        return CachedSource(AuditedSource(opened, by="server", user=user))

    def _place(self, uri: str) -> Place:
        from wherobots_storage.credentials.connect import place_in  # noqa: PLC0415 - as above

        return place_in(self._backend.store(), uri)

    def _share_log(self) -> None:
        """Let what the package logs (the supervisor, say) go where the server's own log goes."""
        package = logging.getLogger("wherobots_storage")
        self._added = [handler for handler in self.log.handlers if handler not in package.handlers]
        for handler in self._added:
            package.addHandler(handler)
        package.setLevel(self.log.level)

    def _read_settings(self) -> Settings:
        explicit = {
            trait
            for config in (self.cli_config, self._server.cli_config)
            for section in ("StorageApp", "StorageConfig")
            for trait in config.get(section, {})
        }
        settings = self.storage_settings(
            default_home=Path(self._server.root_dir), explicit=explicit
        )
        if settings.problem is not None:
            self.log.warning("wherobots_storage: %s", settings.problem.message)
        return settings

    def _set_environment(self, settings: Settings) -> dict[str, str]:
        """Set what kernels and terminals see; returns the variables for notebooks."""
        if settings.tenancy is None:
            return {}
        variables = storage_environment(settings.tenancy, settings.environment)
        self._injector.inject(variables)
        # `wherobots-storage status` in a terminal must mean this server's home and state.
        self._injector.inject(_twins(settings, settings.tenancy))
        return variables

    def _prepare_kernels(self, settings: Settings) -> KernelCredentials | None:
        """See to it that kernels and terminals get credentials of their own, where they can."""
        if not settings.scopes_kernels:
            return None
        if self._server.gateway_config.gateway_enabled:
            # They run elsewhere, where neither this environment nor this loopback reaches.
            return None
        threads = ThreadPoolExecutor(CREDENTIAL_THREADS, "wherobots-storage-credentials")
        made = KernelCredentials(
            StateFolder.for_settings(settings).path,
            lambda token: self.make_endpoint(settings, token, threads),
            self._sdk_setup,
            threads,
        )
        made.prepare(self._server.kernel_manager)
        self._see_to_terminals(made)
        return made

    def _see_to_terminals(self, kernels: KernelCredentials) -> None:
        # Their extension is loaded before this one by its name's place in the alphabet, no more.
        terminals = self._server.web_app.settings.get("terminal_manager")
        if terminals is not None:
            kernels.see_to_terminals(terminals)

    def _sdk_setup(self) -> SdkSetup:
        found = self._place(self._backend.tenancy.root.url)
        return SdkSetup(region=found.region, endpoint_url=found.endpoint_url)

    def _start_agent(self, settings: Settings) -> Supervisor | None:
        if settings.tenancy is None or not settings.sync:
            return None
        try:
            supervisor = self.make_supervisor(settings)
            supervisor.spawn()
            if not supervisor.wait_restored(settings.restore_wait):
                self.log.warning(
                    "wherobots_storage: the home is still being restored; the panel shows how far"
                )
        except Exception:
            # Whatever is wrong with the agent, a user without a server is worse off.
            self.log.exception("wherobots_storage: the sync agent could not be started")
            return None
        return supervisor

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:  # noqa: ANN401
        """Begin what needs the event loop. Jupyter calls it even after ``stop_extension``."""
        if self._stopping is not None or self._tasks:
            return
        if self._backend.settings.tenancy is None:
            return
        self._injector.refresh(serverapp.kernel_manager)
        if self._kernel_credentials is not None:
            self._kernel_credentials.start()
            self._see_to_terminals(self._kernel_credentials)
        _let_interrupts_stop()
        self._begin(self._uploads.keep_tidy())
        if self._supervisor is not None:
            self._begin(self._supervisor.run())

    def _begin(self, work: Awaitable[None]) -> None:
        async def logged() -> None:
            try:
                await work
            except Exception:
                self.log.exception("wherobots_storage: background work ended")

        self._tasks.append(asyncio.ensure_future(logged()))

    async def stop_extension(self) -> None:
        """End everything, once: a second SIGTERM waits for the same. Raises nothing."""
        if not hasattr(self, "_backend"):
            return  # it was linked, never loaded
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._shut_down())
        await asyncio.shield(self._stopping)

    async def _shut_down(self) -> None:
        began = time.monotonic()
        if self._supervisor is not None:
            # Kernels and terminals first: what they write while they end belongs to the backup.
            # With little time in all, half of it is the final sync's.
            seconds = min(KERNEL_SECONDS, self._backend.settings.shutdown_timeout / 2)
            ending = asyncio.shield(self._end_children())  # half ended they break Jupyter's own end
            await self._quietly(asyncio.wait_for(ending, seconds))
        left = self._backend.settings.shutdown_timeout - (time.monotonic() - began)
        await asyncio.gather(
            self._quietly(self._stop_agent(max(left, 0.0))),
            self._quietly(self._uploads.close()),
            self._quietly(asyncio.wait_for(self._jobs.close(), JOB_SECONDS)),
        )
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._kernel_credentials is not None:
            await self._quietly(self._kernel_credentials.stop())
        self._backend.close()
        self._injector.withdraw()
        for handler in self._added:
            logging.getLogger("wherobots_storage").removeHandler(handler)

    async def _end_children(self) -> None:
        server = self._server
        work = []
        if getattr(server, "kernel_manager", None) is not None:
            work.append(ensure_async(server.kernel_manager.shutdown_all()))
        terminals = server.web_app.settings.get("terminal_manager")
        if terminals is not None:
            work.append(ensure_async(terminals.terminate_all()))
        await asyncio.gather(*work, return_exceptions=True)

    async def _stop_agent(self, seconds: float) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop(seconds)

    async def _quietly(self, work: Awaitable[None]) -> None:
        """Jupyter never ends when a stop hook raises, so that none may."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 -- see above
            self.log.warning("wherobots_storage: stopping: %s", error or type(error).__name__)


def _let_interrupts_stop() -> None:
    """Make SIGINT stop the server as SIGTERM does, where it has no terminal.

    There Jupyter leaves SIGINT to Python, and so ends at once without stopping its extensions:
    in a container that would end the agent in the middle of its final sync.
    """
    stop = signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()
    if (
        in_main_thread
        and callable(stop)
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):
        signal.signal(signal.SIGINT, stop)


def _twins(settings: Settings, tenancy: Tenancy) -> Mapping[str, str]:
    names = {setting.trait: setting.variable for setting in SETTINGS}
    twins = {
        names["root_url"]: tenancy.root.url,
        names["home"]: str(settings.home),
        names["state_dir"]: str(settings.state_dir),
    }
    with contextlib.suppress(InvalidConfiguration):
        # A hub's long user name makes a folder that cannot be said, and need not be: children
        # see the hub's own variable.
        twins[names["customer"]] = check_customer(tenancy.customer)
    return twins
