"""Credentials that stop being good while the store is in use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError
from support.stub_s3 import Call, StubS3, refusal, stub_s3
from support.stub_server import Reply

from wherobots_storage.errors import CredentialsError, ExpiredCredentials, InvalidCredentials
from wherobots_storage.objectstore import renewal as module
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.renewal import RenewableCredentials
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import PutRequest


class Guard:
    """Takes the requests of one access key, and calls all others expired."""

    def __init__(self, server: StubS3, code: str = "ExpiredToken") -> None:
        self.good = "FIRST"
        self.code = code
        self.used: list[str] = []
        server.before = self._look

    def _look(self, call: Call) -> Reply | None:
        signed = call.headers["authorization"].partition("Credential=")[2]
        self.used.append(signed.partition("/")[0])
        return None if self.used[-1] == self.good else refusal(403, self.code)


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server that speaks S3."""
    with stub_s3() as running:
        yield running


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A credentials file with the first keys, which ``rotate`` replaces."""
    path = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
    rotate(path, "FIRST")
    return path


@pytest.fixture
def store(
    server: StubS3,
    keys: Path,  # noqa: ARG001 - the chain finds them
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[S3Store]:
    """The bucket, by the SDK's chain."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.stub.url)
    store = connect("test", {})
    yield store
    store.close()


def rotate(path: Path, name: str) -> None:
    """Put other keys into a credentials file."""
    path.write_text(f"[default]\naws_access_key_id = {name}\naws_secret_access_key = secret\n")


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId"])
def test_every_request_takes_new_keys(
    server: StubS3, store: S3Store, keys: Path, code: str
) -> None:
    """When the store calls the keys expired or unknown, the chain is asked and it goes on."""
    guard = Guard(server, code)
    transfers = AttendedTransfers(store.connection, in_flight=2)
    store.put("a", b"1")
    operations: tuple[Callable[[], object], ...] = (
        lambda: store.head("a"),
        lambda: store.list_page(""),
        lambda: store.put("b", b"2"),
        lambda: store.copy("a", "c"),
        lambda: store.get("a").close(),
        lambda: store.create_multipart("d"),
        lambda: store.delete("b"),
        lambda: store.delete_many(["c"]),
        store.check,
        lambda: transfers.submit_put(PutRequest("e", b"3")).result(),
        lambda: transfers.submit_get("e").result(),
    )
    for number, operation in enumerate(operations):
        guard.good = f"KEY{number}"
        rotate(keys, guard.good)
        guard.used.clear()
        operation()
        assert guard.used[-1] == guard.good
        # Refused once; a HEAD, whose answer has no body, asks for the reason first.
        assert sum(used != guard.good for used in guard.used) <= 2
    transfers.close()


def test_head_of_an_empty_object(server: StubS3, store: S3Store, keys: Path) -> None:
    """The reason of a refused HEAD is asked for with one byte, which an empty object has not."""
    guard = Guard(server)
    store.put("a", b"")
    guard.good = "SECOND"
    rotate(keys, "SECOND")
    assert store.head("a").size == 0


def test_many_requests_take_new_keys_at_once(server: StubS3, store: S3Store, keys: Path) -> None:
    """Keys that expire under many transfers are renewed for all of them, each of which arrives."""
    guard = Guard(server)
    transfers = AttendedTransfers(store.connection, in_flight=8)
    first = [transfers.submit_put(PutRequest(f"a{n}", b"x")) for n in range(20)]
    assert all(put.result() for put in first)
    guard.good = "SECOND"
    rotate(keys, "SECOND")
    second = [transfers.submit_put(PutRequest(f"b{n}", b"x")) for n in range(50)]
    assert all(put.result() for put in second)
    assert len(server.store.list_page("").entries) == 70
    # Not all of them: what was on its way is refused, and again as it is asked for once more.
    assert guard.used.count("FIRST") <= 20 + 3 * 8
    transfers.close()


def test_no_new_keys(server: StubS3, store: S3Store, keys: Path) -> None:
    """Without new keys the request fails in plain words, and a later one takes those that came."""
    guard = Guard(server)
    guard.good = "SECOND"
    with pytest.raises(ExpiredCredentials, match="Get new ones"):
        store.put("a", b"x")
    assert guard.used == ["FIRST"]
    rotate(keys, "SECOND")
    store.put("a", b"x")
    assert guard.used == ["FIRST", "FIRST", "SECOND"]


def test_source_is_not_asked_for_every_request(
    server: StubS3, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that had nothing new is left in peace for a while."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 3600.0)
    Guard(server).good = "SECOND"
    loads: list[int] = []

    def load() -> Credentials:
        loads.append(1)
        return Credentials("FIRST", "secret")

    assert store.connection._renewable is not None
    monkeypatch.setattr(store.connection._renewable, "_load", load)
    for _ in range(5):
        with pytest.raises(ExpiredCredentials):
            store.put("a", b"x")
    assert len(loads) == 1


def test_keys_that_are_given_are_kept(server: StubS3, keys: Path) -> None:
    """Who names the keys gets an error when they are refused, never somebody else's keys."""
    rotate(keys, "OTHER")
    Guard(server, "InvalidAccessKeyId").good = "OTHER"
    store = connect("test", server.environment())
    with pytest.raises(InvalidCredentials):
        store.put("a", b"x")
    store.close()


def test_credentials_that_come_later(
    server: StubS3, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that was opened before there were credentials takes them when they are there."""
    keys.unlink()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.stub.url)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = connect("test", {})
    operations: tuple[Callable[[], object], ...] = (
        lambda: store.put("a", b"x"),
        lambda: store.copy("a", "b"),
    )
    for operation in operations:
        with pytest.raises(CredentialsError):
            operation()
    rotate(keys, "FIRST")
    store.put("a", b"x")
    store.copy("a", "b")
    store.close()


def refreshable(*answers: dict[str, str] | Exception) -> RefreshableCredentials:
    """Temporary credentials that expire at once, with what their source says then."""
    left = list(answers)

    def refresh() -> dict[str, str]:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return RefreshableCredentials(
        "FIRST", "s", "t", datetime.now(UTC) - timedelta(seconds=1), refresh, method="test"
    )


def metadata(name: str, seconds: float) -> dict[str, str]:
    """What a source of temporary credentials answers."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "access_key": name,
        "secret_key": "s",
        "token": "t",
        "expiry_time": moment.isoformat(),
    }


def test_temporary_credentials_are_refreshed() -> None:
    """Those that expire by their own time are refreshed by botocore, as ever."""
    credentials = RenewableCredentials(lambda: refreshable(metadata("SECOND", 3600)))
    assert credentials.get_frozen_credentials().access_key == "SECOND"
    assert credentials.method == "test"


def test_source_that_gives_expired_ones() -> None:
    """A source that only has expired credentials is an error of ours, with what to do."""
    source = refreshable(metadata("SECOND", -1), metadata("THIRD", 3600))
    credentials = RenewableCredentials(lambda: source)
    with pytest.raises(ExpiredCredentials, match="Sign in again"):
        credentials.get_frozen_credentials()
    assert credentials.get_frozen_credentials().access_key == "THIRD"


def test_source_that_fails_when_it_is_asked_for_others() -> None:
    """A source that fails has nothing new, and what it had stays in use."""
    sources = [
        Credentials("FIRST", "s"),
        refreshable(CredentialRetrievalError(provider="p", error_msg="e")),
    ]
    credentials = RenewableCredentials(lambda: sources.pop(0))
    refused = credentials.get_frozen_credentials()
    assert not credentials.renew(refused)
    assert credentials.get_frozen_credentials() == refused
