"""`hub-service` at its start, with the hub and the serving played."""

from __future__ import annotations

import pytest

from wherobots_storage.cli import main
from wherobots_storage.hub import auth, boundary, process


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where it would have served."""
    served: list[str] = []
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROOT", "s3://bucket/org/")
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROLE_ARN", "arn:aws:iam::123456789012:role/storage")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/services/storage/")
    monkeypatch.setattr(auth, "HubTokens", lambda: None)
    monkeypatch.setattr(boundary, "warn_without_boundary", lambda *_: None)
    monkeypatch.setattr(process, "serve", lambda url, *_: served.append(url))
    return served


@pytest.mark.parametrize(
    ("url", "told"),
    [("http://127.0.0.1:10101", False), ("http://0.0.0.0:10101", True), ("http://hub:1", True)],
)
def test_plain_http_beyond_the_machine_is_told(
    started: list[str],
    url: str,
    told: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The service says so when the tokens that it is shown can be read on the way."""
    monkeypatch.setenv("JUPYTERHUB_SERVICE_URL", url)
    assert main(["hub-service"]) == 0
    assert ("plain http beyond this machine" in capsys.readouterr().err) == told
    assert started == [url]


def test_it_is_for_the_hub_to_start(started: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Started by hand it says what is missing, and serves nothing."""
    assert main(["hub-service"]) == 2
    assert "JUPYTERHUB_SERVICE_URL" in capsys.readouterr().err
    assert started == []
