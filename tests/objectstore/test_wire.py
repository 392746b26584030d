"""One HTTP connection against a server that says exactly what the test wants."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import cycle, islice

import pytest

from wherobots_storage.objectstore.endpoint import Endpoint
from wherobots_storage.objectstore.syntax import Garbled
from wherobots_storage.objectstore.wire import Answer, Oversize, Slow, Wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok"

CHUNKED = (
    b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: Chunked\r\n\r\n"
    b"3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
)

Talk = Callable[[socket.socket], None]


class Script:
    """A server whose connections each follow one talk, in turn; keeps what was asked."""

    def __init__(self, *talks: Talk) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._talks = talks
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for talk in self._talks:
            with suppress(OSError):
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection:
                    talk(connection)

    def end(self) -> None:
        """Close the port, also for a talk that never came."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


@contextmanager
def wire(*talks: Talk, seconds: float = 60.0) -> Iterator[tuple[Wire, Script]]:
    """A wire to a script."""
    script = Script(*talks)
    client = Wire(Endpoint("127.0.0.1", script.port, None, 60.0, seconds))
    try:
        yield client, script
    finally:
        client.close()
        script.end()


def receive(connection: socket.socket) -> bytes:
    """A request with its body, whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    size = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            size = int(line.split(b":")[1])
    while len(body) < size:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def saying(*answers: bytes) -> Talk:
    """Answers one request after the other, then hangs up."""

    def talk(connection: socket.socket) -> None:
        for answer in answers:
            receive(connection)
            connection.sendall(answer)

    return talk


def get(client: Wire) -> Answer:
    """A request without a body."""
    return client.exchange("GET", "/k", {"host": "h"}, b"")


def test_request_as_it_is_sent() -> None:
    """The request line, the headers and the body arrive as given."""
    seen: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        seen.append(receive(connection))
        connection.sendall(OK)

    with wire(talk) as (client, _):
        headers = {"host": "h", "content-length": "3"}
        answer = client.exchange("PUT", "/a%20b", headers, b"\x00\r\n")
    assert seen == [b"PUT /a%20b HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n\x00\r\n"]
    assert answer == Answer(200, {"content-length": "2", "x-a": "b"}, b"ok")


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
def test_bodies_of_any_size(size: int) -> None:
    """A body arrives whole, whether it goes with its headers or after them."""
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    seen: list[int] = []

    def talk(connection: socket.socket) -> None:
        seen.append(receive(connection).endswith(b"\r\n\r\n" + body))
        connection.sendall(OK)

    with wire(talk) as (client, _):
        client.exchange("PUT", "/k", {"content-length": str(size)}, body)
    assert seen == [True]


def test_connection_is_kept() -> None:
    """Requests follow each other on one connection."""
    with wire(saying(OK, OK, OK)) as (client, script):
        for _ in range(3):
            assert get(client).body == b"ok"
        assert script.connections == 1


def test_connection_that_went_away() -> None:
    """A kept connection that the server has closed is replaced without a word."""
    with wire(saying(OK), saying(OK, OK)) as (client, script):
        for _ in range(3):
            assert get(client).body == b"ok"
        assert script.connections == 2


def test_connection_close_is_obeyed() -> None:
    """After "Connection: close" the next request has a new connection."""
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with wire(saying(closing), saying(OK)) as (client, _):
        assert get(client).body == b""
        assert get(client).body == b"ok"


@pytest.mark.parametrize(
    ("said", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 200\r\ncontent-length:1\r\n\r\nx", 200, b"x"),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", 200, b"to the end"),
        (
            CHUNKED,
            403,
            b"abc0123456789",
        ),
    ],
)
def test_answers_of_many_forms(said: bytes, status: int, body: bytes) -> None:
    """An answer's end is found by its status, its length, its chunks or the connection's end."""
    with wire(saying(said)) as (client, _):
        answer = get(client)
    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 " + b"2" * 5000 + b" OK\r\n\r\n",
        b"HTTP/1.1 2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
    ],
)
def test_answers_that_are_none(said: bytes) -> None:
    """What is no answer, or breaks off, is an error, and the next request begins anew."""
    with wire(saying(said), saying(OK)) as (client, _):
        with pytest.raises((Garbled, ConnectionError)):
            get(client)
        assert get(client).body == b"ok"


def test_refusal_before_the_body_was_read() -> None:
    """A server that answers and hangs up in mid-body is still heard."""
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"

    def talk(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(refusal)
        connection.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while connection.recv(65_536):
                pass

    with wire(talk) as (client, _):
        size = 30_000_000
        answer = client.exchange("PUT", "/k", {"content-length": str(size)}, bytes(size))
    assert (answer.status, answer.body) == (403, b"no")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 20000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nfffffffff\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n12345678901",
    ],
    ids=["length", "chunks", "until it closes"],
)
def test_bodies_that_are_too_large(answer: bytes) -> None:
    """More than there is room for is refused as it is announced, and another exchange works."""
    with wire(saying(answer), saying(OK)) as (client, script):
        with pytest.raises(Oversize):
            client.exchange("GET", "/k", {"host": "h"}, b"", most=10)
        assert client.exchange("GET", "/k", {"host": "h"}, b"", most=2).body == b"ok"
    assert script.connections == 2


@pytest.mark.parametrize("length", [10**15, 10**18])
def test_more_than_memory_holds(length: int) -> None:
    """A length that no memory has is refused also where any was asked for."""
    answer = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode()
    with wire(saying(answer), saying(OK)) as (client, _):
        with pytest.raises(Oversize):
            get(client)
        assert get(client).body == b"ok"


def test_silence_has_an_end() -> None:
    """A server that says nothing is given up after the time for reading."""
    done = threading.Event()

    def talk(connection: socket.socket) -> None:
        receive(connection)
        done.wait(60)

    with wire(talk, seconds=0.1) as (client, _):
        with pytest.raises(Slow):
            get(client)
        done.set()


def trickling(answer: bytes) -> Talk:
    """Gives the beginning of an answer, then a byte of what repeats, again and again."""
    beginning, _, repeated = answer.partition(b"|")

    def talk(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(beginning)
        connection.settimeout(0.05)
        for piece in islice(cycle(repeated), 2000):
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return  # It was given up.
            connection.sendall(bytes([piece]))

    return talk


@pytest.mark.parametrize(
    "answer",
    [
        b"|HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 |x",
        b"HTTP/1.1 200 OK\r\n|a: b\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n|x",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n|1\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n|x",
    ],
)
def test_trickle_has_an_end(answer: bytes) -> None:
    """A byte now and then is no answer: it is given up though none is late by itself."""
    with wire(trickling(answer), saying(OK), seconds=0.4) as (client, _):
        began = time.monotonic()
        with pytest.raises(Slow):
            get(client)
        assert time.monotonic() - began < 100  # The whole of it takes longer on any machine.
        client._endpoint = replace(client._endpoint, read_seconds=60.0)
        assert get(client).body == b"ok"


class Clock:
    """Stands still but for what a test adds; ``asked`` counts who looks at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.asked = threading.Semaphore(0)
        monkeypatch.setattr("wherobots_storage.objectstore.endpoint.monotonic", self)

    def __call__(self) -> float:
        self.asked.release()
        return self.now


def test_long_body_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body may take longer than the time for reading, by its length."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr("wherobots_storage.objectstore.wire.SLOWEST", 100.0)

    def talk(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n")
        clock.asked.acquire(timeout=60)  # The head was read.
        for _ in range(8):
            clock.asked.acquire(timeout=60)  # It waits for more.
            clock.now += 20.0
            connection.sendall(bytes(5000))

    with wire(talk) as (client, _):
        assert get(client).body == bytes(40_000)
    assert clock.now == 1160.0


def test_time_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer on a kept connection has its own time, however long ago the last one was."""
    clock = Clock(monkeypatch)
    with wire(saying(OK, OK)) as (client, script):
        assert get(client).body == b"ok"
        clock.now += 100.0
        assert get(client).body == b"ok"
    assert script.connections == 1


def test_nobody_listens() -> None:
    """A refused connection is the OSError that it is, and closing an unused wire is no error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = Wire(Endpoint("127.0.0.1", port, None, 1.0, 1.0))
    with pytest.raises(ConnectionRefusedError):
        get(client)
    client.close()
