from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from wherobots_storage.commands import checks_local
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.namespace.paths import Root
from wherobots_storage.settings import Settings, Tenancy

MOUNTS = (
    "22 1 0:21 / / rw - overlay overlay rw\n"
    "30 22 0:30 / /home rw,nosuid - ext4 /dev/sda1 rw\n"
    "31 30 0:31 / /home/with\\040space rw shared:1 - nfs4 server:/x rw\n"
)


def settings(home: Path) -> Settings:
    """Settings with this home, of a customer that exists nowhere."""
    tenancy = Tenancy(Root("test", "org/"), "customer-a")
    return Settings(home=home, state_dir=home / "state", tenancy=tenancy)


def test_the_configuration_is_told_in_a_line(tmp_path: Path) -> None:
    """Whose tree it is stands first."""
    found = checks_local.configuration(settings(tmp_path))
    assert (found.state, found.message) == ("ok", "s3://test/org/ as customer-a.")


def test_a_configuration_that_cannot_work_fails(tmp_path: Path) -> None:
    """The problem is told in its own words."""
    problem = InvalidConfiguration("The root 'x' is not an s3:// URL.")
    found = checks_local.configuration(
        Settings(home=tmp_path, state_dir=tmp_path, tenancy=None, problem=problem)
    )
    assert (found.state, found.message) == ("failed", problem.message)


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("http://127.0.0.1:10101/services/storage/", "ok"),
        ("http://127.8.0.1:10101/services/storage/", "ok"),
        ("http://[::1]:10101/services/storage/", "ok"),
        ("http://localhost:10101/services/storage/", "ok"),
        ("https://hub.example.org/services/storage/", "ok"),
        ("http://hub.example.org/services/storage/", "warning"),
        ("http://10.0.0.7:10101/services/storage/", "warning"),
        ("http://localhost.example.org/services/storage/", "warning"),
    ],
)
def test_a_hub_token_in_plain_text_is_a_warning(tmp_path: Path, url: str, state: str) -> None:
    """Over plain http to another machine whoever can read it on the way has the server's token."""
    (found,) = checks_local.hub_service(replace(settings(tmp_path), hub_service=url))
    assert found.state == state
    assert ("https" in found.advice) == (state == "warning")


def test_without_a_hub_there_is_no_token(tmp_path: Path) -> None:
    """Nothing is said of what is not set up."""
    assert list(checks_local.hub_service(settings(tmp_path))) == []


def test_a_home_that_is_there_is_fine(tmp_path: Path) -> None:
    """A folder on this machine's disk is ok, with the file system's type."""
    found = checks_local.home(settings(tmp_path))
    assert found.state == "ok"
    assert str(tmp_path) in found.message


def test_a_home_that_is_not_there_fails(tmp_path: Path) -> None:
    """A missing home says how to make it."""
    found = checks_local.home(settings(tmp_path / "none"))
    assert found.state == "failed"
    assert "wherobots-storage restore" in found.advice


def test_a_home_that_is_read_only_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written can still be synced, but not restored into."""
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    assert checks_local.home(settings(tmp_path)).state == "warning"


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/etc", "overlay"), ("/home/jo", "ext4"), ("/home/with space/x", "nfs4")],
)
def test_the_file_system_is_the_innermost_mount_s(folder: str, kind: str) -> None:
    """Of nested mounts the deepest one counts, spaces in its name included."""
    assert checks_local.file_system(Path(folder), MOUNTS) == kind


def test_no_agent_is_a_note(tmp_path: Path) -> None:
    """Without JupyterLab no agent runs, which is no failure."""
    found = checks_local.agent(settings(tmp_path))
    assert found.state == "note"
    assert "sync --once" in found.advice


def write(folder: Path, name: str, enabled: object) -> None:
    """A configuration file that says whether the extension is enabled."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    config = {"ServerApp": {"jpserver_extensions": {"wherobots_storage": enabled}}}
    file.write_text(json.dumps(config))


def test_the_server_extension_is_looked_up_as_jupyter_does(tmp_path: Path) -> None:
    """An earlier folder outweighs a later one, and the file the folder of files."""
    user, system = tmp_path / "user", tmp_path / "system"
    folders = [str(user), str(system)]
    assert checks_local.extension_enabled(folders) is None
    write(system, "jupyter_server_config.d/wherobots_storage.json", enabled=True)
    assert checks_local.extension_enabled(folders) is True
    write(user, "jupyter_server_config.json", enabled=False)
    assert checks_local.extension_enabled(folders) is False


def test_a_damaged_configuration_file_says_nothing(tmp_path: Path) -> None:
    """A file that is no JSON is passed over."""
    (tmp_path / "jupyter_server_config.json").write_text("{")
    assert checks_local.extension_enabled([str(tmp_path)]) is None


def test_a_panel_that_is_not_installed_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Jupyter finds neither half, both checks fail with what to run."""
    monkeypatch.setattr(checks_local, "jupyter_config_path", lambda: [str(tmp_path)])
    monkeypatch.setattr(checks_local, "jupyter_path", lambda *_: [str(tmp_path)])
    found = list(checks_local.jupyter())
    assert [finding.state for finding in found] == ["failed", "failed"]
    (tmp_path / "wherobots-storage").mkdir()
    (tmp_path / "wherobots-storage" / "package.json").touch()
    write(tmp_path, "jupyter_server_config.json", enabled=True)
    assert [finding.state for finding in checks_local.jupyter()] == ["ok", "ok"]
