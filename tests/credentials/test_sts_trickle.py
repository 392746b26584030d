"""STS's answers that trickle, a byte at a time and without an end: none is waited for for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stub_server import Reply, Stub, stub_server

from wherobots_storage.credentials import sts
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.errors import StorageError, StoreTimeout
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore import pace, sessions
from wherobots_storage.objectstore.connect import connect

ROLE = "arn:aws:iam::123456789012:role/storage"
SCOPE = Scope("bucket", ("org/data/customer-a/",), "upload", "/data/customer-a/")
FOR_EVER = Reply(200, b"<" * 1024**2, trickle=1)


@pytest.fixture
def server() -> Iterator[Stub]:
    """A server whose every answer would take three hours."""
    with stub_server() as stub:
        stub.answer = lambda _: FOR_EVER
        yield stub


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for a byte is enough here, and one attempt."""
    monkeypatch.setattr(sts, "READ_SECONDS", 0.5)
    monkeypatch.setattr(sessions, "READ_SECONDS", 0.5)
    monkeypatch.setattr(pace, "ATTEMPTS", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def test_assumed_role(server: Stub) -> None:
    """A role that is assumed for a customer is refused as late."""
    source = AssumeRole(open_client(server.environment()), ROLE, "customer-a")
    with pytest.raises(StoreTimeout):
        source.vend(SCOPE, 900)
    assert server.requests


def test_role_on_the_way_to_the_stores_credentials(
    server: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one that the SDK assumes by itself, with the machine's web identity."""
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    with pytest.raises(StorageError):
        connect("bucket", {"AWS_ENDPOINT_URL": server.url}).head("k")
    assert {request.method for request in server.requests} == {"POST"}
