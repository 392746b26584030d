"""Where to connect, and what arrives on a connection, which is not waited for without an end."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from io import RawIOBase
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SLOWEST = 10_000.0
"""Bytes a second that a body must come with, on the average: a byte now and then is no answer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect. ``tls`` None: in plain text."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    connect_seconds: float
    read_seconds: float

    def connect(self) -> socket.socket:
        """A connected socket. Raises OSError."""
        plain = socket.create_connection((self.host, self.port), self.connect_seconds)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self.tls is not None:
                plain = self.tls.wrap_socket(plain, server_hostname=self.host)
            plain.settimeout(self.read_seconds)
        except BaseException:
            plain.close()
            raise
        return plain


class Source(RawIOBase):
    """What arrives on a socket.

    Its timeout is for the next byte; an answer as a whole has the same time from its first byte on,
    and more as its length is known. Raises TimeoutError after either.

    ``until`` is when the answer has to be here; 0.0 while none of it is.
    """

    def __init__(self, sock: socket.socket, seconds: float) -> None:
        self._receive = sock.recv_into
        self._seconds = seconds
        self.until = 0.0

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Wait for bytes; 0 of them at the end."""
        if not self.until:
            got = self._receive(buffer)
            self.until = monotonic() + self._seconds
            return got
        if monotonic() > self.until:
            raise TimeoutError
        return self._receive(buffer)
