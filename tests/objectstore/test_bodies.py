"""Bodies on their way from the store, and how long they may take."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from support.stub_server import Reply, Stub, stub_server

from wherobots_storage.errors import StoreTimeout
from wherobots_storage.objectstore import bodies
from wherobots_storage.objectstore.connect import connect
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
    store = connect("my-bucket", stub.environment())
    yield store
    store.close()


def test_trickling_body_has_an_end(
    stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body of which a byte comes now and then is given up, though none is late by itself."""
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.3)
    stub.answer = lambda _: Reply(200, b"x" * 2000, FACTS, trickle=1)
    began = time.monotonic()
    with store.get("k") as body, pytest.raises(StoreTimeout):
        list(body.chunks())
    assert time.monotonic() - began < 20  # The whole of it takes longer on any machine.


def test_slow_reader_has_time(stub: Stub, store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that its reader takes is not the store's."""
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(bodies, "SLOWEST", 1e9)
    content = bytes(range(256)) * 1000
    stub.answer = lambda _: Reply(200, content, FACTS)
    seen = b""
    with store.get("k") as body:
        for piece in body.chunks(100_000):
            assert len(piece) <= 100_000
            time.sleep(0.8)
            seen += piece
    assert seen == content
