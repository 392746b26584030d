"""Clients that speak HTTP by hand, and badly, to a real server."""

from __future__ import annotations

import contextlib
import socket

import psutil
from support.lab import LabServer
from support.server import API

SECONDS = 120.0
"""How long a server may take for anything, however slow the machine is."""


class Client:
    """A connection to a server; ``window``: how many bytes its kernel takes without a read."""

    def __init__(self, lab: LabServer, *, window: int | None = None) -> None:
        self._lab = lab
        self._socket = socket.socket()
        if window is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self._socket.settimeout(SECONDS)
        self._socket.connect(("127.0.0.1", lab.port))
        self._port: int = self._socket.getsockname()[1]

    def begin(self, method: str, route: str, *headers: str, token: str | None = None) -> None:
        """Send a request's head, with the server's token unless another is given."""
        shown = self._lab.token if token is None else token
        lines = [f"{method} /{API}/{route} HTTP/1.1", "Host: 127.0.0.1", *headers]
        self.send("\r\n".join([*lines, f"Authorization: token {shown}", "", ""]).encode())

    def send(self, data: bytes) -> None:
        """Send bytes. Raises ConnectionError some time after the server has closed."""
        self._socket.sendall(data)

    def answer(self) -> bytes:
        """Everything that comes until the server closes."""
        received = bytearray()
        with contextlib.suppress(ConnectionResetError):
            while piece := self._socket.recv(65536):
                received += piece
        return bytes(received)

    def is_served(self) -> bool:
        """Whether the server still has the connection."""
        server = psutil.Process(self._lab.process.pid)
        return any(one.raddr and one.raddr.port == self._port for one in server.net_connections())

    def close(self) -> None:
        """Leave."""
        self._socket.close()
