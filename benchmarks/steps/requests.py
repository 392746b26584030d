"""Counting what a cycle of the running agent asks of the store, between the two."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from benchmarks.agent import Mirrored, RunningAgent
from benchmarks.measure import Failed
from benchmarks.workbench import Workbench

_HEAD = re.compile(rb"(?:GET|PUT|POST|HEAD|DELETE) (\S+) HTTP/1\.1\r\n")
_LEASE = b"lease.json"
_PIECE = 64 * 1024


class CountingRelay:
    """Listens on loopback, passes all on to a store, and counts the requests. A context manager.

    A signature stays right, since it is of the host that the client names: this one. Each piece
    that a client sends counts, also one that begins no request: nothing passes unnoticed.
    """

    def __init__(self, endpoint_url: str) -> None:
        parts = urlsplit(endpoint_url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._lock = threading.Lock()
        self._targets: Counter[bytes] = Counter()
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

    @property
    def requests(self) -> int:
        """How many have passed so far, without those for the lease."""
        with self._lock:
            return sum(number for name, number in self._targets.items() if _LEASE not in name)

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

    def _pass_on(self, client: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(self._target) as store:
            back = threading.Thread(target=_copy, args=(store, client), daemon=True)
            back.start()
            last = b""
            while piece := client.recv(_PIECE):
                found = _HEAD.findall(piece)
                # What begins none belongs to the request before it on this connection.
                last = found[-1] if found else last
                with self._lock:
                    self._targets.update(found or [last])
                store.sendall(piece)
            store.shutdown(socket.SHUT_WR)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def requests_of_a_quiet_cycle(bench: Workbench, mirrored: Mirrored) -> int:
    """How many requests a cycle without changes makes, of an agent that runs; none may run now.

    Raises Failed when the relay did not see that agent's start either.
    """
    with CountingRelay(bench.store.endpoint_url) as relay:
        relayed = replace(
            mirrored, environment={**mirrored.environment, "AWS_ENDPOINT_URL": relay.url}
        )
        with RunningAgent(relayed) as agent:
            before = relay.requests
            agent.sync()
            counted = relay.requests - before
    if not before:
        raise Failed("the agent's requests do not pass the relay that counts them")
    return counted
