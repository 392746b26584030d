"""What `doctor` says of kernels, without a store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wherobots_storage.commands.checks_kernels import kernels
from wherobots_storage.credentials import connect
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.errors import AccessDenied
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Settings, Tenancy

ROLE = "arn:aws:iam::123456789012:role/storage"


class Source:
    """Gives a session, or refuses."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A session for all areas."""
        assert (scope.rights, seconds) == ("write", 900)
        if self._error is not None:
            raise self._error
        return Credentials("A", "s", "t", 1.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server with a role."""
    tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
    return Settings(tmp_path, tmp_path, tenancy=tenancy, role_arn=ROLE)


def told(settings: Settings, environment: dict[str, str]) -> list[tuple[str, str]]:
    """Each finding's check and state."""
    return [(one.check, one.state) for one in kernels(settings, environment)]


def test_without_a_source_or_opted_out(settings: Settings, tmp_path: Path) -> None:
    """That kernels have the server's credentials is said, with what to set."""
    environment = {"HOME": str(tmp_path)}
    for plain in (
        replace(settings, role_arn=None),
        replace(settings, kernel_credentials=False),
    ):
        (finding,) = kernels(plain, environment)
        assert finding.state == "note"
        assert "WHEROBOTS_STORAGE_HUB_SERVICE" in (finding.advice or "")


def test_that_they_can_be_made_is_tried(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real session is asked for; a refusal is a failure in the source's own words."""
    environment = {"HOME": str(tmp_path)}
    monkeypatch.setattr(connect, "source_of", lambda _: Source())
    assert told(settings, environment) == [("kernels", "ok")]
    monkeypatch.setattr(connect, "source_of", lambda _: Source(AccessDenied("Not this role.")))
    (finding,) = kernels(settings, environment)
    assert (finding.state, "Not this role." in finding.message) == ("failed", True)


@pytest.mark.parametrize(
    ("file", "text", "state", "word"),
    [
        ("config", "[profile x]\nregion = r\n", "note", "Add two lines"),
        ("config", "[default]\nregion = r\n", "ok", ""),
        ("config", "no section", "note", "Add two lines"),
        ("credentials", "[default]\naws_access_key_id = A\n", "note", "another name"),
        ("config", "[default]\naws_access_key_id = A\n", "note", "another name"),
        ("config", "[profile default]\naws_access_key_id = A\n", "note", "another name"),
        ("config", "[default]\ncredential_process = /bin/x\n", "note", "another name"),
        ("config", "[default]\nrole_arn = r\nsource_profile = y\n", "note", "another name"),
        ("config", "[default]\nsso_session = x\n", "note", "another name"),
        ("credentials", "[default]\ncredential_process = /bin/x\n", "note", "another name"),
        ("config", "[profile x]\naws_access_key_id = A\n[default]\nregion = r\n", "ok", ""),
    ],
)
def test_the_profile_of_the_user_s_own_files(
    settings: Settings, tmp_path: Path, file: str, text: str, state: str, word: str
) -> None:
    """In a terminal with its own credentials: whether [default] is there, and whose keys it has."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / file).write_text(text)
    environment = {"HOME": str(tmp_path), "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}
    own, profile = kernels(settings, environment)
    assert own.state == "ok"
    assert (profile.check, profile.state) == ("default profile", state)
    assert word in (profile.advice or "")
