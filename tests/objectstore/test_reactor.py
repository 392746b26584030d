"""Exchanges on one thread, against a server that says exactly what the test wants."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from wherobots_storage.objectstore.reactor import Reactor
from wherobots_storage.objectstore.wire import Answer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok"
BIG = 50_000_000


class Ends:
    """A reactor with one connection, whose other end the test holds."""

    def __init__(self, seconds: float = 30.0) -> None:
        self.reactor = Reactor(seconds)
        self.answers: list[Answer | None] = []
        self.far = self.connect()

    def connect(self) -> socket.socket:
        """One more connection; its far end."""
        near, far = socket.socketpair()
        far.settimeout(30)
        self.reactor.add(near)
        return far

    def ask(self, body: bytes = b"", most: int = BIG) -> None:
        """Begin an exchange."""
        self.reactor.begin(b"GET / HTTP/1.1\r\n\r\n", body, most, self.answers.append)

    def outcome(self) -> Answer | None:
        """What the next exchange comes to."""
        until = time.monotonic() + 60
        while not self.answers:
            assert time.monotonic() < until, "no end"
            self.reactor.drive(0.1)
        return self.answers.pop(0)

    def close(self) -> None:
        """End it all."""
        self.far.close()
        self.reactor.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A reactor with a connection."""
    made = Ends()
    yield made
    made.close()


def test_one_exchange_after_the_other(ends: Ends) -> None:
    """A connection is free again after an answer, with its status, headers and body."""
    for _ in range(3):
        assert ends.reactor.is_ready
        ends.ask(b"body")
        assert ends.reactor.busy == 1
        assert ends.far.recv(100) == b"GET / HTTP/1.1\r\n\r\nbody"
        ends.far.sendall(OK)
        assert ends.outcome() == Answer(200, {"content-length": "2", "x-a": "b"}, b"ok")
    assert (ends.reactor.busy, ends.reactor.connections) == (0, 1)


def test_byte_by_byte(ends: Ends) -> None:
    """An answer may come in any pieces."""
    ends.ask()
    for byte in OK:
        assert ends.answers == []
        ends.far.sendall(bytes([byte]))
        ends.reactor.drive(0.001)
    answer = ends.outcome()
    assert answer is not None
    assert answer.body == b"ok"


def test_much_both_ways(ends: Ends) -> None:
    """Bodies that are larger than every buffer go whole, both ways."""
    sent, back = bytes(range(256)) * 40_000, bytes(reversed(range(256))) * 30_000
    received = bytearray()

    def serve() -> None:
        whole = len(b"GET / HTTP/1.1\r\n\r\n") + len(sent)
        while len(received) < whole:
            received.extend(ends.far.recv(65_536))
        ends.far.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(back) + back)

    thread = threading.Thread(target=serve)
    thread.start()
    ends.ask(sent)
    answer = ends.outcome()
    thread.join()
    assert answer is not None
    assert answer.body == back
    assert bytes(received).endswith(sent)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
        OK + b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"Content-Length: 0\r\n\r\n",
    ],
)
def test_irregular_answers(ends: Ends, said: bytes) -> None:
    """What is not quite regular is no answer here, and its connection is given up."""
    ends.ask(most=10)
    ends.far.sendall(said)
    ends.far.shutdown(socket.SHUT_WR)
    assert ends.outcome() is None
    assert ends.reactor.connections == 0


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 3\r\n\r\nno!", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok", False),
    ],
)
def test_which_connections_are_kept(ends: Ends, said: bytes, *, kept: bool) -> None:
    """One stays after any whole answer, unless the server says that it goes."""
    ends.ask()
    ends.far.sendall(said)
    assert ends.outcome() is not None
    assert ends.reactor.is_ready is kept


def test_connections_that_were_closed_meanwhile(ends: Ends) -> None:
    """An idle connection that ends, or speaks out of turn, goes; the others stay."""
    rude, quiet = ends.connect(), ends.connect()
    ends.far.close()
    rude.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    ends.reactor.drive(0.01)
    assert ends.reactor.connections == 1
    ends.ask()
    quiet.sendall(OK)
    assert ends.outcome() is not None
    quiet.close()
    rude.close()


def test_a_request_that_cannot_be_sent(ends: Ends) -> None:
    """A connection whose other end is gone gives no answer, at once."""
    ends.far.close()
    ends.ask(b"x" * 10_000_000)
    assert ends.outcome() is None


def test_silence_has_an_end() -> None:
    """No answer in time is none; nor is a trickle that would take for ever."""
    for said in (b"", OK[:-1]):
        ends = Ends(seconds=0.2)
        ends.ask()
        ends.far.sendall(said)
        assert ends.outcome() is None
        ends.close()


def test_a_body_that_nobody_takes_has_an_end() -> None:
    """A server that reads no more of a request is given up."""
    ends = Ends(seconds=0.2)
    ends.ask(b"x" * 20_000_000)
    assert ends.outcome() is None
    ends.close()


def test_an_answer_that_waited_is_not_late() -> None:
    """Who was away for longer than an answer may take finds it all the same."""
    ends = Ends(seconds=0.05)
    ends.ask()
    ends.far.sendall(OK)
    time.sleep(1.2)
    assert ends.outcome() is not None
    ends.close()


def test_wake_ends_the_waiting(ends: Ends) -> None:
    """Another thread ends a wait, also one that begins only later."""
    ends.reactor.wake()
    begun = time.monotonic()
    ends.reactor.drive(60)
    thread = threading.Thread(target=ends.reactor.wake)
    thread.start()
    ends.reactor.drive(60)
    thread.join()
    assert time.monotonic() - begun < 60


def test_closing_waits_for_answers(ends: Ends) -> None:
    """What is under way is seen to its end first."""
    ends.ask()
    thread = threading.Timer(0.1, ends.far.sendall, (OK,))
    thread.start()
    ends.reactor.close()
    thread.join()
    assert len(ends.answers) == 1
    assert ends.reactor.connections == 0
    ends.reactor = Reactor(1.0)


def test_told_that_asks_again(ends: Ends) -> None:
    """Whoever is told of an end may begin another exchange and wait for it there and then."""
    other = ends.connect()
    said: list[Answer | None] = []

    def again(answer: Answer | None) -> None:
        said.append(answer)
        ends.ask()
        for far in (ends.far, other):
            far.setblocking(False)
            try:
                asked = far.recv(100)
            except BlockingIOError:
                continue
            if asked.count(b"GET") and len(said) == 1:
                far.sendall(OK)
        ends.reactor.drive(5)

    ends.reactor.begin(b"GET / HTTP/1.1\r\n\r\n", b"", BIG, again)
    served = [far for far in (ends.far, other) if _asked(far)]
    served[0].sendall(OK)
    ends.reactor.drive(5)
    assert [answer.status for answer in (*said, ends.outcome()) if answer] == [200, 200]
    other.close()


def _asked(far: socket.socket) -> bool:
    far.settimeout(0.05)
    try:
        return bool(far.recv(100))
    except TimeoutError:
        return False
    finally:
        far.settimeout(30)
