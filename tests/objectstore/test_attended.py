"""Transfers on the thread that waits for them: when they are, and what happens when they cannot."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from support.stub_server import Reply, Request, Stub, stub_server

from wherobots_storage.errors import (
    InvalidInput,
    InvalidPath,
    NotFound,
    PreconditionFailed,
    SlowDown,
    StoreUnavailable,
    TooLarge,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore import pace
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.connection import Timeouts
from wherobots_storage.objectstore.reactor import Reactor
from wherobots_storage.objectstore.store import PutRequest

FACTS = {"ETag": '"e1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
GOOD = Reply(200, b"body", FACTS)
BUSY = Reply(503, b"<Error><Code>SlowDown</Code></Error>")
MISSING = Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as it is told."""
    with stub_server() as running:
        running.answer = lambda _: GOOD
        yield running


@pytest.fixture
def transfers(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[AttendedTransfers]:
    """Transfers with the stub that have a connection already."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    store = connect("my-bucket", stub.environment(), timeouts=Timeouts(5, 5))
    transfers = AttendedTransfers(store.connection, in_flight=2)
    transfers.submit_get("first").result()
    stub.requests.clear()
    yield transfers
    transfers.close()
    store.close()


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads on which exchanges were begun without another one."""
    seen: list[int] = []
    real = Reactor.begin

    def begin(*arguments: Any) -> None:
        seen.append(threading.get_ident())
        real(*arguments)

    monkeypatch.setattr(Reactor, "begin", begin)
    return seen


def both(transfers: AttendedTransfers) -> None:
    """A get and a put, one after the other."""
    transfers.submit_get("a").result()
    transfers.submit_put(PutRequest("b", b"x")).result()


def test_on_the_thread_that_waits(transfers: AttendedTransfers, attended: list[int]) -> None:
    """A transfer is the business of the thread that waits for it, and of no other."""
    both(transfers)
    assert attended == [threading.get_ident()] * 2


def test_another_thread_gets_its_own(transfers: AttendedTransfers, attended: list[int]) -> None:
    """Somebody else's transfers are done while the first thread is busy with other things."""
    bodies: list[bytes] = []

    def other() -> None:
        bodies.append(transfers.submit_get("theirs").result().body)
        transfers.drive(0.01)

    thread = threading.Thread(target=other)
    mine = transfers.submit_get("mine")
    thread.start()
    thread.join(90)
    assert bodies == [b"body"]
    assert mine.result().body == b"body"
    assert attended == [threading.get_ident()]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (MISSING, NotFound),
        (Reply(412), PreconditionFailed),
        (Reply(200, b"body", FACTS, length=9), StoreUnavailable),
        (Reply(cut=True), StoreUnavailable),
        (BUSY, SlowDown),
    ],
)
def test_whatever_goes_wrong_is_asked_once_more(
    stub: Stub,
    transfers: AttendedTransfers,
    attended: list[int],
    answer: Reply,
    error: type[Exception],
) -> None:
    """Any trouble comes out as it does on a new connection; and the next transfer is as before."""
    stub.answer = lambda _: answer
    with pytest.raises(error):
        transfers.submit_put(PutRequest("k", b"x")).result()
    stub.answer = lambda _: GOOD
    transfers.submit_get("k").result()
    attended.clear()
    both(transfers)
    # A store that is busy is asked with patience for a while.
    assert len(attended) == (0 if error is SlowDown else 2)


def test_trouble_that_passes_is_not_seen(stub: Stub, transfers: AttendedTransfers) -> None:
    """A connection that breaks costs one request more, and nobody hears of it."""
    answers = iter([Reply(cut=True), GOOD])
    stub.answer = lambda _: next(answers)
    assert transfers.submit_get("k").result().body == b"body"
    assert len(stub.requests) == 2


def test_nothing_new_while_something_is_wrong(
    stub: Stub, transfers: AttendedTransfers, attended: list[int]
) -> None:
    """While one is done again the others go the patient way at once: each is asked for once."""
    gate = threading.Event()

    def answer(request: Request) -> Reply:
        if "bad" not in request.path:
            return GOOD
        if len(stub.requests) > 1:
            gate.wait(90)
        return MISSING

    stub.answer = answer
    bad = transfers.submit_get("bad")
    while len(stub.requests) < 2:
        transfers.drive(0.1)
    transfers.submit_get("good").result()
    assert len(attended) == 1
    gate.set()
    with pytest.raises(NotFound):
        bad.result()


def test_an_answer_without_its_facts(stub: Stub, transfers: AttendedTransfers) -> None:
    """An answer that is no object's is an error, as on a thread, and not asked for again."""
    stub.answer = lambda _: Reply(200)
    with pytest.raises(UnexpectedAnswer):
        transfers.submit_put(PutRequest("k", b"x")).result()
    assert len(stub.requests) == 1


def test_refused_before_anything_is_sent(stub: Stub, transfers: AttendedTransfers) -> None:
    """What cannot be asked for fails in the future, not in the caller's face."""
    for future, error in (
        (transfers.submit_get("a/../b"), InvalidPath),
        (transfers.submit_put(PutRequest("k", b"", {"m": "ü"})), InvalidInput),
    ):
        with pytest.raises(error):
            future.result()
    assert stub.requests == []


def test_no_room(transfers: AttendedTransfers) -> None:
    """A body that is larger than there is room for is refused."""
    with pytest.raises(TooLarge):
        transfers.submit_get("k", most=3).result()
    assert transfers.submit_get("k", most=4).result().body == b"body"


def test_given_up(transfers: AttendedTransfers) -> None:
    """A transfer that is cancelled tells nobody that it ended well."""
    ends: list[bool] = []
    future = transfers.submit_get("a")
    future.add_done_callback(lambda done: ends.append(done.cancelled()))
    assert future.cancel()
    both(transfers)
    transfers.close()
    assert ends == [True]


def test_a_busy_store_is_left_to_the_threads(
    stub: Stub, transfers: AttendedTransfers, attended: list[int]
) -> None:
    """A store that asked for fewer requests is asked in turns, which only threads wait for."""
    answers = iter([BUSY, BUSY])
    stub.answer = lambda _: next(answers, GOOD)
    transfers.submit_get("k").result()
    both(transfers)
    assert len(attended) == 1


def test_more_than_slots(stub: Stub, transfers: AttendedTransfers) -> None:
    """Handing in waits for a slot: never more than two are with the server."""
    most, now, changed = [0], [0], threading.Condition()

    def answer(_: Request) -> Reply:
        with changed:
            now[0] += 1
            most[0] = max(most[0], now[0])
            changed.notify_all()
            changed.wait_for(lambda: most[0] > 1, 60)
            changed.wait(0.005)  # A third one would come.
            now[0] -= 1
        return GOOD

    stub.answer = answer
    futures: list[Future[str]] = [
        transfers.submit_put(PutRequest(f"{number}", b"x")) for number in range(30)
    ]
    assert [future.result() for future in futures] == ["e1"] * 30
    assert most[0] == 2


def test_result_in_time(stub: Stub, transfers: AttendedTransfers) -> None:
    """Who waits for so long and no longer gets a TimeoutError, and the result later."""
    gate = threading.Event()

    def answer(_: Request) -> Reply:
        gate.wait(90)
        return GOOD

    stub.answer = answer
    future = transfers.submit_get("k")
    with pytest.raises(TimeoutError):
        future.exception(0.05)
    gate.set()
    assert future.exception(30) is None
