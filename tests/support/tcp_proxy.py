"""A TCP proxy on loopback whose connections break, stall, trickle, or are refused."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

PIECE = 16_384
STALL_SECONDS = 3.0
"""Longer than the time for reading that tests of it have."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER's value with which a close is a reset (RST) in the place of an end (FIN)."""


class TcpProxy:
    """Passes bytes on to the server of ``url``; every connection draws its fate by chance.

    ``troubled``: how many of a hundred connections meet trouble. It comes after a random number of
    bytes, of both directions, below ``reach``: a reset, an orderly end, a stall, or a trickle, in
    which the answers come a byte at a time from then on. ``trickles``: so many connections trickle
    as soon as an answer comes, whatever they have drawn.
    ``down``: all are reset, those that are open too.
    """

    def __init__(self, url: str, seed: int) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        assert where.port is not None
        self._target = (where.hostname, where.port)
        self._chance = random.Random(seed)
        self._next: list[str] = []
        """Of four troubles that are drawn, each is one."""
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()
        self.troubled = 0
        self.reach = 200_000
        self.trickles = 0
        self.interval = 0.05
        """The seconds between two bytes of a trickle."""
        self.met: Counter[str] = Counter()
        """How many connections met which trouble."""
        self._down = False
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def set_down(self, down: bool) -> None:
        """Go down, with all connections, or come back; from any thread."""
        self._down = down
        if down:
            self._loop.call_soon_threadsafe(self._reset_all)

    def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def serve(self, ready: threading.Event) -> None:
        """Listen until the loop's task is cancelled; then nothing of it is left on the loop."""
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        # Not asyncio's own server: one that is closed while it accepts a connection leaks that.
        self._loop.add_reader(listener, self._accept, listener)
        ready.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        self._loop.remove_reader(listener)
        listener.close()
        await self._end()

    async def _end(self) -> None:
        """Reset every connection, and wait until nothing is under way any more."""
        # Each task takes its first step, and with it its connection: one that is cancelled before
        # would leave that open.
        await asyncio.sleep(0)
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            self._reset_all()
            for passing in self._passing:
                passing.cancel()
            await asyncio.wait(others, timeout=0.1)
        for _ in range(3):
            await asyncio.sleep(0)  # transports that were aborted close their sockets in a callback

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # it is gone again
        if self._down:
            self.met["refused"] += 1
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            connection.close()
            return
        connection.setblocking(False)
        passing = self._loop.create_task(self._pass_on(connection))
        self._passing.add(passing)
        passing.add_done_callback(self._passing.discard)

    async def _pass_on(self, connection: socket.socket) -> None:
        both: set[asyncio.StreamWriter] = set()
        ways: list[asyncio.Task[None]] = []
        try:
            reader, writer = await asyncio.open_connection(sock=connection)
            both.add(writer)
            self._open.add(writer)
            try:
                far_reader, far_writer = await asyncio.open_connection(*self._target)
            except OSError:
                _reset(writer)
                return
            both.add(far_writer)
            self._open.add(far_writer)
            fate = _Fate(self, writer)
            ways = [
                asyncio.ensure_future(fate.copy(reader, far_writer)),
                asyncio.ensure_future(fate.copy(far_reader, writer, answers=True)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in both:
                end.close()
            closed = (end.wait_closed() for end in both)
            await asyncio.gather(*ways, *closed, return_exceptions=True)
            self._open -= both

    def draw(self) -> tuple[str, int]:
        """A connection's trouble, and after how many bytes it comes."""
        if self._chance.randrange(100) >= self.troubled:
            return "", 0
        if not self._next:
            self._next = ["reset", "end", "stall", "trickle"]
            self._chance.shuffle(self._next)
        return self._next.pop(), self._chance.randrange(self.reach)

    @contextmanager
    def running(self) -> Iterator[TcpProxy]:
        """Serve on a thread of its own."""
        ready = threading.Event()
        task = self._loop.create_task(self.serve(ready))
        thread = threading.Thread(target=self._run, args=(task,))
        thread.start()
        try:
            assert ready.wait(60)
            yield self
        finally:
            self._loop.call_soon_threadsafe(task.cancel)
            thread.join()

    def _run(self, task: asyncio.Task[None]) -> None:
        try:
            self._loop.run_until_complete(task)
        finally:
            self._loop.close()


class _Fate:
    """What one connection meets."""

    def __init__(self, proxy: TcpProxy, near: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._near = near
        self._kind, self._left = proxy.draw()
        self._trickles = False

    async def copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(PIECE):
                if answers:
                    await self._trickle(data, writer)
                    data = data if not self._trickles else b""
                if self._kind and self._left < len(data):
                    writer.write(data[: self._left])
                    if await self._strike():
                        return
                    data = data[self._left :]
                self._left -= len(data)
                writer.write(data)
                await writer.drain()

    async def _trickle(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        """Pass an answer's bytes on one by one, if it has come to that."""
        if not self._trickles and self._proxy.trickles:
            self._proxy.trickles -= 1
            self._proxy.met["trickle"] += 1
            self._trickles = True
        for at in range(len(data) if self._trickles else 0):
            writer.write(data[at : at + 1])
            await writer.drain()
            await asyncio.sleep(self._proxy.interval)

    async def _strike(self) -> bool:
        """Meet the trouble; whether it is the end of the connection."""
        kind, self._kind = self._kind, ""
        self._proxy.met[kind] += 1
        if kind == "reset":
            _reset(self._near)
        elif kind == "stall":
            await asyncio.sleep(STALL_SECONDS)
        elif kind == "trickle":
            self._trickles = True
        return kind in {"reset", "end"}


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset (RST) in the place of an end (FIN)."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
