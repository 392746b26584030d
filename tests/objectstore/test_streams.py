"""Large bodies over connections of our own, with a server that answers as it is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.stub_server import Reply, Request, Stub, stub_server

from wherobots_storage.errors import (
    AccessDenied,
    NoSuchUpload,
    NotFound,
    PreconditionFailed,
    StorageError,
    StoreTimeout,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore import pace
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.connection import Timeouts
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import ByteRange
from wherobots_storage.objectstore.streams import WireBody

FACTS = {"ETag": '"e1"', "Last-Modified": "Sun, 22 Nov 2026 12:00:00 GMT", "X-Amz-Meta-A": "b"}
BODY = bytes(range(256)) * 4096


class Known:
    """A body that can be read again."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.sha256 = hashlib.sha256(body).hexdigest()
        self.read = 0

    def __iter__(self) -> Iterator[memoryview]:
        self.read += 1
        for start in range(0, len(self._body), 100_000):
            yield memoryview(self._body)[start : start + 100_000]


class Moved(Exception):
    """The source is not what it was."""


class Moving(Known):
    """A body whose source changes while it is read."""

    def __iter__(self) -> Iterator[memoryview]:
        yield memoryview(self._body)[:100_000]
        raise Moved


def ranged(request: Request) -> Reply:
    """What a store answers."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    first, _, last = headers["range"].removeprefix("bytes=").partition("-")
    start, stop = int(first), min(int(last) + 1, len(BODY))
    where = {"Content-Range": f"bytes {start}-{stop - 1}/{len(BODY)}"}
    return Reply(206, BODY[start:stop], FACTS | where)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as it is told."""
    with stub_server() as running:
        running.answer = ranged
        yield running


@pytest.fixture
def store(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """Its bucket, with short pauses."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    store = connect("my-bucket", stub.environment(), timeouts=Timeouts(connect=30, read=2))
    yield store
    store.close()


def get(store: S3Store, start: int, stop: int) -> bytes:
    """A range, read into a buffer."""
    with store.get("a b", byte_range=ByteRange(start, stop), if_match="e1") as body:
        assert isinstance(body, WireBody)
        buffer, found = memoryview(bytearray(50_000)), bytearray()
        while got := body.read_into(buffer):
            found += buffer[:got]
        assert len(found) == body.length
        assert (body.info.size, body.info.etag) == (len(BODY), "e1")
        assert dict(body.info.metadata) == {"a": "b"}
    return bytes(found)


def test_ranges(stub: Stub, store: S3Store) -> None:
    """A range comes whole, asked for with its version, signed, over a connection that is kept."""
    for start, stop in ((0, 10), (10, 200_010), (len(BODY) - 5, len(BODY) + 5)):
        assert get(store, start, stop) == BODY[start:stop]
    assert store._streams is not None
    assert len(store._streams._wires._idle) == 1
    headers = {name.lower(): value for name, value in stub.requests[1].headers.items()}
    assert stub.requests[1].path == "/my-bucket/a%20b"
    assert (headers["range"], headers["if-match"]) == ("bytes=10-200009", "e1")
    assert headers["x-amz-security-token"] == "session-token"
    assert "range" in headers["authorization"]


def test_body_that_is_left(store: S3Store) -> None:
    """A body that is not read to its end takes its connection with it."""
    with store.get("k", byte_range=ByteRange(0, 200_000)) as body:
        next(body.chunks(10))
    assert store._streams is not None
    assert not store._streams._wires._idle
    assert get(store, 5, 10) == BODY[5:10]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(206, BODY[:10], FACTS), UnexpectedAnswer),
        (Reply(206, BODY[:10], FACTS | {"Content-Range": "bytes 5-14/100"}), UnexpectedAnswer),
        (Reply(206, BODY[:10], FACTS | {"Content-Range": "bytes 0-9/*"}), UnexpectedAnswer),
        (Reply(206, BODY[:10], {"Content-Range": "bytes 0-9/100"}), UnexpectedAnswer),
        (Reply(200, BODY, {**FACTS, "Last-Modified": "yesterday"}), UnexpectedAnswer),
        (Reply(404, b"<Error><Code>NoSuchKey</Code></Error>"), NotFound),
        (Reply(412, b"<Error><Code>PreconditionFailed</Code></Error>"), PreconditionFailed),
        (Reply(403, b"<Error><Code>AccessDenied</Code></Error>"), AccessDenied),
        (Reply(500, b"<html>" * 50_000), StoreUnavailable),
        (Reply(cut=True), StoreUnavailable),
    ],
)
def test_bad_answers(stub: Stub, store: S3Store, reply: Reply, error: type[StorageError]) -> None:
    """An answer that is not the range that was asked for is its error, without a secret."""
    stub.answer = lambda _: reply
    with pytest.raises(error) as caught:
        get(store, 0, 10)
    for secret in ("AKIDEXAMPLE", "wJalrXUtnFEMI", "session-token"):
        assert secret not in str(caught.value)
    stub.answer = ranged
    assert get(store, 0, 10) == BODY[:10]


def test_passing_failures_are_tried_again(stub: Stub, store: S3Store) -> None:
    """A store that fails or asks for patience is asked again."""
    replies = iter([Reply(503), Reply(500), Reply(cut=True)])
    stub.answer = lambda request: next(replies, None) or ranged(request)
    assert get(store, 0, 10) == BODY[:10]
    assert len(stub.requests) == 4


def test_short_body(stub: Stub, store: S3Store) -> None:
    """A body that ends early is an error, and never taken for the whole."""
    stub.answer = lambda request: replace(ranged(request), body=BODY[:5], length=10)
    with pytest.raises(StoreUnavailable, match="broke off"):
        get(store, 0, 10)


def test_body_that_stalls(stub: Stub, store: S3Store) -> None:
    """A body of which nothing more comes is given up after the time for reading."""
    stub.answer = lambda request: replace(ranged(request), trickle=1)
    with pytest.raises(StoreTimeout):
        get(store, 0, 200_000)


def test_part(stub: Stub, store: S3Store) -> None:
    """A part is sent with its hash and is signed, again and whole when the store failed."""
    replies = iter([Reply(503), Reply(cut=True), Reply(200, b"", {"ETag": '"p1"'})])
    stub.answer = lambda _: next(replies)
    body = Known(BODY)
    assert store.upload_part("a b", "id/+=", 7, body, size=len(BODY)) == "p1"
    assert body.read == 3
    assert [request.body for request in stub.requests] == [BODY] * 3
    headers = {name.lower(): value for name, value in stub.requests[-1].headers.items()}
    assert stub.requests[-1].path == "/my-bucket/a%20b?partNumber=7&uploadId=id%2F%2B%3D"
    assert headers["x-amz-content-sha256"] == body.sha256
    assert "x-amz-content-sha256" in headers["authorization"]


def test_part_that_moves(stub: Stub, store: S3Store) -> None:
    """What reading a part raises is raised, at once, and the part does not arrive."""
    stub.answer = lambda _: Reply(200, b"", {"ETag": '"p1"'})
    with pytest.raises(Moved):
        store.upload_part("k", "id", 1, Moving(BODY), size=len(BODY))
    assert [request.body for request in stub.requests if len(request.body) == len(BODY)] == []


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404), NoSuchUpload),
        (Reply(403, b"<Error><Code>AccessDenied</Code></Error>"), AccessDenied),
        (Reply(200), UnexpectedAnswer),
        (Reply(200, b"x" * 100_000, {"ETag": '"p1"'}), StoreUnavailable),
    ],
)
def test_part_that_is_refused(
    stub: Stub, store: S3Store, reply: Reply, error: type[StorageError]
) -> None:
    """What the store answers to a part is told."""
    stub.answer = lambda _: reply
    with pytest.raises(error):
        store.upload_part("k", "id", 1, Known(BODY), size=len(BODY))


def test_behind_a_proxy(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a proxy, botocore goes through it, for both ways."""
    monkeypatch.setenv("http_proxy", stub.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    environment = stub.environment() | {"AWS_ENDPOINT_URL": "http://store.invalid"}
    proxied = connect("my-bucket", environment)
    try:
        with proxied.get("k", byte_range=ByteRange(0, 10)) as body:
            assert b"".join(body.chunks()) == BODY[:10]
        stub.answer = lambda _: Reply(200, b"", {"ETag": '"p1"'})
        assert proxied.upload_part("k", "id", 1, Known(BODY), size=len(BODY)) == "p1"
    finally:
        proxied.close()
    assert len(stub.requests) == 2
    assert all(request.path.startswith("http://store.invalid/") for request in stub.requests)
