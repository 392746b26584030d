"""Exchanges on connections that are open already, all brought forward by one thread.

A thread for each exchange costs more than the exchange: at every system call the interpreter is
handed from one to the next (measured: a restore of 20,000 files took 13.5 s of CPU with 32 threads,
half of it in handing over). Only what is quite regular is done here. Whatever else a server does,
the caller does once more, elsewhere.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

from wherobots_storage.objectstore.endpoint import SLOWEST
from wherobots_storage.objectstore.syntax import Garbled, read_head, read_length
from wherobots_storage.objectstore.wire import Answer

_READ = 262_144
_HEAD_BYTES = 65_536
_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_EMPTY = {204, 304}
_CHECK_SECONDS = 1.0
"""How often the exchanges that are late are looked for."""

Done = Callable[[Answer | None], None]
"""Is told the answer; or None when there is none that could be understood, or none in time."""


@dataclass(slots=True, eq=False)
class _Exchange:
    """One request on its way, and as much of its answer as is there."""

    done: Done
    most: int
    rest: memoryview
    """What has yet to be sent."""
    until: float
    """When the next byte has to have gone or come; of an answer that has begun, all (monotonic)."""
    latest: float
    """When the request has to have gone, with its body."""
    pieces: list[bytes] = field(default_factory=list)
    missing: int = -1
    """Bytes of the body that are not here yet; -1 before the headers are."""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class Reactor:
    """A set of connections, each idle or with one exchange. For one thread, but for ``wake``."""

    def __init__(self, seconds: float) -> None:
        """``seconds`` is how long to wait for the next byte either way."""
        self._seconds = seconds
        self._selector = selectors.DefaultSelector()
        self._idle: list[socket.socket] = []
        self._busy: dict[socket.socket, _Exchange] = {}
        self._ended = 0
        self._driven = monotonic()
        self._checked = 0.0
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, self._bell)

    @property
    def busy(self) -> int:
        """How many exchanges are under way."""
        return len(self._busy)

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._busy) + len(self._idle)

    @property
    def is_ready(self) -> bool:
        """Whether a connection is idle and, as far as is known, open."""
        if self._idle and monotonic() - self._driven > _CHECK_SECONDS:
            self.drive(0)  # Those that were closed meanwhile go.
        return bool(self._idle)

    def add(self, opened: socket.socket) -> None:
        """Take over a connection on which no exchange is under way."""
        opened.setblocking(False)
        self._selector.register(opened, selectors.EVENT_READ, opened)
        self._idle.append(opened)

    def begin(self, head: bytes, body: bytes, most: int, done: Done) -> None:
        """Send a request on an idle connection; an answer's body may have ``most`` bytes."""
        sock = self._idle.pop()
        until = monotonic() + self._seconds
        latest = until + len(body) / SLOWEST
        exchange = _Exchange(done, most, memoryview(head + body), until, latest)
        self._busy[sock] = exchange
        self._send(sock, exchange)

    def drive(self, seconds: float) -> None:
        """Bring exchanges forward until one has ended, ``wake`` is called or the time is over."""
        ended, until = self._ended, monotonic() + seconds
        wait = min(seconds, _CHECK_SECONDS)
        while True:
            rung = self._turn(wait)
            self._driven = now = monotonic()
            if now - self._checked > _CHECK_SECONDS:
                self._give_up_late(now)
            if rung or self._ended != ended or now >= until:
                return
            wait = min(until - now, _CHECK_SECONDS)

    def wake(self) -> None:
        """End a ``drive`` that is under way on another thread, or else the next one."""
        with suppress(OSError):  # full: it is awake; closed: nobody sleeps
            self._rope.send(b"\0")

    def close(self) -> None:
        """See what is under way to its end, and close the connections; once."""
        while self._busy:
            self.drive(_CHECK_SECONDS)
        for sock in tuple(self._idle):
            self._drop(sock)
        self._idle.clear()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _turn(self, seconds: float) -> bool:
        """Wait for events and serve them; whether somebody rang."""
        rung = False
        for key, events in self._selector.select(seconds):
            sock: socket.socket = key.data
            if sock is self._bell:
                rung = True
                with suppress(BlockingIOError):
                    self._bell.recv(4096)
                continue
            exchange = self._busy.get(sock)
            if exchange is None:
                self._look_at_idle(sock)
            elif exchange.rest and events & selectors.EVENT_WRITE:
                self._send(sock, exchange)
            else:
                self._receive(sock, exchange)
        return rung

    def _send(self, sock: socket.socket, exchange: _Exchange) -> None:
        waited = len(exchange.rest)
        try:
            while exchange.rest:
                exchange.rest = exchange.rest[sock.send(exchange.rest) :]
        except _AGAIN:
            events = selectors.EVENT_READ | selectors.EVENT_WRITE
        except OSError:
            # It may have answered before it hung up: a refusal, which is asked for once more.
            self._end(sock, exchange, None)
            return
        else:
            events = selectors.EVENT_READ
            exchange.latest += self._seconds  # for the answer's first byte
        if len(exchange.rest) != waited:
            exchange.until = min(monotonic() + self._seconds, exchange.latest)
        if self._selector.get_key(sock).events != events:
            self._selector.modify(sock, events, sock)

    def _receive(self, sock: socket.socket, exchange: _Exchange) -> None:
        try:
            while True:
                if self._take(exchange, sock.recv(_READ)):
                    break
        except _AGAIN:
            return
        except (OSError, Garbled):
            self._end(sock, exchange, None)
        else:
            answer = Answer(exchange.status, exchange.headers, b"".join(exchange.pieces))
            self._end(sock, exchange, answer)

    def _take(self, exchange: _Exchange, piece: bytes) -> bool:
        """Add what has come; whether the answer is whole. Raises Garbled for an irregular one."""
        if not piece:
            raise Garbled("it breaks off")
        if exchange.missing < 0:
            piece = b"".join((*exchange.pieces, piece))
            head, end, piece = piece.partition(b"\r\n\r\n")
            if not end:
                if len(head) > _HEAD_BYTES:
                    raise Garbled("no end of the headers")
                exchange.pieces = [head]
                return False
            self._begin_body(exchange, head)
        exchange.pieces.append(piece)
        exchange.missing -= len(piece)
        if exchange.missing < 0:
            raise Garbled("more than was announced")
        return not exchange.missing and not exchange.rest

    def _begin_body(self, exchange: _Exchange, head: bytes) -> None:
        exchange.status, exchange.headers = read_head(head)
        length = exchange.headers.get("content-length", "0" if exchange.status in _EMPTY else "")
        exchange.missing = read_length(length)
        if "transfer-encoding" in exchange.headers or exchange.missing > exchange.most:
            raise Garbled("not to be read here")
        exchange.until = monotonic() + self._seconds + exchange.missing / SLOWEST
        exchange.pieces = []

    def _end(self, sock: socket.socket, exchange: _Exchange, answer: Answer | None) -> None:
        del self._busy[sock]
        self._ended += 1
        if answer is None or answer.headers.get("connection", "").lower() == "close":
            self._drop(sock)
        else:
            self._idle.append(sock)
        exchange.done(answer)

    def _look_at_idle(self, sock: socket.socket) -> None:
        """An idle connection has something to say: its end, or of TLS's own business."""
        if sock not in self._idle:
            return  # It was dropped in this very turn.
        try:
            sock.recv(1)
        except _AGAIN:
            return
        except OSError:
            pass
        # Its end, or an answer that nobody asked for.
        self._idle.remove(sock)
        self._drop(sock)

    def _give_up_late(self, now: float) -> None:
        self._checked = now
        late = [(sock, each) for sock, each in self._busy.items() if each.until < now]
        for sock, exchange in late:
            self._end(sock, exchange, None)

    def _drop(self, sock: socket.socket) -> None:
        self._selector.unregister(sock)
        sock.close()
