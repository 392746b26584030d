"""Bodies on their way from the store, and how long they may take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.stub_server import Reply, Stub, stub_server

from wherobots_storage.objectstore import sockets
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.connection import Timeouts
from wherobots_storage.objectstore.s3 import S3Store

FACTS = {"ETag": '"e1"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as it is told."""
    with stub_server() as running:
        yield running


@pytest.fixture
def store(stub: Stub) -> Iterator[S3Store]:
    """Its bucket."""
    store = connect("my-bucket", stub.environment(), timeouts=Timeouts(connect=30, read=2))
    yield store
    store.close()


def test_slow_reader_has_time(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that its reader takes is not the store's."""
    now = [1000.0]
    monkeypatch.setattr(sockets, "SLOWEST", 1e9)
    monkeypatch.setattr(sockets, "monotonic", lambda: now[0])
    content = bytes(range(256)) * 1000
    stub.answer = lambda _: Reply(200, content, FACTS)
    store = connect("my-bucket", stub.environment(), timeouts=Timeouts(connect=60, read=60))
    seen = b""
    with store.get("k") as body:
        for piece in body.chunks(100_000):
            assert len(piece) <= 100_000
            now[0] += 50.0
            seen += piece
    store.close()
    assert seen == content
    assert now[0] >= 1150.0
