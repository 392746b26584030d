"""The contract of BulkTransfers, inherited by a test class for each kind."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest
from support.contract import names, read
from support.servers import DOTTED_KEYS, ODD_KEYS, Server

from wherobots_storage.errors import (
    InvalidInput,
    InvalidPath,
    NotFound,
    PreconditionFailed,
    TooLarge,
)
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore, PutRequest


class BulkContract:
    """Needs fixtures ``store`` (empty), ``transfers`` over it, and ``server``."""

    def test_put_then_get(self, store: ObjectStore, transfers: BulkTransfers) -> None:
        """A put makes the same object as the store's own, and a get brings all of it back."""
        request = PutRequest("a b/c", b"hello", {"mtime": "1.5"}, "text/plain")
        etag = transfers.submit_put(request).result()
        assert store.head("a b/c").etag == etag
        fetched = transfers.submit_get("a b/c", if_match=etag).result()
        assert fetched.body == b"hello"
        assert (fetched.info.key, fetched.info.size, fetched.info.etag) == ("a b/c", 5, etag)
        assert dict(fetched.info.metadata) == {"mtime": "1.5"}
        assert fetched.info.content_type == "text/plain"
        assert fetched.info.last_modified == int(store.head("a b/c").last_modified)

    def test_empty_object(self, store: ObjectStore, transfers: BulkTransfers) -> None:
        """An empty object travels both ways."""
        transfers.submit_put(PutRequest("a", b"")).result()
        assert store.head("a").size == 0
        assert transfers.submit_get("a").result().body == b""

    def test_room(self, transfers: BulkTransfers) -> None:
        """An object with more bytes than there is room for is refused, and holds nothing up."""
        transfers.submit_put(PutRequest("a", b"12345")).result()
        with pytest.raises(TooLarge):
            transfers.submit_get("a", most=4).result()
        assert transfers.submit_get("a", most=5).result().body == b"12345"

    def test_conditions(self, store: ObjectStore, transfers: BulkTransfers) -> None:
        """Conditions hold, and what breaks them changes nothing."""
        etag = transfers.submit_put(PutRequest("a", b"one", if_none_match=True)).result()
        for request in (
            PutRequest("a", b"two", if_none_match=True),
            PutRequest("a", b"two", if_match="0" * 32),
        ):
            with pytest.raises(PreconditionFailed):
                transfers.submit_put(request).result()
        assert read(store, "a") == b"one"
        transfers.submit_put(PutRequest("a", b"two", if_match=etag)).result()
        with pytest.raises(PreconditionFailed):
            transfers.submit_get("a", if_match=etag).result()
        with pytest.raises((NotFound, PreconditionFailed)):
            transfers.submit_put(PutRequest("b", b"two", if_match=etag)).result()
        assert names(store) == ["a"]

    def test_errors_come_with_the_future(self, transfers: BulkTransfers) -> None:
        """A failed transfer is its future's exception, and the slots are free again."""
        for _ in range(2 * transfers.in_flight):
            with pytest.raises(NotFound):
                transfers.submit_get("missing").result()
        for key in (*DOTTED_KEYS, ""):
            with pytest.raises(InvalidPath):
                transfers.submit_get(key).result()
            with pytest.raises(InvalidPath):
                transfers.submit_put(PutRequest(key, b"x")).result()
        with pytest.raises(InvalidInput):
            transfers.submit_put(PutRequest("a", b"", {"m": "ü"})).result()

    def test_odd_keys(self, store: ObjectStore, transfers: BulkTransfers, server: Server) -> None:
        """Odd names reach the same keys as by the store itself."""
        for name, key in ODD_KEYS.items():
            if name in server.refused | server.rewritten:
                continue
            transfers.submit_put(PutRequest(key, b"odd")).result()
            assert names(store) == [key], name
            assert transfers.submit_get(key).result().body == b"odd"
            store.delete(key)

    def test_many_at_once(self, store: ObjectStore, transfers: BulkTransfers) -> None:
        """Many more transfers than slots all arrive, each with its own body."""
        count = 3 * transfers.in_flight
        puts = [
            transfers.submit_put(PutRequest(f"n/{number:04}", b"%d" % number * 100))
            for number in range(count)
        ]
        assert len({put.result() for put in puts}) == count
        gets = [transfers.submit_get(f"n/{number:04}") for number in range(count)]
        for number, get in enumerate(gets):
            assert get.result().body == b"%d" % number * 100
        assert len(names(store, "n/")) == count

    def test_done_callbacks_may_submit(self, transfers: BulkTransfers) -> None:
        """Whoever is told of an end may begin the next transfer there and then."""
        ended = threading.Event()

        def again(_: Future[str]) -> None:
            transfers.submit_put(PutRequest("b", b"2")).add_done_callback(lambda _: ended.set())

        transfers.submit_put(PutRequest("a", b"1")).add_done_callback(again)
        assert ended.wait(60)

    def test_close_waits(self, store: ObjectStore, transfers: BulkTransfers) -> None:
        """Closing waits for what is under way."""
        futures = [transfers.submit_put(PutRequest(f"{n}", b"x")) for n in range(20)]
        transfers.close()
        assert all(future.done() for future in futures)
        assert len(names(store)) == 20
