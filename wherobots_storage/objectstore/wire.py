"""HTTP/1.1 for objects: one connection, one exchange at a time, no more than S3 needs.

General HTTP libraries spend two to three times the CPU of these few lines on a small request
(http.client 0.4 ms, urllib3 0.6 ms, this 0.2 ms; measured on loopback), and botocore as much on a
large body. Proxies, redirects and cookies are not the business of this module.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from time import monotonic

from wherobots_storage.objectstore.endpoint import SLOWEST, Endpoint, Source
from wherobots_storage.objectstore.syntax import (
    ENDLESS,
    MAX_HEADERS,
    MAX_LINE,
    Garbled,
    read_chunk_size,
    read_field,
    read_length,
    read_status,
    write_head,
)

_TOGETHER = 65_536
"""Up to this size a body goes with its headers in one packet train; copying it costs less."""

_NO_BODY = {204, 304}
_STREAMED = {200, 206}
_READ_BUFFER = 65_536
PIECE = 262_144
"""What is sent at once: its time is that of one read. A whole body may take longer."""

Body = bytes | Iterable[memoryview]
"""What goes with a request. One of pieces is begun anew when it has to be sent again."""


class Slow(Exception):
    """The other end took no byte, or gave none, in time, or gives too few to ever end."""


class Oversize(Exception):
    """A body has more bytes than the one who asked has room for."""


class Stale(Exception):
    """A kept connection was closed at its other end before anything was answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read whole; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """One connection, opened when it is needed and kept while the server does. For one thread."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._socket: socket.socket | None = None
        self._source: Source
        self._stream: BufferedReader
        self._most = 0
        self._regular = False
        """Whether all answers so far had a length, and lines that end as they should."""
        self._left = 0
        """How many bytes of a body are still to be read by ``read_into``."""
        self._patience = 0.0
        self._ends = False
        """Whether the server closes the connection after the answer."""

    def exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Body,
        *,
        most: int = sys.maxsize,
    ) -> Answer:
        """Send a request and read its answer, whose body may have ``most`` bytes.

        A kept connection that turns out to be closed is replaced, once. Raises OSError, Garbled,
        Oversize, Slow once it is connected, and what reading ``body`` raises.
        """
        with self._or_closed():
            status, answered = self._ask(write_head(method, path, headers), body, most)
            return self._take(status, answered)

    def begin(
        self, method: str, path: str, headers: Mapping[str, str], *, most: int = sys.maxsize
    ) -> Answer:
        """As ``exchange``, without a body; that of a good answer is left for ``read_into``.

        It has the length that the headers tell: without one it is taken for empty.
        """
        with self._or_closed():
            status, answered = self._ask(write_head(method, path, headers), b"", most)
            if status not in _STREAMED:
                return self._take(status, answered)
            length = answered.get("content-length")
            self._left = read_length(length) if length is not None else 0
            self._ends = length is None or answered.get("connection", "").lower() == "close"
            self._patience = self._endpoint.read_seconds
            return Answer(status, answered, b"")

    def read_into(self, buffer: memoryview) -> int:
        """Fill ``buffer`` with what comes next; fewer bytes at the end of the body, then none.

        The bytes may take the time of one read, and more as they come; the time of their reader
        does not count. Raises OSError, Garbled and Slow.
        """
        wanted = min(len(buffer), self._left)
        if wanted:
            with self._or_closed():
                self._fill(buffer[:wanted])
            self._left -= wanted
        if not self._left and self._ends:
            self.close()
        return wanted

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
        self._source = Source(opened, self._endpoint.read_seconds)
        self._stream = BufferedReader(self._source, _READ_BUFFER)
        self._socket = opened
        self._regular = True
        return opened

    @contextmanager
    def _or_closed(self) -> Iterator[None]:
        """What goes wrong ends the connection."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _ask(self, head: bytes, body: Body, most: int) -> tuple[int, dict[str, str]]:
        """Send a request and read the answer's head; over a new connection if need be."""
        self._most = most
        if self._socket is not None:
            try:
                return self._talk(self._socket, head, body, reused=True)
            except Stale:
                self.close()
        return self._talk(self._open(), head, body, reused=False)

    def _talk(
        self, sock: socket.socket, head: bytes, body: Body, *, reused: bool
    ) -> tuple[int, dict[str, str]]:
        with _timed():
            try:
                _send(sock, head, body)
            except (BrokenPipeError, ConnectionResetError):
                # The server may have answered before it hung up: a refusal without reading the
                # body.
                if reused:
                    raise Stale from None
            self._source.until = 0.0
            status, headers = self._read_head(reused=reused)
            while status < 200:  # noqa: PLR2004 - 1xx: the answer proper follows
                status, headers = self._read_head(reused=False)
            return status, headers

    def _take(self, status: int, headers: Mapping[str, str]) -> Answer:
        """The answer with its body."""
        with _timed():
            content, whole = self._read_body(status, headers)
        if not whole or headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, content)

    def _fill(self, buffer: memoryview) -> None:
        began = monotonic()
        self._source.until = began + self._patience
        with _timed():
            got = self._stream.readinto(buffer)
        if got != len(buffer):
            raise Garbled(f"{self._left - got} bytes are missing")
        left = self._patience - (monotonic() - began) + got / SLOWEST
        self._patience = min(left, self._endpoint.read_seconds)

    def _read_head(self, *, reused: bool) -> tuple[int, dict[str, str]]:
        try:
            first = self._stream.readline(MAX_LINE)
        except ConnectionResetError:
            first = b""
        if not first:
            raise Stale if reused else Garbled("no answer")
        return read_status(first.decode("iso-8859-1")), self._read_headers()

    def _read_headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(MAX_HEADERS):
            line = self._stream.readline(MAX_LINE)
            if line in {b"\r\n", b"\n"}:
                self._regular &= line == b"\r\n"
                return headers
            if not line.endswith(b"\n"):
                break
            name, value = read_field(line.decode("iso-8859-1"))
            headers[name] = value
        raise Garbled(ENDLESS)

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
            size = read_chunk_size(line)
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


@contextmanager
def _timed() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise Slow from None


def _send(sock: socket.socket, head: bytes, body: Body) -> None:
    if not isinstance(body, bytes):
        sock.sendall(head)
        for piece in body:
            sock.sendall(piece)
    elif len(body) <= _TOGETHER:
        sock.sendall(head + body)
    else:
        sock.sendall(head)
        view = memoryview(body)
        for start in range(0, len(body), PIECE):
            sock.sendall(view[start : start + PIECE])
