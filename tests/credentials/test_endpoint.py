from __future__ import annotations

import http.client
import json
import logging
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.endpoints import Running

from wherobots_storage.credentials import endpoint as module
from wherobots_storage.credentials.endpoint import PATH
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.errors import NotSupported, StorageError, StoreUnavailable
from wherobots_storage.namespace.policy import Scope

SCOPE = Scope("bucket", ("org/data/customer-a/",), "write", "all your folders")
KEYS = Credentials("ASIAEXAMPLE", "the-secret", "the-session-token", 1_800_000_000.0)


class Source:
    """Gives the same credentials each time, or the error that is set."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked: list[tuple[Scope, int]] = []

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """The credentials."""
        self.asked.append((scope, seconds))
        if self.error is not None:
            raise self.error
        return KEYS


def said(running: Running, headers: bytes) -> bytes:
    """The first of what is answered to raw headers, with the token; empty when cut off."""
    head = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{running.port}\r\n"
    request = f"{head}Authorization: {running.token}\r\n".encode() + headers
    with (
        socket.create_connection(("127.0.0.1", running.port), timeout=60) as client,
        suppress(ConnectionError),
    ):
        client.sendall(request)
        return client.recv(1000)
    return b""


@pytest.fixture
def source() -> Source:
    """What is behind the endpoint."""
    return Source()


@pytest.fixture
def running(source: Source, tmp_path: Path) -> Iterator[Running]:
    """A running endpoint."""
    one = Running(source, SCOPE, tmp_path / "token")
    one.start()
    yield one
    one.stop()


def test_what_sdks_expect(running: Running, source: Source) -> None:
    """With the token, the answer has the container provider's four fields."""
    status, _, answer = running.ask()
    assert status == 200
    assert answer == {
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": "the-secret",
        "Token": "the-session-token",
        "Expiration": "2027-01-15T08:00:00Z",
    }
    assert source.asked == [(SCOPE, 3600)]


def test_the_answer_is_never_kept(running: Running) -> None:
    """No cache, no guess of a type and no hash of the secrets goes with the answer."""
    _, headers, _ = running.ask()
    assert headers["cache-control"] == "no-store"
    assert headers["content-type"] == "application/json"
    assert headers["x-content-type-options"] == "nosniff"
    assert "etag" not in headers
    assert "access-control-allow-origin" not in headers


def test_the_token_file(running: Running) -> None:
    """The token is long, without a line feed, and readable by its owner only."""
    assert stat.S_IMODE(running.token_file.stat().st_mode) == 0o600
    assert len(running.token) >= 43
    assert running.token.strip() == running.token
    assert [path.name for path in running.token_file.parent.iterdir()] == ["token"]


def test_the_environment(running: Running) -> None:
    """The variables are the SDKs' own: the URL on loopback, and the token's file, not the token."""
    found = running.endpoint.environment()
    assert found == {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{running.port}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(running.token_file),
    }


def test_only_loopback_listens(running: Running) -> None:
    """Nothing listens on the machine's other addresses."""
    with socket.socket() as other:
        # The whole of 127/8 is loopback; an address that was not bound refuses.
        assert other.connect_ex(("127.0.0.2", running.port)) != 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "wrong"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "\xe9"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "none"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": ""},
        {"X-Forwarded-For": "127.0.0.1", "Host": "evil.example:80"},
    ],
)
@pytest.mark.parametrize("path", [PATH, "/", "/other"])
def test_refusals(running: Running, source: Source, headers: dict[str, str], path: str) -> None:
    """A wrong token, a browser's request or another host is refused alike, and nothing vended."""
    status, _, answer = running.ask(headers, path=path)
    assert (status, answer) == (
        403,
        {"code": "access-denied", "message": "This is not for you."},
    )
    assert source.asked == []


def test_a_missing_token_is_refused(running: Running) -> None:
    """Who shows nothing gets nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
    connection.request("GET", PATH)
    assert connection.getresponse().status == 403
    connection.close()


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "", "unix"])
def test_peers_elsewhere_are_refused(peer: str) -> None:
    """A peer that is not on loopback is refused, if a port forward should bring one."""
    assert not module._is_loopback(peer)
    assert module._is_loopback("127.0.0.1")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_only_get(running: Running, source: Source, method: str) -> None:
    """Every other method is refused, preflights included."""
    status, headers, _ = running.ask(method=method)
    assert status == 405
    assert "access-control-allow-origin" not in headers
    assert source.asked == []


def test_other_paths(running: Running) -> None:
    """With the token there is still but one path."""
    assert running.ask(path="/other")[0] == 404


@pytest.mark.parametrize(
    ("error", "status"), [(StoreUnavailable("Away."), 503), (NotSupported("No STS."), 500)]
)
def test_failures(running: Running, source: Source, error: StorageError, status: int) -> None:
    """A failure is told with its code and sentence; what may pass is worth another try."""
    source.error = error
    found, _, answer = running.ask()
    assert found == status
    assert answer == {"code": error.code, "message": error.message}


def test_defects_show_nothing(running: Running, source: Source) -> None:
    """An error that nobody foresaw is told without its text."""
    source.error = RuntimeError("the-secret")
    status, _, answer = running.ask()
    assert status == 500
    assert "the-secret" not in json.dumps(answer)


def test_large_headers_are_refused(running: Running) -> None:
    """A request with more headers than any SDK sends is cut off."""
    assert b"200" not in said(running, b"X: " + b"x" * 100_000)
    assert running.ask()[0] == 200


def test_slow_clients_are_dropped(running: Running) -> None:
    """A client that does not finish its request is dropped, and others are served meanwhile."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as client:
        client.sendall(b"GET /credentials HTTP/1.1\r\n")
        assert running.ask()[0] == 200
        assert client.recv(1000) == b""
    assert time.monotonic() - begun < 50


def test_a_body_is_refused(running: Running, source: Source) -> None:
    """A request that announces a body is not read."""
    assert b"200" not in said(running, b"Content-Length: 9999999\r\n\r\n")
    assert source.asked == []


def test_refusals_do_not_fill_the_log(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """A page, or another user's program, that asks all the time is one line of a kind a minute."""
    for _ in range(5):
        assert running.ask({"Authorization": "wrong"})[0] == 403
        assert running.ask({"Origin": "https://evil.example"})[0] == 403
    told = [json.loads(one.message) for one in caplog.records if one.name.endswith("audit")]
    assert [one["reason"] for one in told] == ["token", "browser"]


def test_the_audit(running: Running, source: Source, caplog: pytest.LogCaptureFixture) -> None:
    """Each vend, refusal and failure is a line of JSON, and no line has a secret."""
    caplog.set_level(logging.INFO, "wherobots_storage.audit")
    running.ask()
    running.ask({"Authorization": "wrong"})
    source.error = StoreUnavailable("Away.")
    running.ask()
    lines = [json.loads(one.message) for one in caplog.records if one.name.endswith("audit")]
    assert lines == [
        {
            "event": "credentials-vended",
            "user": "customer-a",
            "scope": "all your folders",
            "accessKeyId": "ASIAEXAMPLE",
            "expires": "2027-01-15T08:00:00Z",
        },
        {
            "event": "credentials-refused",
            "user": "customer-a",
            "scope": "all your folders",
            "reason": "token",
        },
        {
            "event": "credentials-failed",
            "user": "customer-a",
            "scope": "all your folders",
            "code": "store-unavailable",
        },
    ]
    for secret in ("the-secret", "the-session-token", "wrong", running.token):
        assert secret not in caplog.text


def test_the_end(tmp_path: Path) -> None:
    """After the end nothing listens and the token is gone; ending twice is no error."""
    one = Running(Source(), SCOPE, tmp_path / "token")
    one.start()
    port = one.port
    one.stop_endpoint()
    one.stop()
    assert not one.token_file.exists()
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) != 0


def test_a_token_of_its_own(tmp_path: Path) -> None:
    """Each start has a new token, and an older file with wider rights is replaced."""
    (tmp_path / "token").write_text("old")
    (tmp_path / "token").chmod(0o644)
    tokens = set()
    for _ in range(2):
        one = Running(Source(), SCOPE, tmp_path / "token")
        one.start()
        tokens.add(one.token)
        assert stat.S_IMODE(one.token_file.stat().st_mode) == 0o600
        one.stop()
    assert len(tokens) == 2
    assert "old" not in tokens
