"""An HTTP server that answers as it is told, for what no real store does on demand."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered. ``length``: the Content-Length that is claimed, if not the true one.

    ``cut``: nothing is answered, the connection is reset. ``trickle``: so many bytes at a time,
    with a pause of a hundredth of a second before each.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: bool = False
    trickle: int = 0


@dataclass
class Stub:
    """A running server, the requests it got, and the function that answers them."""

    url: str
    requests: list[Request] = field(default_factory=list)
    answer: Callable[[Request], Reply] = lambda _: Reply(500)

    def environment(self) -> dict[str, str]:
        """The variables with which an AWS SDK talks to it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
            "AWS_SESSION_TOKEN": "session-token",
            "AWS_REGION": "eu-west-1",
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _reply(self, request: Request) -> Reply:
        raise NotImplementedError

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self._reply(Request(self.command, self.path, dict(self.headers), body))
        if reply.cut:
            self._cut()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        length = len(reply.body) if reply.length is None else reply.length
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command != "HEAD":
            self._send(reply)
            self.close_connection = self.close_connection or length != len(reply.body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer  # noqa: N815 - http.server's

    def _send(self, reply: Reply) -> None:
        if not reply.trickle:
            self.wfile.write(reply.body)
            return
        for start in range(0, len(reply.body), reply.trickle):
            time.sleep(0.01)
            self.wfile.write(reply.body[start : start + reply.trickle])

    def _cut(self) -> None:
        """Close with what is called a reset: nothing of it waits to be sent."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stub_server() -> Iterator[Stub]:
    """A server on a free port of loopback."""

    class Handler(_Handler):
        def _reply(self, request: Request) -> Reply:
            stub.requests.append(request)
            return stub.answer(request)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up early is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    stub = Stub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
