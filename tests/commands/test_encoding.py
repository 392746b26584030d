"""Where the locale's encoding is not UTF-8: names of files are the same keys all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from support.homes import settings_for

from wherobots_storage.cli import main
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.sync.handover import settings_from_json, settings_to_json
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.spawning import COMMAND

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""An environment in which Python reads the names of files as ASCII."""

_SHOW = "import sys; print(sys.getfilesystemencoding())"


def run(*command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """A program in such an environment."""
    environment = {**os.environ, **ASCII, **extra}
    return subprocess.run(
        command, env=environment, check=False, capture_output=True, encoding="utf-8", timeout=120
    )


def test_the_program_begins_anew_in_utf8() -> None:
    """The command line works in UTF-8 whatever the locale is, in the same process."""
    assert run(sys.executable, "-c", _SHOW).stdout == "ascii\n"
    script = (
        "import os, sys\n"
        "from wherobots_storage import cli\n"
        "print(sys.getfilesystemencoding(), os.getpid(), flush=True)\n"
        "sys.exit(cli.main())\n"
    )
    done = run(sys.executable, "-c", script, "--version")
    assert done.returncode == 0, done.stderr
    first, second, said = done.stdout.splitlines()
    assert (first.split()[0], second.split()[0]) == ("ascii", "utf-8")
    assert first.split()[1] == second.split()[1]
    assert said.startswith("wherobots-storage ")


def test_the_agent_works_in_utf8() -> None:
    """The server starts it so, in every locale."""
    command = [*COMMAND[: COMMAND.index("-m")], "-c", _SHOW]
    assert run(*command).stdout == "utf-8\n"


def test_the_engine_refuses_another_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home is not opened where its names would be other keys: what to set is said."""
    settings = settings_for(tmp_path, tmp_path / "state")
    assert Home.open(settings).path == tmp_path
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-1")
    with pytest.raises(InvalidConfiguration, match="PYTHONUTF8=1"):
        Home.open(settings)


def test_the_server_hands_over_names_in_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home with a name beyond ASCII is the same folder for an agent of another encoding."""
    settings = settings_for(tmp_path / "josé", tmp_path / "state")
    line = settings_to_json(settings)
    assert settings_from_json(line).home == tmp_path / "josé"
    latin = settings_for(Path(os.fsencode(tmp_path / "josé").decode("latin-1")), tmp_path / "state")
    monkeypatch.setattr(os, "fsencode", lambda path: str(path).encode("latin-1"))
    assert msgspec.json.decode(settings_to_json(latin)) == msgspec.json.decode(line)


def test_an_empty_home_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--home ""`` is an unset variable of a shell, and not the working directory."""
    monkeypatch.chdir(tmp_path)
    flags = ["--root", "s3://bucket/org/", "--customer", "customer-a1", "--home", ""]
    assert main([*flags, "sync"]) == 2
    assert "--home needs a folder" in capsys.readouterr().err
