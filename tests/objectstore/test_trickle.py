"""Answers that trickle, a byte at a time and without an end: none is waited for for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.stub_s3 import StubS3, stub_s3
from support.tcp_proxy import TcpProxy

from wherobots_storage.errors import StoreTimeout
from wherobots_storage.objectstore import pace, patience
from wherobots_storage.objectstore.bulk import WireTransfers
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.connection import Timeouts
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import PutRequest

MIB = 1024**2
FOR_EVER = 10**6


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server that speaks S3, with one object."""
    with stub_s3() as running:
        running.store.put("k", b"x" * 100)
        yield running


@pytest.fixture
def proxy(server: StubS3) -> Iterator[TcpProxy]:
    """The way to it."""
    with TcpProxy(server.environment()["AWS_ENDPOINT_URL"], seed=1).running() as running:
        yield running


@pytest.fixture
def seconds() -> float:
    """How long an answer's first byte is waited for."""
    return 2.0


@pytest.fixture
def store(server: StubS3, proxy: TcpProxy, seconds: float) -> Iterator[S3Store]:
    """Its bucket, with little patience."""
    environment = server.environment() | {"AWS_ENDPOINT_URL": proxy.url}
    store = connect("test", environment, timeouts=Timeouts(connect=30, read=seconds))
    yield store
    store.close()


def small_get(store: S3Store) -> None:
    """As a restore reads a small object."""
    transfers = WireTransfers(store.connection)
    try:
        transfers.submit_get("k").result()
    finally:
        transfers.close()


def small_put(store: S3Store) -> None:
    """As a sync writes one."""
    transfers = WireTransfers(store.connection)
    try:
        transfers.submit_put(PutRequest("new", b"x", metadata={}, content_type=None)).result()
    finally:
        transfers.close()


CALLS: dict[str, Callable[[S3Store], object]] = {
    "a small get": small_get,
    "a small put": small_put,
    "a get": lambda store: store.get("k"),
    "a put": lambda store: store.put("new", b"x"),
    "a put that is streamed": lambda store: store.put("new", iter([b"x" * 2 * MIB]), size=2 * MIB),
    "a listing": lambda store: store.list_page(""),
    "a part": lambda store: store.upload_part("new", "id", 1, b"x", size=1),
    "a head": lambda store: store.head("k"),
    "a deletion": lambda store: store.delete("k"),
}


@pytest.mark.parametrize("seconds", [0.5])
@pytest.mark.parametrize("name", CALLS)
def test_answer_has_an_end(
    store: S3Store, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is a timeout of that one request."""
    monkeypatch.setattr(pace, "ATTEMPTS", 1)
    proxy.trickles = FOR_EVER
    with pytest.raises(StoreTimeout):
        CALLS[name](store)


def test_body_has_an_end(store: S3Store, server: StubS3, proxy: TcpProxy) -> None:
    """However much of a large object came before, it may not trickle for long."""
    server.store.put("large", b"x" * 32 * MIB)
    with store.get("large") as body:
        pieces = body.chunks()
        next(pieces)
        proxy.trickles = FOR_EVER
        with pytest.raises(StoreTimeout):
            list(pieces)


@pytest.mark.parametrize("name", ["a listing", "a head"])
def test_it_is_tried_again(store: S3Store, proxy: TcpProxy, name: str) -> None:
    """Over another connection, on which it may come."""
    proxy.trickles = 1
    CALLS[name](store)
    assert proxy.met["trickle"] == 1


def test_what_the_store_works_on(
    store: S3Store, server: StubS3, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts are put together for minutes, with a blank now and then: that is waited for."""
    body = b"x" * 5 * MIB
    upload = server.store.create_multipart("new")
    server.store.upload_part("new", upload, 1, body, size=len(body))
    parts = server.store.list_parts("new", upload)
    monkeypatch.setattr(patience, "WORK_SECONDS", 120.0)
    proxy.interval = 0.01
    proxy.trickles = 1
    store.complete_multipart("new", upload, parts)
    assert proxy.met["trickle"] == 1
    assert server.store.head("new").size == len(body)
