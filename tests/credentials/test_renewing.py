"""A user's session that the store no longer takes, though it has time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.stub_s3 import Call, StubS3, refusal, stub_s3
from support.stub_server import Reply

from wherobots_storage.credentials import stores
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.stores import open_user_store
from wherobots_storage.errors import ExpiredCredentials, StoreUnavailable
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore import renewal
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import ObjectStore, PutRequest
from wherobots_storage.settings import Settings, Tenancy


class Numbered:
    """Gives a session of an hour at each call, the first named S1; fails while ``away``."""

    def __init__(self) -> None:
        self.given = 0
        self.away = False

    def vend(self, _scope: Scope, seconds: int) -> Credentials:
        """The next session."""
        if self.away:
            raise StoreUnavailable("The hub's service is away.")
        self.given += 1
        return Credentials(f"S{self.given}", "secret", "token", time.time() + seconds)


@pytest.fixture
def source() -> Numbered:
    """The hub's service, or STS."""
    return Numbered()


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server that speaks S3."""
    with stub_s3() as running:
        yield running


@pytest.fixture
def store(
    server: StubS3, source: Numbered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectStore]:
    """The bucket, with the user's session."""
    monkeypatch.setattr(renewal, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(stores, "source_of", lambda _: source)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.stub.url)
    tenancy = Tenancy(Root("test", "org/"), "customer-a")
    store = open_user_store(Settings(tmp_path, tmp_path, tenancy=tenancy, session="user"))
    yield store
    store.close()


def accept(server: StubS3, good: str) -> list[str]:
    """Take the requests of one session from now on, and call others expired; all are noted."""
    used: list[str] = []

    def look(call: Call) -> Reply | None:
        used.append(call.headers["authorization"].partition("Credential=")[2].partition("/")[0])
        return None if used[-1] == good else refusal(403, "ExpiredToken")

    server.before = look
    return used


def test_a_refused_session_is_replaced(
    server: StubS3, store: ObjectStore, source: Numbered
) -> None:
    """A session that is refused before its time is renewed by force, and the request goes on."""
    assert isinstance(store, S3Store)
    transfers = AttendedTransfers(store.connection, in_flight=1)
    operations: tuple[Callable[[], object], ...] = (
        lambda: store.put("org/a", b"1"),
        lambda: store.list_page("org/"),
        lambda: transfers.submit_put(PutRequest("org/b", b"2")).result(),
        lambda: transfers.submit_get("org/b").result(),
    )
    for number, operation in enumerate(operations, start=1):
        used = accept(server, f"S{number}")
        operation()
        # On a kept connection a refusal is asked for once more, by who knows what to do about it.
        assert [*dict.fromkeys(used)] == [f"S{each}" for each in (number - 1, number) if each]
        assert used.count(f"S{number}") == 1
    transfers.close()
    assert source.given == len(operations)


def test_many_requests_ask_for_one_session(
    server: StubS3, store: ObjectStore, source: Numbered
) -> None:
    """A session that ends under many transfers is replaced by one, and each of them arrives."""
    assert isinstance(store, S3Store)
    store.put("org/a", b"1")
    transfers = AttendedTransfers(store.connection, in_flight=8)
    accept(server, "S2")
    puts = [transfers.submit_put(PutRequest(f"org/b{n}", b"x")) for n in range(30)]
    assert all(put.result() for put in puts)
    transfers.close()
    assert source.given == 2


def test_a_source_that_is_away(server: StubS3, store: ObjectStore, source: Numbered) -> None:
    """Without another session the refusal is told as it is, and a later request tries again."""
    store.put("org/a", b"1")
    accept(server, "S2")
    source.away = True
    for _ in range(2):
        with pytest.raises(ExpiredCredentials):
            store.put("org/a", b"2")
    source.away = False
    store.put("org/a", b"2")
    assert source.given == 2
