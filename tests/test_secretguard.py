"""The guard that looks for secrets after every test finds them itself."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.secretguard import SecretGuard, guard

from wherobots_storage.credentials.endpoint import CredentialsEndpoint
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.hub.client import TOKEN, HubSource
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.embedded_config import Keys
from wherobots_storage.settings import Tenancy

SECRET = "xWq7Tnb2zKp9Lr4v"


class StaticSource:
    """Gives the same session each time."""

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A session."""
        assert (scope.rights, seconds) == ("read", 900)
        return Credentials("ASIA", "a-session-s-secret", "a-session-s-token", 1.0)


def log(guard: SecretGuard, tmp_path: Path) -> None:
    """In a record's arguments."""
    assert tmp_path
    record = logging.LogRecord("any", logging.INFO, "f", 1, "with %s", (SECRET,), None)
    guard.handle(record)


def trace(guard: SecretGuard, tmp_path: Path) -> None:
    """In a trace."""
    assert tmp_path
    error = ValueError(SECRET)
    info = (ValueError, error, None)
    guard.handle(logging.LogRecord("any", logging.ERROR, "f", 1, "failed", (), info))


def answer(guard: SecretGuard, tmp_path: Path) -> None:
    """In an answer."""
    assert tmp_path
    guard.hear("an answer", f'{{"key": "{SECRET}"}}')


def file(guard: SecretGuard, tmp_path: Path) -> None:
    """In a log file that was rotated."""
    assert guard
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "agent.log.1").write_text(f"a line\n{SECRET}\n")


@pytest.mark.usefixtures("_secret_guard")
def test_secrets_are_learnt_where_they_are_made(tmp_path: Path) -> None:
    """What the package itself makes, or is given to show to others, nobody has to tell it."""
    scope = Scope("bucket", ("org/",), "read", "x")
    endpoint = CredentialsEndpoint(
        StaticSource(), scope, tmp_path / "token", ThreadPoolExecutor(1), user="customer-a"
    )
    endpoint.bind()
    made = (tmp_path / "token").read_text()
    for listening in endpoint._sockets:
        listening.close()
    tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
    HubSource("http://127.0.0.1:9/", tenancy, {TOKEN: "a-server-s-hub-token"})
    keys = Keys.make()
    vended = StaticSource().vend(scope, 900)
    for secret in (
        made,
        "a-server-s-hub-token",
        *keys.secrets(),
        vended.secret_access_key,
        vended.session_token,
    ):
        assert guard.knows(secret)
    assert not guard.knows("a-server-s-hub-toke")


@pytest.mark.parametrize("way", [log, trace, answer, file])
def test_a_secret_is_found(tmp_path: Path, way: object) -> None:
    """Wherever it was told, and also when it is learnt only later."""
    guard = SecretGuard()
    assert callable(way)
    way(guard, tmp_path)
    assert guard.found(tmp_path) == set()
    guard.learn(SECRET)
    assert len(guard.found(tmp_path)) == 1
