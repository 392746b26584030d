"""What the hub's service does with requests that are too large, or do not come to their end."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from support.hubs import PREFIX, Service, Sessions, Tokens

from wherobots_storage.hub import service as hub_service
from wherobots_storage.hub.client import TOKEN, HubSource
from wherobots_storage.hub.vending import HubVendor
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Tenancy

ROOT = Root("bucket", "org/")
ANN = Tenancy(ROOT, "customer-ann")
HEAD = f"POST {PREFIX}credentials HTTP/1.1\r\nHost: h\r\nAuthorization: token ann's\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def sessions() -> Sessions:
    """The deployment's source."""
    return Sessions()


@pytest.fixture
def service(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The running service, with less patience than it has."""
    monkeypatch.setattr(hub_service, "IDLE_SECONDS", 5)
    tokens = Tokens()
    tokens.add("ann's", "ann")
    with Service(tokens, HubVendor(ROOT, sessions.of)) as service:
        yield service


def answer(service: Service, sent: bytes) -> bytes:
    """What comes for these bytes until the service closes."""
    parts = urlsplit(service.url)
    received = b""
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), 60)
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(sent)
        while piece := connection.recv(65536):
            received += piece
    return received


def vends(service: Service) -> bool:
    """Whether a user's server gets a session."""
    scope = Scope.of_areas(ROOT, ANN.permissions, "write")
    return HubSource(service.url, ANN, {TOKEN: "ann's"}).vend(scope, 900).access_key_id != ""


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"X-Large: " + b"x" * 100_000 + b"\r\n\r\n",
        HEAD + b"Content-Length: 100000\r\n\r\n" + b" " * 100_000,
        CHUNKED + b"4000\r\n" + b" " * 16_384 + b"\r\n4\r\n",
    ],
)
def test_oversize_requests_are_cut_off(service: Service, sessions: Sessions, sent: bytes) -> None:
    """A head or a body that is longer than any server's is not read to its end."""
    assert b" 200 " not in answer(service, sent)
    assert sessions.asked == []
    assert vends(service)


def test_slow_clients_are_dropped(service: Service) -> None:
    """Who stops in the middle is dropped after a time, and others are served meanwhile."""
    slow = [b"", HEAD, HEAD + b"Content-Length: 50\r\n\r\n{", CHUNKED + b"4\r\n{"]
    with ThreadPoolExecutor(len(slow)) as pool:
        dropped = [pool.submit(answer, service, sent) for sent in slow]
        assert vends(service)
        assert all(b" 200 " not in one.result(60) for one in dropped)
