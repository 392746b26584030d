"""Sessions that nobody asked for over HTTP are told as well."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from wherobots_storage.audit import audit, kept_in, tell
from wherobots_storage.cli import main
from wherobots_storage.commands.context import Context
from wherobots_storage.credentials import connect, stores
from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.endpoint import LIFETIME
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.stores import open_user_store
from wherobots_storage.errors import AccessDenied
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Settings, Tenancy

HUB = "http://127.0.0.1:9/services/storage/"


class Source:
    """Gives a session, or refuses."""

    error: AccessDenied | None = None
    key = "ASIAEXAMPLE"

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A session."""
        assert (scope.rights, seconds) == ("write", 3600)
        if self.error is not None:
            raise self.error
        return Credentials(self.key, "the-secret-of-it", "the-token-of-it", 4e9)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """What was told."""
    return [json.loads(one.getMessage()) for one in caplog.records if one.name == audit.name]


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """Whatever is configured, this is the source."""
    made = Source()
    monkeypatch.setattr(stores, "source_of", lambda _: made)
    monkeypatch.setattr(connect, "source_of", lambda _: made)
    return made


def test_the_server_s_own_sessions(
    source: Source, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Each one that the store asks for is a line, and so is each that it did not get."""
    caplog.set_level(logging.INFO, audit.name)
    tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
    settings = Settings(tmp_path, tmp_path, tenancy=tenancy, hub_service=HUB)
    for by in ("server", "agent"):
        store: Any = open_user_store(settings, by=by)
        assert store.connection.credentials().access_key == "ASIAEXAMPLE"
        store.close()
    source.error = AccessDenied("No.")
    refused: Any = open_user_store(settings)
    with pytest.raises(AccessDenied):
        refused.connection.credentials()
    refused.close()
    who = {"user": "customer-a", "scope": "all your folders", "access": "write", "seconds": 3600}
    given = {"accessKeyId": "ASIAEXAMPLE", "expires": "2096-10-02T07:06:40Z"}
    vended = {"event": "credentials-vended", **who, **given}
    failed = {"event": "credentials-failed", "by": "server", **who, "code": "access-denied"}
    assert lines(caplog) == [vended | {"by": "server"}, vended | {"by": "agent"}, failed]


def test_a_session_that_was_ended_is_renewed_for_kernels_too(
    source: Source, tmp_path: Path
) -> None:
    """When the store no longer takes it, whoever shares the sessions gets another at once."""
    tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
    settings = Settings(tmp_path, tmp_path, tenancy=tenancy, hub_service=HUB)
    shared = CachedSource(source)
    store: Any = open_user_store(settings, source=shared)
    refused = store.connection.credentials()
    scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
    assert shared.vend(scope, LIFETIME).access_key_id == refused.access_key == "ASIAEXAMPLE"
    source.key = "ASIANEXT"
    assert shared.vend(scope, LIFETIME).access_key_id == "ASIAEXAMPLE"
    assert store.connection._renewable.renew(refused)
    assert shared.vend(scope, LIFETIME).access_key_id == "ASIANEXT"
    store.close()


@pytest.mark.usefixtures("source")
def test_what_the_command_line_vends_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program's log is read by nobody, so that the line is in a file of the user's."""
    monkeypatch.setattr(Context, "store", lambda *_: pytest.fail("no store is needed"))
    monkeypatch.setattr("wherobots_storage.commands.credentials._place", lambda *_: None)
    monkeypatch.setattr("wherobots_storage.commands.credentials.render", lambda *_: "")
    state = tmp_path / "state"
    asked = ["credentials", "--access", "write", "--json", "--root", "s3://bucket/org/"]
    assert main([*asked, "--customer", "customer-a", "--state-dir", str(state)]) == 0
    capsys.readouterr()
    (file,) = state.rglob("audit.log")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    told = json.loads(file.read_text().partition(" INFO ")[2])
    assert (told["event"], told["by"], told["user"]) == (
        "credentials-vended",
        "credentials",
        "customer-a",
    )
    assert "the-secret-of-it" not in file.read_text()


def test_where_nothing_can_be_written_nothing_is_lost(tmp_path: Path) -> None:
    """A file that cannot be made stops nobody."""
    (tmp_path / "file").touch()
    with kept_in(tmp_path / "file" / "audit.log"):
        tell("told", {})
    assert audit.handlers == []


def test_a_full_disk_stops_nobody(tmp_path: Path) -> None:
    """Where the line finds no room, neither writing it nor closing the file raises."""
    (tmp_path / "audit.log").symlink_to("/dev/full")
    with kept_in(tmp_path / "audit.log"):
        tell("credentials-vended", {"user": "customer-a1"})
    assert audit.handlers == []
