"""Sockets whose answers have an end: none may trickle for ever.

A socket's timeout is for the next byte, so that an answer of which a byte comes now and then is
waited for without a limit, its headers too.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from wherobots_storage.objectstore.endpoint import SLOWEST

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 8192
_granted = threading.local()


class _Answer(RawIOBase):
    """What one answer is read from.

    The wait for its first byte is the socket's affair. From then on it may be waited for as long in
    all; what comes gives time back, but never more than that. The time of its reader does not
    count. Raises TimeoutError, and ConnectionResetError at its end when that is ``unforeseen``.
    """

    def __init__(self, raw: RawIOBase, seconds: float, *, unforeseen: bool) -> None:
        self._raw = raw
        self._most = self._left = seconds
        self._begun = False
        self._unforeseen = unforeseen

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Wait for bytes; 0 of them at the end."""
        began = monotonic()
        got: int | None = self._raw.readinto(buffer)
        if not got:
            if self._unforeseen:
                raise ConnectionResetError
            return got
        if self._begun:
            self._left -= monotonic() - began
            if self._left < 0:
                raise TimeoutError
            self._left = min(self._left + got / SLOWEST, self._most)
        self._begun = True
        return got

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class AnswerSocket:
    """A connected socket whose answers are waited for, but not for ever."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._plain, name)

    def makefile(self, mode: str, buffering: int = _BUFFER) -> RawIOBase | BufferedReader:
        """What an answer is read from, by http.client; without a buffer, by botocore."""
        raw: Any = self._plain.makefile(mode, 0)  # type: ignore[call-overload]
        seconds = getattr(_granted, "seconds", None) or self._plain.gettimeout()
        # botocore, reading what comes before the answer proper, never sees an end.
        answer = _Answer(raw, seconds or float("inf"), unforeseen=not buffering)
        return BufferedReader(answer, buffering) if buffering else answer


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        connection: Any = self
        connection.sock = AnswerSocket(connection.sock)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        connection: Any = self
        connection.sock = AnswerSocket(connection.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def patient_pool(timeout: urllib3.Timeout) -> urllib3.PoolManager:
    """Connections to servers without a proxy between, each request sent once. Thread-safe.

    The time for a read is also what an answer may be waited for in all, once it has begun.
    """
    pool = urllib3.PoolManager(retries=False, timeout=timeout)
    pool.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return pool


@contextmanager
def grant(seconds: float) -> Iterator[None]:
    """For answers that begin in the block, on this thread: wait so many seconds for each."""
    _granted.seconds = seconds
    try:
        yield
    finally:
        _granted.seconds = None
