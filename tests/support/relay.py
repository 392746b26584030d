"""A relay in front of a store that writes down the requests that pass, without changing them."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(?:^|\r\n)(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")


class RecordingRelay:
    """Listens on loopback and passes everything on to an endpoint. A context manager.

    A signature stays right, since it is of the host that the client names: this one.
    """

    def __init__(self, endpoint_url: str) -> None:
        parts = urlsplit(endpoint_url)
        assert parts.port is not None
        self._target = ("127.0.0.1", parts.port)
        self._lock = threading.Lock()
        self._requests: list[tuple[str, str]] = []
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
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def requests(self, method: str) -> list[str]:
        """The targets of all requests with this method so far."""
        with self._lock:
            return [target for found, target in self._requests if found == method]

    def _pass_on(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            return
        with server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server, self._note)
            back.join()

    def _note(self, data: bytes) -> None:
        # A request's head comes in one piece from every client here.
        with self._lock:
            for method, target in _REQUEST.findall(data):
                self._requests.append((method.decode(), target.decode()))


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
