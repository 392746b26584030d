"""How requests are made: their URLs, signatures, retries, and what they never show."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
from collections.abc import Iterator

import botocore.session
import pytest
from support.stub_server import Reply, Request, Stub, stub_server

from wherobots_storage.errors import (
    AccessDenied,
    ClockSkew,
    ExpiredCredentials,
    InvalidConfiguration,
    InvalidCredentials,
    NoCredentials,
    NoSuchBucket,
    NotFound,
    SlowDown,
    StoreTimeout,
    StoreUnavailable,
    UnexpectedAnswer,
    WrongRegion,
)
from wherobots_storage.objectstore import pace
from wherobots_storage.objectstore.connect import connect, open_store, open_transfers
from wherobots_storage.objectstore.connection import Connection, Timeouts
from wherobots_storage.objectstore.inspect import inspect_store
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import Part, PutRequest
from wherobots_storage.objectstore.threads import ThreadedTransfers

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI"}
DOWN = "127.0.0.1:9"
"""The port of a service that nobody runs any more."""

LISTING = (
    b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false'
    b"</IsTruncated></ListBucketResult>"
)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as it is told."""
    with stub_server() as running:
        yield running


@pytest.fixture
def store(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """The S3 adapter on the stub, without long waits between attempts."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    store = connect("my-bucket", stub.environment())
    yield store
    store.close()


def error(code: str) -> bytes:
    """An answer's body with an error code."""
    return f"<Error><Code>{code}</Code><Message>wJalrXUtnFEMI</Message></Error>".encode()


@pytest.mark.parametrize(
    ("bucket", "environment", "url"),
    [
        ("my-bucket", {"AWS_REGION": "eu-west-1"}, "https://my-bucket.s3.eu-west-1.amazonaws.com/"),
        ("my.bucket", {"AWS_REGION": "eu-west-1"}, "https://s3.eu-west-1.amazonaws.com/my.bucket/"),
        ("my-bucket", {"AWS_REGION": "us-east-1"}, "https://my-bucket.s3.amazonaws.com/"),
        ("my-bucket", {}, "https://my-bucket.s3.amazonaws.com/"),
        ("my-bucket", {"AWS_ENDPOINT_URL": "http://localhost:9"}, "http://localhost:9/my-bucket/"),
        ("my-bucket", {"AWS_ENDPOINT_URL": "https://x.test"}, "https://x.test/my-bucket/"),
    ],
)
def test_urls(bucket: str, environment: dict[str, str], url: str) -> None:
    """AWS is reached by the region's own host names, an endpoint of one's own by path."""
    store = connect(bucket, KEYS | environment)
    assert store.connection.url("put_object", Key="a b/+%2e") == f"{url}a%20b/%2B%252e"
    store.close()


def test_open_store_follows_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoint, region and keys come from the SDK's own variables, S3's endpoint first."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:2")
    store = open_store("my-bucket")
    assert isinstance(store, S3Store)
    assert store.connection.endpoint_url == "http://localhost:2"
    assert store.connection.region == "eu-central-1"
    store.close()


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_region_by_either_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The region is taken from the variable of all SDKs, and from botocore's own."""
    monkeypatch.setenv(name, "ap-south-1")
    store = connect("my-bucket", KEYS)
    assert store.connection.region == "ap-south-1"
    assert store.connection.endpoint_url == "https://s3.ap-south-1.amazonaws.com"
    store.close()


def test_profile_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that no file has is a configuration that cannot be used."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InvalidConfiguration, match="ProfileNotFound"):
        open_store("my-bucket")


@pytest.mark.parametrize(
    "endpoint",
    ["not a url", "127.0.0.1:9", "http:///", "http://h:99;", "http://h:x", "http://h:99999"],
)
def test_endpoint_that_is_no_url(endpoint: str) -> None:
    """An endpoint that is no URL, or has no port, is a configuration that cannot be used."""
    with pytest.raises(InvalidConfiguration, match="AWS_ENDPOINT_URL"):
        connect("my-bucket", KEYS | {"AWS_ENDPOINT_URL": endpoint})


def test_endpoint_with_a_password_is_not_quoted() -> None:
    """What is wrong with an endpoint is told without the endpoint, which may hold a password."""
    with pytest.raises(InvalidConfiguration) as raised:
        connect("my-bucket", KEYS | {"AWS_ENDPOINT_URL": "http://user:hunter2@h:99;"})
    assert "hunter2" not in str(raised.value)


def test_a_password_in_the_endpoint_is_told_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of a store, in errors and by doctor, names its host and never the password."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    store = connect("my-bucket", KEYS | {"AWS_ENDPOINT_URL": f"http://joe:hunter2@{DOWN}"})
    for operation in (store.check, lambda: store.list_page(""), lambda: store.put("a", b"x")):
        with pytest.raises(StoreUnavailable, match=f" {DOWN} ") as raised:
            operation()
        assert "hunter2" not in str(raised.value)
    transfers = open_transfers(store)
    error = transfers.submit_put(PutRequest("a", b"x")).exception(60)
    assert isinstance(error, StoreUnavailable)
    assert "hunter2" not in str(error)
    assert inspect_store(store).endpoint == f"http://{DOWN}"
    transfers.close()
    store.close()


def test_region_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region that cannot be one is not told as a fault of the endpoint."""
    monkeypatch.setenv("AWS_REGION", "us east")
    with pytest.raises(InvalidConfiguration, match="InvalidRegionError"):
        open_store("my-bucket")


def test_no_credentials() -> None:
    """Without credentials every operation says so, and the next one looks again."""
    store = connect("my-bucket", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    for operation in (
        lambda: store.list_page(""),
        lambda: store.put("a", b"x"),
        lambda: store.head("a"),
        store.check,
    ):
        with pytest.raises(NoCredentials, match="AWS_ACCESS_KEY_ID"):
            operation()
    store.close()


def test_endpoint_that_is_down() -> None:
    """An endpoint that refuses connections is named, and every operation says the same."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    store = connect("my-bucket", KEYS | {"AWS_ENDPOINT_URL": f"http://{host}"})
    for operation in (store.check, lambda: store.put("a", iter([b"x"]), size=1)):
        with pytest.raises(StoreUnavailable, match=host):
            operation()
    store.close()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "ExpiredToken", ExpiredCredentials),
        (403, "InvalidAccessKeyId", InvalidCredentials),
        (403, "SignatureDoesNotMatch", InvalidCredentials),
        (403, "RequestTimeTooSkewed", ClockSkew),
        (403, "AccessDenied", AccessDenied),
        (404, "NoSuchBucket", NoSuchBucket),
        (301, "PermanentRedirect", WrongRegion),
    ],
)
def test_every_operation_gives_the_reason(
    stub: Stub, store: S3Store, status: int, code: str, kind: type[Exception]
) -> None:
    """A refusal has its reason in every operation, those whose answers have no body included."""
    stub.answer = lambda _: Reply(status, error(code), {"Content-Type": "application/xml"})
    for operation in (
        store.check,
        lambda: store.list_page("a/"),
        lambda: store.get("a"),
        lambda: store.put("a", b"x"),
        lambda: store.put("a", iter([b"x" * 2_000_000]), size=2_000_000),
        lambda: store.delete("a"),
        lambda: store.delete_many(["a"]),
        lambda: store.create_multipart("a"),
        lambda: store.complete_multipart("a", "id", [Part(1, "e", 1)]),
        lambda: store.list_uploads(""),
    ):
        with pytest.raises(kind) as caught:
            operation()
        assert "wJalrXUtnFEMI" not in str(caught.value)


def test_head_gives_the_reason(stub: Stub, store: S3Store) -> None:
    """A refused HEAD, which has no body, is explained by a read; a missing object needs none."""
    stub.answer = lambda _: Reply(403, error("ExpiredToken"))
    for operation in (lambda: store.head("a"), lambda: store.copy("a", "b")):
        with pytest.raises(ExpiredCredentials):
            operation()
    stub.requests.clear()
    stub.answer = lambda _: Reply(404, error("NoSuchKey"))
    with pytest.raises(NotFound):
        store.head("a")
    assert len(stub.requests) == 1


def test_busy_store_is_asked_again(stub: Stub, store: S3Store) -> None:
    """A busy or failing store is asked again with the same body, up to ten times in all."""
    replies = iter([Reply(503, error("SlowDown")), Reply(500), Reply(200, b"", {"ETag": '"e"'})])
    stub.answer = lambda _: next(replies)
    assert store.put("a", b"body") == "e"
    assert [request.body for request in stub.requests] == [b"body"] * 3
    stub.requests.clear()
    stub.answer = lambda _: Reply(503, error("SlowDown"))
    with pytest.raises(SlowDown):
        store.list_page("")
    assert len(stub.requests) == pace.BUSY_ATTEMPTS


def test_refusals_are_not_repeated(stub: Stub, store: S3Store) -> None:
    """What the store refuses is not asked twice."""
    stub.answer = lambda _: Reply(403, error("AccessDenied"))
    with pytest.raises(AccessDenied):
        store.put("a", b"body")
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"<ListBucketResult/", b"\x00", LISTING.replace(b"false", b"true")],
    ids=["empty", "page", "cut", "binary", "no token"],
)
def test_listing_that_cannot_be_read(stub: Stub, store: S3Store, content: bytes) -> None:
    """A listing that is none is an error, never an empty folder."""
    stub.answer = lambda _: Reply(200, content)
    with pytest.raises(UnexpectedAnswer):
        store.list_page("")


def test_answer_that_breaks_off(stub: Stub, store: S3Store) -> None:
    """A listing or an object that ends early is an error, never a shorter one."""
    stub.answer = lambda _: Reply(200, LISTING, length=len(LISTING) + 100)
    with pytest.raises(StoreUnavailable):
        store.list_page("")
    facts = {"ETag": '"e"', "Last-Modified": "Wed, 01 Jan 2025 00:00:00 GMT"}
    stub.answer = lambda _: Reply(200, b"half", facts, length=8)
    with store.get("a") as body, pytest.raises(StoreUnavailable):
        b"".join(body.chunks())


def test_signatures_stay_in_headers(stub: Stub, store: S3Store) -> None:
    """No URL that is sent holds a key, a token or a signature."""
    stub.answer = lambda _: Reply(200, LISTING, {"ETag": '"e"'})
    store.list_page("a/", delimiter="/")
    store.put("a", b"x")
    store.put("a", iter([b"x" * 2_000_000]), size=2_000_000)
    assert len(stub.requests) == 3
    for request in stub.requests:
        assert "X-Amz-Signature" not in request.path
        assert "session-token" not in request.path
        assert request.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ")
        assert request.headers["X-Amz-Security-Token"] == "session-token"


def test_parts_are_signed_with_their_hash(stub: Stub, store: S3Store) -> None:
    """A part's SHA-256 is in its signature, so a server that checks it refuses a damaged one."""
    stub.answer = lambda _: Reply(200, headers={"ETag": '"e"'})
    store.upload_part("k", "upload-id", 1, b"hello", size=5)
    (seen,) = stub.requests
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert headers["x-amz-content-sha256"] == hashlib.sha256(b"hello").hexdigest()
    assert "x-amz-content-sha256" in headers["authorization"]


def test_logs_hold_no_secret(stub: Stub, store: S3Store, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, the HTTP library's lines hold no key and no signature."""
    stub.answer = lambda _: Reply(200, LISTING, {"ETag": '"e"'})
    with caplog.at_level(logging.DEBUG):
        store.list_page("a/")
        store.put("a", b"x")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert any("/my-bucket" in line for line in lines)
    for secret in ("wJalrXUtnFEMI", "session-token", "Signature="):
        assert not any(secret in line for line in lines)


def test_credentials_are_asked_for_each_request(stub: Stub) -> None:
    """New credentials of the session are used by the next request, with no new store."""
    stub.answer = lambda _: Reply(200, LISTING, {"ETag": '"e"'})
    session = botocore.session.Session()
    session.set_credentials("FIRST", "secret")
    store = S3Store(
        Connection("my-bucket", session, endpoint_url=stub.url, region_name="us-east-1")
    )
    store.list_page("")
    credentials = store.connection._credentials
    assert credentials is not None
    credentials.access_key = "SECOND"
    store.put("a", b"x")
    store.put("a", iter([b"x" * 2_000_000]), size=2_000_000)
    used = [
        request.headers["Authorization"].partition("Credential=")[2] for request in stub.requests
    ]
    assert [text.partition("/")[0] for text in used] == ["FIRST", "SECOND", "SECOND"]
    store.close()


def test_refusal_before_the_body_is_sent(stub: Stub, store: S3Store) -> None:
    """A stream waits for the store's consent before its body goes out."""
    stub.answer = lambda _: Reply(200, b"", {"ETag": '"e"'})
    store.put("a", iter([b"x" * 1_500_000]), size=1_500_000)
    assert stub.requests[0].headers["Expect"] == "100-continue"


def test_reads_that_hang_end(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is given up after the read timeout."""
    monkeypatch.setattr(pace, "ATTEMPTS", 1)

    over = threading.Event()

    def hang(_: Request) -> Reply:
        over.wait(60)
        return Reply(200, LISTING)

    stub.answer = hang
    store = connect("my-bucket", stub.environment(), timeouts=Timeouts(read=0.2))
    with pytest.raises(StoreTimeout):
        store.list_page("")
    over.set()
    store.close()


def test_transfers_for_other_stores() -> None:
    """Any other store has its transfers by threads."""
    transfers = open_transfers(MemoryStore())
    assert isinstance(transfers, ThreadedTransfers)
    transfers.close()


def test_transfers_behind_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy, transfers go by the client that knows proxies."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    store = connect("my-bucket", KEYS | {"AWS_ENDPOINT_URL": "https://x.test"})
    transfers = open_transfers(store)
    assert isinstance(transfers, ThreadedTransfers)
    transfers.close()
    store.close()


def test_batch_delete_reports_each_failure(stub: Stub, store: S3Store) -> None:
    """A key that a batch could not delete is named with its reason; a missing one is not."""
    stub.answer = lambda _: Reply(
        200,
        b"<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code><Message>m</Message></Error>"
        b"<Error><Key>c</Key><Code>NoSuchKey</Code></Error></DeleteResult>",
    )
    (failure,) = store.delete_many(["a", "b", "c"])
    assert (failure.key, failure.code) == ("b", "access-denied")
    assert len(stub.requests) == 1


def test_batch_delete_of_keys_that_xml_cannot_hold(stub: Stub, store: S3Store) -> None:
    """Such keys are deleted one by one; with dot segments as well, they are named as failures."""
    stub.answer = lambda request: Reply(404 if request.method == "DELETE" else 500)
    with pytest.raises(NotFound):
        store.delete("a")
    stub.requests.clear()
    stub.answer = lambda _: Reply(204)
    (failure,) = store.delete_many(["a\x01", "../b\x01"])
    assert (failure.key, failure.code) == ("../b\x01", "invalid-path")
    assert [(request.method, request.path) for request in stub.requests] == [
        ("DELETE", "/my-bucket/a%01")
    ]


def test_large_batches_are_split(stub: Stub, store: S3Store) -> None:
    """A batch has at most 1,000 keys, each named once."""
    stub.answer = lambda _: Reply(200, b"<DeleteResult/>")
    assert store.delete_many([f"k{number}" for number in range(2500)]) == []
    assert [request.body.count(b"<Key>") for request in stub.requests] == [1000, 1000, 500]
