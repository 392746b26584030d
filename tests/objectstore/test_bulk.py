"""Bulk transfers over connections of their own: the contract on moto, faults, TLS, credentials."""

from __future__ import annotations

import os
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from support.bulk_contract import BulkContract
from support.contract import Known
from support.moto_server import moto_server
from support.servers import MOTO, Server
from support.stub_server import Reply, Request, Stub, stub_server

from wherobots_storage.errors import (
    AccessDenied,
    NoCredentials,
    SlowDown,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore import pace
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import PutRequest

GOOD = Reply(200, b"", {"ETag": '"e1"'})


@pytest.fixture(scope="module")
def moto() -> Iterator[dict[str, str]]:
    """Moto's variables."""
    with moto_server() as environment:
        yield environment


@pytest.fixture
def server() -> Server:
    """What moto can do."""
    return MOTO


@pytest.fixture
def store(moto: dict[str, str]) -> Iterator[S3Store]:
    """An empty bucket on moto."""
    store = connect(f"test-{uuid.uuid4().hex[:12]}", moto)
    store.connection.client.create_bucket(Bucket=store.bucket)
    yield store
    store.close()


@pytest.fixture
def transfers(store: S3Store) -> Iterator[AttendedTransfers]:
    """Transfers over it."""
    transfers = AttendedTransfers(store.connection, in_flight=4)
    yield transfers
    transfers.close()


class TestWireTransfers(BulkContract):
    """Transfers over connections of their own, on moto."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as it is told."""
    with stub_server() as running:
        yield running


@pytest.fixture
def stubbed(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[AttendedTransfers]:
    """Transfers with the stub, one at a time, without long waits between attempts."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    store = connect("my-bucket", stub.environment())
    transfers = AttendedTransfers(store.connection, in_flight=1)
    yield transfers
    transfers.close()
    store.close()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_passing_failures_are_tried_again(
    stub: Stub, stubbed: AttendedTransfers, status: int
) -> None:
    """A store that fails or asks for patience is asked again."""
    answers = iter([Reply(status), Reply(status), GOOD])
    stub.answer = lambda _: next(answers)
    assert stubbed.submit_put(PutRequest("k", b"x")).result() == "e1"
    assert [request.body for request in stub.requests] == [b"x"] * 3


def test_patience_ends(stub: Stub, stubbed: AttendedTransfers) -> None:
    """After ten attempts the failure is told, and the next transfer has its slot."""
    stub.answer = lambda _: Reply(503, b"<Error><Code>SlowDown</Code></Error>")
    with pytest.raises(SlowDown):
        stubbed.submit_get("k").result()
    assert len(stub.requests) == pace.BUSY_ATTEMPTS
    stub.answer = lambda _: GOOD
    assert stubbed.submit_put(PutRequest("k", b"x")).result() == "e1"


def test_refusals_are_told_at_once(stub: Stub, stubbed: AttendedTransfers) -> None:
    """A refusal is not tried again, and its message holds no secret."""
    stub.answer = lambda _: Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
    with pytest.raises(AccessDenied) as caught:
        stubbed.submit_put(PutRequest("k", b"x")).result()
    assert len(stub.requests) == 1
    for secret in ("AKIDEXAMPLE", "wJalrXUtnFEMI", "session-token"):
        assert secret not in str(caught.value)


def test_requests_carry_what_they_should(stub: Stub, stubbed: AttendedTransfers) -> None:
    """Metadata, type, condition, hash, token and a signature of all of them travel along."""
    stub.answer = lambda _: GOOD
    request = PutRequest("a b", b"hello", {"mtime": "1.5"}, "text/plain", if_none_match=True)
    stubbed.submit_put(request).result()
    (seen,) = stub.requests
    headers = {name.lower(): value for name, value in seen.headers.items()}
    assert seen.path == "/my-bucket/a%20b"
    assert headers["x-amz-meta-mtime"] == "1.5"
    assert headers["content-type"] == "text/plain"
    assert headers["if-none-match"] == "*"
    assert headers["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg=="
    assert headers["x-amz-security-token"] == "session-token"
    assert "if-none-match" in headers["authorization"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"x"),
        Reply(200, b"x", {"ETag": '"e"'}),
        Reply(200, b"x", {"ETag": '"e"', "Last-Modified": "yesterday"}),
    ],
)
def test_answers_without_facts(stub: Stub, stubbed: AttendedTransfers, reply: Reply) -> None:
    """An answer without an ETag or a time is not taken for an object."""
    stub.answer = lambda _: reply
    with pytest.raises(UnexpectedAnswer):
        stubbed.submit_get("k").result()


def test_objects_that_break_off(stub: Stub, stubbed: AttendedTransfers) -> None:
    """A body shorter than announced is fetched again, and never handed out."""
    facts = {"ETag": '"e"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    replies = iter([Reply(200, b"abc", facts, length=5), Reply(200, b"abcde", facts)])
    stub.answer = lambda _: next(replies)
    assert stubbed.submit_get("k").result().body == b"abcde"


def test_answer_to_a_put_that_does_not_end(stub: Stub, stubbed: AttendedTransfers) -> None:
    """Nobody's S3 answers a put with megabytes: they are not read, and it is put again."""
    answers = [Reply(200, b"x" * 2 * 1024**2, {"ETag": '"e0"'}), GOOD]
    stub.answer = lambda _: answers.pop(0)
    assert stubbed.submit_put(PutRequest("k", b"x")).result() == "e1"
    assert answers == []


def test_store_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody at the endpoint is StoreUnavailable."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    with stub_server() as stub:
        environment = stub.environment()
    store = connect("my-bucket", environment)
    transfers = AttendedTransfers(store.connection, in_flight=1)
    with pytest.raises(StoreUnavailable):
        transfers.submit_get("k").result()
    transfers.close()
    store.close()


def test_no_credentials(
    stub: Stub, stubbed: AttendedTransfers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials the future says so, and nothing is sent."""
    monkeypatch.setattr(Connection, "credentials", _nobody)
    with pytest.raises(NoCredentials):
        stubbed.submit_get("k").result()
    assert stub.requests == []


def _nobody(_: Connection) -> None:
    raise NoCredentialsError


def test_submit_waits_for_a_slot(stub: Stub, stubbed: AttendedTransfers) -> None:
    """Submit blocks while as many transfers as allowed are under way."""
    gate = threading.Event()

    def answer(_: Request) -> Reply:
        gate.wait(60)
        return GOOD

    stub.answer = answer
    first = stubbed.submit_put(PutRequest("a", b"1"))
    second = threading.Thread(target=stubbed.submit_put, args=(PutRequest("b", b"2"),))
    second.start()
    second.join(0.1)
    assert second.is_alive()
    gate.set()
    second.join(60)
    assert first.result() == "e1"


def test_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS the server's certificate must be of a bundle that is trusted."""
    monkeypatch.setattr(pace, "MAX_WAIT_SECONDS", 0.01)
    certificate = _certificate(tmp_path)
    with _TlsServer(certificate) as url:
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        }
        with pytest.raises(StoreUnavailable):
            _put_once(environment)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        _put_once(environment)


def test_tls_connections_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of every size go both ways over one and the same TLS connection."""
    certificate = _certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    server = _TlsServer(certificate)
    with server as url, _tls_transfers(url) as transfers:
        for size in (0, 1, 16_384, 3_000_000, 7):
            body = os.urandom(size)
            assert transfers.submit_put(PutRequest("k", body)).result() == "e1"
            assert transfers.submit_get("k").result().body == body
    assert server.connections == 1


def test_large_bodies_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part goes up, and an object comes down, over one and the same TLS connection."""
    certificate = _certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    server = _TlsServer(certificate)
    body = os.urandom(3_000_000)
    with server as url, _tls_store(url) as store:
        assert store.upload_part("k", "id", 1, Known(body), size=len(body)) == "e1"
        with store.get("k") as found:
            assert b"".join(found.chunks()) == body
    assert server.connections == 1


def _put_once(environment: dict[str, str]) -> None:
    with _tls_transfers(environment["AWS_ENDPOINT_URL"]) as transfers:
        assert transfers.submit_put(PutRequest("k", b"x")).result() == "e1"


@contextmanager
def _tls_store(url: str) -> Iterator[S3Store]:
    environment = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
    }
    store = connect("my-bucket", environment)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def _tls_transfers(url: str) -> Iterator[AttendedTransfers]:
    with _tls_store(url) as store:
        transfers = open_transfers(store)
        assert isinstance(transfers, AttendedTransfers)
        try:
            yield transfers
        finally:
            transfers.close()


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


class _TlsServer:
    """A server with one object, over TLS; a context manager that gives its URL."""

    def __init__(self, certificate: Path) -> None:
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            body = b""

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_PUT(self) -> None:
                type(self).body = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(b"")

            def do_GET(self) -> None:
                self._answer(self.body)

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("ETag", '"e1"')
                self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
