"""HTTP/1.1 for small requests: one connection, one exchange at a time, no more than S3 needs.

General HTTP libraries spend two to three times the CPU of these few lines on a small request
(http.client 0.4 ms, urllib3 0.6 ms, this 0.2 ms; measured on loopback). Proxies, redirects and
cookies are not their business.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE = 65_536
MAX_HEADERS = 200
_TOGETHER = 65_536
"""Up to this size a body goes with its headers in one packet train; copying it costs less."""

_NO_BODY = {204, 304}
_READ_BUFFER = 65_536
SLOWEST = 10_000.0
"""Bytes a second that a body must come with, on the average: a byte now and then is no answer."""

_MOST_DIGITS = 19
_ENDLESS = "no end of the headers"
_HEX = b"0123456789abcdefABCDEF"
_PIECE = 262_144
"""What is sent at once: its time is that of one read. A whole body may take longer."""


class Garbled(Exception):
    """What arrived is not HTTP/1.1, or breaks off."""


class Slow(Exception):
    """The other end took no byte, or gave none, in time, or gives too few to ever end."""


class Oversize(Exception):
    """A body has more bytes than the one who asked has room for."""


class Stale(Exception):
    """A kept connection was closed at its other end before anything was answered."""


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


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read whole; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Source(RawIOBase):
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


class Wire:
    """One connection, opened when it is needed and kept while the server does. For one thread."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._socket: socket.socket | None = None
        self._source: _Source
        self._stream: BufferedReader
        self._most = 0
        self._regular = False
        """Whether all answers so far had a length, and lines that end as they should."""

    def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        most: int = sys.maxsize,
    ) -> Answer:
        """Send a request and read its answer, whose body may have ``most`` bytes.

        A kept connection that turns out to be closed is replaced, once. Raises OSError, Garbled,
        Oversize, and Slow once it is connected.
        """
        self._most = most
        head = write_head(method, path, headers)
        try:
            if self._socket is not None:
                try:
                    return self._exchange(self._socket, head, body, reused=True)
                except Stale:
                    self.close()
            return self._exchange(self._open(), head, body, reused=False)
        except BaseException:
            self.close()
            raise

    def detach(self) -> socket.socket | None:
        """The open connection, for somebody else; None where there is none, or an odd one."""
        found, regular = self._socket, self._regular
        if found is None:
            return None
        found.setblocking(False)
        with suppress(OSError):  # it says that nothing has come, as it should
            regular = regular and not self._stream.peek(1)
        if not regular:
            self.close()
            return None
        self._socket = None
        return found

    def close(self) -> None:
        """Give the connection up; another exchange opens a new one."""
        if self._socket is not None:
            self._stream.close()
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        opened = self._endpoint.connect()
        self._source = _Source(opened, self._endpoint.read_seconds)
        self._stream = BufferedReader(self._source, _READ_BUFFER)
        self._socket = opened
        self._regular = True
        return opened

    def _exchange(self, sock: socket.socket, head: bytes, body: bytes, *, reused: bool) -> Answer:
        try:
            return self._talk(sock, head, body, reused=reused)
        except TimeoutError:
            raise Slow from None

    def _talk(self, sock: socket.socket, head: bytes, body: bytes, *, reused: bool) -> Answer:
        try:
            if len(body) <= _TOGETHER:
                sock.sendall(head + body)
            else:
                sock.sendall(head)
                _send(sock, body)
        except (BrokenPipeError, ConnectionResetError):
            # The server may have answered before it hung up: a refusal without reading the body.
            if reused:
                raise Stale from None
        self._source.until = 0.0
        status, headers = self._read_head(reused=reused)
        while status < 200:  # noqa: PLR2004 - 1xx: the answer proper follows
            status, headers = self._read_head(reused=False)
        content, whole = self._read_body(status, headers)
        if not whole or headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, content)

    def _read_head(self, *, reused: bool) -> tuple[int, dict[str, str]]:
        try:
            first = self._stream.readline(MAX_LINE)
        except ConnectionResetError:
            first = b""
        if not first:
            raise Stale if reused else Garbled("no answer")
        return _status(first.decode("iso-8859-1")), self._read_headers()

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self._stream.readline(MAX_LINE)
            if line in {b"\r\n", b"\n"}:
                self._regular &= line == b"\r\n"
                return headers
            if not line.endswith(b"\n"):
                break
            name, value = _field(line.decode("iso-8859-1"))
            headers[name] = value
        raise Garbled(_ENDLESS)

    def _read_body(self, status: int, headers: Mapping[str, str]) -> tuple[bytes, bool]:
        """The body, and whether the connection can be used again."""
        if status in _NO_BODY:
            return b"", True
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return self._read_chunks(), True
        length = headers.get("content-length")
        if length is None:
            return self._read_rest(), False
        return self._read_exactly(read_length(length)), True

    def _read_rest(self) -> bytes:
        """What comes until the server closes."""
        pieces: list[bytes] = []
        size = 0
        while piece := self._stream.read1(_READ_BUFFER):
            pieces.append(piece)
            size += len(piece)
            self._check_room(size)
            self._source.until += len(piece) / SLOWEST
        return b"".join(pieces)

    def _read_chunks(self) -> bytes:
        pieces: list[bytes] = []
        total = 0
        while True:
            line = self._stream.readline(MAX_LINE)
            size = _chunk_size(line)
            if size == 0:
                self._read_headers()
                return b"".join(pieces)
            total += size
            self._check_room(total)
            pieces.append(self._read_exactly(size))
            if self._stream.readline(3) != b"\r\n":
                raise Garbled("no end of a chunk")

    def _check_room(self, size: int) -> None:
        if size > self._most:
            raise Oversize

    def _read_exactly(self, size: int) -> bytes:
        if not size:
            return b""
        self._check_room(size)
        self._source.until += size / SLOWEST
        try:
            content = self._stream.read(size)
        except MemoryError:
            raise Oversize from None
        if len(content) != size:
            raise Garbled(f"{size - len(content)} bytes are missing")
        return content


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """An answer's status and headers, of all that comes before the empty line.

    Raises Garbled.
    """
    first, *lines = head.decode("iso-8859-1").split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise Garbled(_ENDLESS)
    return _status(first), dict(map(_field, lines))


def read_length(value: str) -> int:
    """A Content-Length. Raises Garbled."""
    # int() takes more than HTTP: digits of all scripts, signs, underscores.
    if not (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS):
        raise Garbled("no length")
    return int(value)


def _status(line: str) -> int:
    words = line.split(None, 2)
    if not line.startswith("HTTP/1.") or len(words) < 2:  # noqa: PLR2004
        raise Garbled("no status line")
    word = words[1]
    if len(word) != 3 or not (word.isascii() and word.isdigit()):  # noqa: PLR2004
        raise Garbled("no status")
    return int(word)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        raise Garbled(_ENDLESS)
    return name.strip().lower(), value.strip()


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= _MOST_DIGITS or digits.strip(_HEX):
        raise Garbled("no chunk")
    return int(digits, 16)


def _send(sock: socket.socket, body: bytes) -> None:
    view = memoryview(body)
    for start in range(0, len(body), _PIECE):
        sock.sendall(view[start : start + _PIECE])


def write_head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """A request up to its body."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("ascii")
