"""A relay in front of a store that writes down the requests that pass, and may hold some back."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from support.homes import PREFIX

_HEAD = re.compile(rb"(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Request(NamedTuple):
    """A request that came by; only a POST's ``body`` is kept."""

    method: str
    target: str
    body: bytes = b""


class RecordingRelay:
    """Listens on loopback and passes everything on to an endpoint. A context manager.

    A signature stays right, since it is of the host that the client names: this one. ``counted``
    says which requests are those that ``let_through`` counts.
    """

    def __init__(
        self, endpoint_url: str, counted: Callable[[Request], bool] = lambda _: True
    ) -> None:
        parts = urlsplit(endpoint_url)
        assert parts.port is not None
        self._target = ("127.0.0.1", parts.port)
        self._counted = counted
        self._lock = threading.Condition()
        self._requests: list[Request] = []
        self._left: int | None = None
        self._held = 0
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay._pass_on(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The endpoint to give to a client."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.let_through(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def let_through(self, number: int | None) -> None:
        """Pass so many more of the counted requests on, and hold the others; None: hold none."""
        with self._lock:
            self._left = number
            self._lock.notify_all()
            # What was held is gone before anything else is counted.
            assert number is not None or self._lock.wait_for(lambda: self._held == 0, 60)

    @property
    def holds(self) -> bool:
        """Whether a request waits here, which the client needs."""
        with self._lock:
            return self._held > 0

    def requests(self, method: str) -> list[str]:
        """The targets of all requests with this method so far."""
        return [request.target for request in self.recorded() if request.method == method]

    def recorded(self) -> list[Request]:
        """All requests so far."""
        with self._lock:
            return list(self._requests)

    def _pass_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            return
        with server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            requests = _Requests()
            _copy(client, server, lambda data: self._note(requests.of(data)))
            back.join()

    def _note(self, requests: Iterator[Request]) -> None:
        for request in requests:
            with self._lock:
                self._requests.append(request)
                if self._counted(request):
                    self._pass_by()

    def _pass_by(self) -> None:
        self._held += 1
        self._lock.wait_for(lambda: self._left != 0)
        self._held -= 1
        if self._left is not None:
            self._left -= 1
        self._lock.notify_all()


def of_mirror(method: str) -> Callable[[Request], bool]:
    """Whether a request with this method is for a file of ``homes.PREFIX``."""

    def concerned(request: Request) -> bool:
        path = request.target.partition("?")[0]
        mine = f"/{PREFIX}" in path and "/.wherobots/" not in path
        return mine and request.method == method

    return concerned


class _Requests:
    """The requests of one connection, one after the other, as their bytes come."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._current = Request("", "")
        self._left = 0
        """What is still to come of the current one's body."""

    def of(self, data: bytes) -> Iterator[Request]:
        """Those that these bytes make whole; without a body, those that they begin."""
        self._data += data
        while self._data:
            if self._left:
                piece = bytes(self._data[: self._left])
                del self._data[: len(piece)]
                self._left -= len(piece)
                if self._current.method == "POST":
                    self._current = self._current._replace(body=self._current.body + piece)
                    if not self._left:
                        yield self._current
                continue
            head, end, _ = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            del self._data[: len(head) + len(end)]
            yield from self._begin(bytes(head) + b"\r\n")

    def _begin(self, head: bytes) -> Iterator[Request]:
        line, length = _HEAD.match(head), _LENGTH.search(head)
        assert line is not None, head
        self._current = Request(line[1].decode(), line[2].decode())
        self._left = int(length[1]) if length is not None else 0
        if self._current.method != "POST" or not self._left:
            yield self._current


def _copy(
    source: socket.socket, target: socket.socket, note: Callable[[bytes], None] = lambda _: None
) -> None:
    with suppress(OSError):
        while data := source.recv(256 * 1024):
            note(data)
            target.sendall(data)
    for end in (target, source):
        with suppress(OSError):
            end.shutdown(socket.SHUT_WR if end is target else socket.SHUT_RD)
