"""The service tries at its start whether its sessions hold."""

from __future__ import annotations

import json
import logging

import pytest

from wherobots_storage.commands.hub_service import _with_session
from wherobots_storage.credentials.connect import open_sources
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.errors import AccessDenied, StorageError, StoreUnavailable
from wherobots_storage.hub.boundary import NO_BOUNDARY, warn_without_boundary
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.embedded import EmbeddedStore

ROOT = Root("bucket", "org/")
HELD = Credentials("ASIA", "a-session-s-secret", "a-session-s-token", 4e9)


class Source:
    """Gives a session, or refuses."""

    def __init__(self, error: StorageError | None = None) -> None:
        self._error = error

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A session."""
        assert (scope.rights, seconds) == ("read", 900)
        if self._error is not None:
            raise self._error
        return HELD


@pytest.mark.parametrize(
    ("first", "again", "verdict", "told"),
    [
        (None, None, False, NO_BOUNDARY),
        (None, AccessDenied("No."), True, ""),
        (StoreUnavailable("Away."), None, None, "could not be tried: Away."),
        (AccessDenied("No."), None, None, "could not be tried: No."),
        (None, StoreUnavailable("Away."), None, "could not be tried: Away."),
    ],
)
def test_what_is_said(
    first: StorageError | None,
    again: StorageError | None,
    verdict: bool | None,
    told: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Sessions that make others are an error of the log; what was not tried is no proof."""

    def with_session(held: Credentials) -> Source:
        assert held is HELD
        return Source(again)

    assert warn_without_boundary(ROOT, lambda _: Source(first), with_session) is verdict
    assert told in caplog.text
    lines = [one for one in caplog.records if one.name.endswith("audit")]
    assert [json.loads(one.message)["event"] for one in lines] == (
        ["sessions-do-not-hold"] if verdict is False else []
    )
    assert all(one.levelno == logging.ERROR for one in lines)


@pytest.mark.store
@pytest.mark.usefixtures("seaweed_environment")
def test_on_seaweedfs_sessions_hold(seaweed: EmbeddedStore) -> None:
    """There a session cannot assume the role that it was made with."""
    role = seaweed.role_arn
    sources = open_sources(role)
    assert warn_without_boundary(ROOT, sources, lambda held: _with_session(role, held)) is True
