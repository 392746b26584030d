"""The agent's keeper in the Jupyter server: starts it, listens to it, starts it again, ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec

from wherobots_storage.api.models import AgentEvent, AgentRequest, SyncState, SyncStatus
from wherobots_storage.errors import AgentError, AgentUnavailable, AlreadyRunning
from wherobots_storage.settings import Settings
from wherobots_storage.sync.cancel import Backoff
from wherobots_storage.sync.client import (
    AgentClient,
    decode,
    encode,
    peer_pid,
    refused,
    socket_address,
)
from wherobots_storage.sync.handover import HELD, settings_to_json, until_to_json
from wherobots_storage.sync.spawning import COMMAND, close_lifeline, say, spawn_agent
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import error_body, iso

log = logging.getLogger("wherobots_storage")

POLL = 0.1
QUIET_SECONDS = 10.0
"""How long a living agent may be out of reach before the status says so."""

STEADY_SECONDS = 60.0
"""An agent that lived so long is started again without a long wait."""

STANDBY_POLL = 0.5
"""How often a supervisor that stands by looks whether the other writer still lives."""

STOP_GRACE = 4.0
"""How long past its deadline an agent may live; by then its own watchdog has ended it."""

LINE_LIMIT = 16 * 1024**2
_RESTORED = {"idle", "syncing", "paused", "waiting", "vetoed"}

OnStatus = Callable[[SyncStatus], None]


class AgentSupervisor:
    """Keeps one agent for one home. Nothing here blocks the event loop but ``wait_restored``."""

    def __init__(
        self, settings: Settings, on_status: OnStatus, *, command: Sequence[str] = COMMAND
    ) -> None:
        """``on_status`` is told every change, on the thread that found out."""
        self._settings = settings
        self._on_status = on_status
        self._command = list(command)
        self._state = StateFolder.for_settings(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._backoff = Backoff(1.0, 60.0)
        self._spawned = 0.0
        self._stopping: asyncio.Task[None] | None = None
        self._takeover = False
        self.status = SyncStatus(state="starting", since=iso(), home=str(settings.home))
        """The last status that is known."""

    @property
    def pid(self) -> int | None:
        """The agent's process id, while it lives."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    # ---- before the event loop ----

    def spawn(self, *, yielding: bool = False) -> None:
        """Start the agent; does not wait. Raises OSError when no process can be made.

        Unless ``yielding`` it ends another writer of this home, after ``shutdown_timeout``.
        """
        command = [*self._command, *(["--yielding"] if yielding else [])]
        self._process = spawn_agent(command)
        self._spawned = time.monotonic()
        say(self._process, settings_to_json(self._settings) + b"\n")

    def wait_restored(self, seconds: float) -> bool:
        """Block until the home is restored; False when the time is over or it cannot be."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pid = self.pid
            if pid is None:
                return False
            with contextlib.suppress(AgentUnavailable):
                client = AgentClient(self._state.socket_path, pid=pid)
                self._publish(client.status(timeout=1.0))
                if self.status.state in _RESTORED:
                    return True
                error = self.status.last_error
                if self.status.state == "offline" and error is not None and not error.retryable:
                    return False
            time.sleep(POLL)
        return False

    # ---- on the event loop ----

    async def run(self) -> None:
        """Listen to the agent, and start it again when it dies; until cancelled or stopped."""
        quiet_since = time.monotonic()
        while self._stopping is None:
            if self.pid is None:
                await self._start_again()
                quiet_since = time.monotonic()
                continue
            try:
                async for status in self._follow():
                    self._publish(status)
                    quiet_since = time.monotonic()
            except (AgentUnavailable, OSError):
                if self.pid is not None and time.monotonic() - quiet_since > QUIET_SECONDS:
                    self._complain(self._why_quiet())
            await asyncio.sleep(POLL)

    async def request(self, op: str, held: str | None = None) -> SyncStatus:
        """Ask the agent for something and return its status right after; it may go on meanwhile.

        ``held`` is the id of the deletions that are accepted. ``takeover`` while another server's
        agent has this home ends that one. Raises AgentUnavailable, DeletionsChanged when other
        deletions are held, InvalidInput.
        """
        if op == "takeover" and self.pid is None:
            self._takeover = True
            return self.status
        wish = msgspec.convert({"op": op, "id": uuid4().hex, "held": held}, AgentRequest)
        question = AgentRequest(op="status", id=uuid4().hex)
        try:
            async with self._connection() as (reader, writer):
                writer.write(encode(wish) + encode(question))
                await writer.drain()
                answer = _answer(reader, question.id, wish.id)
                status = await asyncio.wait_for(answer, QUIET_SECONDS)
        except (OSError, TimeoutError) as error:
            raise AgentUnavailable("The sync agent does not answer.") from error
        # Not published: the subscription may have told a later one meanwhile.
        return status

    async def stop(self, deadline: float) -> None:
        """Let the agent make its final sync within ``deadline`` seconds, then end it.

        Without an agent, since another writer has this home or the last one died, one is started
        for it: it has the holder of the lock make a final sync, or makes it in its place.

        Raises nothing. Asked for twice at once, both wait for the same end.
        """
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop(deadline))
        await asyncio.shield(self._stopping)

    async def _stop(self, deadline: float) -> None:
        process = self._agent_to_stop()
        if process is None:
            return
        until = time.monotonic() + deadline + STOP_GRACE
        asking = asyncio.ensure_future(self._ask_to_stop(deadline))
        try:
            while process.poll() is None and time.monotonic() < until:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # a process's end is no asyncio event
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            if process.poll() is None:
                log.warning("wherobots_storage: the final sync took too long; the agent is ended")
                process.kill()
                await asyncio.to_thread(process.wait)
            close_lifeline(process)
        if process.returncode == HELD:
            log.warning(
                "wherobots_storage: another process has this home, and did not tell in time "
                "whether it has saved what was changed last"
            )
        elif process.returncode:
            log.warning("wherobots_storage: not everything could be saved; see the agent's log")
        self._publish(
            msgspec.structs.replace(self.status, state="stopped", since=iso(), progress=None)
        )

    def _agent_to_stop(self) -> subprocess.Popen[bytes] | None:
        """The agent; where it has ended, one that begins with its end. None: there was none."""
        former = self._process
        if former is not None and self.pid is None:
            close_lifeline(former)
            try:
                self.spawn(yielding=True)
            except OSError as error:
                log.warning("wherobots_storage: no agent can be started: %s", error.strerror)
        return self._process

    async def _ask_to_stop(self, deadline: float) -> None:
        """By the socket, which carries the deadline; failing that, by the end of the lifeline.

        Not by a signal: the agent may be on its way still, and would die without a final sync.
        """
        until = time.monotonic() + deadline
        request = AgentRequest(op="stop", id=uuid4().hex, deadline=deadline)
        try:
            async with self._connection() as (reader, writer):
                writer.write(encode(request))
                await writer.drain()
                self._publish(await _answer(reader, request.id))
        except (AgentUnavailable, OSError):
            if self._process is not None:
                say(self._process, until_to_json(until))
                close_lifeline(self._process)

    async def _start_again(self) -> None:
        process = self._process
        if process is not None:
            close_lifeline(process)
            if process.returncode == HELD or self._state.holder() is not None:
                await self._stand_by()
            else:
                await self._mourn(process)
        if self._stopping is None:
            try:
                # Only a server's first agent ends another writer. Were one that was ended to do
                # so in its turn, two servers of one home would end each other's for ever.
                self.spawn(yielding=not self._takeover)
                self._takeover = False
            except OSError as error:
                self._complain(f"The sync agent cannot be started: {error.strerror}.")
                await asyncio.sleep(self._backoff.pause())

    async def _mourn(self, process: subprocess.Popen[bytes]) -> None:
        if time.monotonic() - self._spawned > STEADY_SECONDS:
            self._backoff.reset()
        pause = self._backoff.pause()
        text = f"The sync agent ended ({process.returncode}); it is started again."
        self._complain(text)
        log.warning("wherobots_storage: %s", text)
        await asyncio.sleep(pause)

    async def _stand_by(self) -> None:
        """Another writer has this home: say so, and wait until it has ended."""
        holder = self._state.holder()
        who = f" (process {holder.pid})" if holder is not None else ""
        text = f"Another server saves this home{who}. This one goes on when that has ended."
        log.warning("wherobots_storage: %s", text)
        self._tell_trouble("waiting", AlreadyRunning(text))
        # A holder of another container cannot be seen: the lock is simply tried again.
        await asyncio.sleep(STANDBY_POLL if holder is not None else self._backoff.pause())
        while (  # noqa: ASYNC110  # another process's end is no asyncio event
            self._stopping is None and not self._takeover and self._state.holder() is not None
        ):
            await asyncio.sleep(STANDBY_POLL)

    async def _follow(self) -> AsyncIterator[SyncStatus]:
        async with self._connection() as (reader, writer):
            writer.write(encode(AgentRequest(op="subscribe", id=uuid4().hex)))
            await writer.drain()
            while line := await reader.readline():
                status = decode(line).status
                if status is not None:
                    yield status

    @asynccontextmanager
    async def _connection(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection to our own agent. Raises AgentUnavailable, OSError."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            with socket_address(self._state.socket_path) as address:
                await asyncio.get_running_loop().sock_connect(connection, address)
            self._check_peer(connection)
            reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LINE_LIMIT)
        except BaseException:
            connection.close()
            raise
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _check_peer(self, connection: socket.socket) -> None:
        if peer_pid(connection) != self.pid:
            raise AgentUnavailable("Another server's agent has this home at the moment.")

    def _why_quiet(self) -> str:
        holder = self._state.holder()
        if holder is not None and holder.pid != self.pid:
            return f"Another agent of this home (process {holder.pid}) is waited for, to end."
        return "The sync agent runs, but does not answer."

    def _complain(self, message: str) -> None:
        self._tell_trouble("offline", AgentUnavailable(message))

    def _tell_trouble(self, state: SyncState, trouble: AgentError) -> None:
        since = self.status.since if self.status.state == state else iso()
        error = error_body(trouble)
        self._publish(
            msgspec.structs.replace(
                self.status, state=state, since=since, progress=None, last_error=error
            )
        )

    def _publish(self, status: SyncStatus) -> None:
        if status == self.status:
            return
        self.status = status
        try:
            self._on_status(status)
        except Exception:
            log.exception("wherobots_storage: a change of the sync status could not be told")


async def _answer(
    reader: asyncio.StreamReader, request_id: str, wish_id: str | None = None
) -> SyncStatus:
    """The status that answers a request. Raises what the agent refuses a wish with."""
    while line := await reader.readline():
        event: AgentEvent = decode(line)
        if event.error is not None and event.id == wish_id:
            raise refused(event.error)
        if event.id == request_id and event.status is not None:
            return event.status
    raise AgentUnavailable("The sync agent ended before it answered.")
