from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import wherobots_storage
from wherobots_storage import cli
from wherobots_storage.cli import COMMANDS, load, main
from wherobots_storage.commands import status as status_command
from wherobots_storage.commands.context import Context

PACKAGE = Path(wherobots_storage.__file__).parent
PROGRAM = [sys.executable, "-m", "wherobots_storage"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_a_module_that_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command's --help begins with its usage and holds its description."""
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    description = load(name).__doc__ or ""
    assert description.strip().splitlines()[0] in capsys.readouterr().out


def test_a_run_starts_without_what_it_does_not_need() -> None:
    """A sync or a restore loads neither boto3 nor, away from a terminal, rich: both cost time."""
    code = (
        "import sys; from wherobots_storage.cli import load; load('sync'); load('restore'); "
        "import wherobots_storage.credentials.stores; "
        "print([name for name in sys.modules if name in ('boto3', 's3transfer', 'rich')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout.strip() == "[]"


def test_the_program_ends_without_looking_for_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process returns what the command does, and leaves what it made to the exit as it is."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    monkeypatch.setattr(cli, "main", lambda: 3)
    try:
        assert cli.program() == 3
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_the_help_lists_what_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The list of commands has all of them but the agent, which Jupyter starts."""
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    listed = {line.split()[0] for line in shown.splitlines() if line.startswith("    ")}
    assert {name for name, purpose in COMMANDS.items() if purpose} <= listed
    assert "agent" not in listed


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bogus"],
        ["ls", "--bogus"],
        ["sync", "--once", "--final"],
        ["sync", "--timeout", "0"],
        ["sync", "--timeout", "nan"],
        ["sync", "--timeout", "soon"],
        ["demo", "--port", "x"],
    ],
)
def test_a_command_line_that_cannot_be_exits_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Usage errors say what is wrong on standard error and exit with 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["ls", "status", "sync", "restore"])
def test_without_a_root_every_command_says_what_to_set(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unset configuration exits with 2 and names the variable."""
    assert main([command]) == 2
    assert "WHEROBOTS_STORAGE_ROOT" in capsys.readouterr().err


def test_a_flag_goes_before_the_environment_on_either_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The settings' flags win over the variables, left and right of the command alike."""
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROOT", "s3://from-environment/org/")
    seen = []

    def look(context: Context) -> int:
        settings = context.settings()
        assert settings.tenancy is not None
        seen.append((settings.tenancy.root.url, settings.tenancy.customer, settings.home))
        return 0

    monkeypatch.setattr(status_command, "run", look)
    left = ["--root", "s3://flag/org", "--customer", "customer-x", "--home", str(tmp_path)]
    assert main([*left, "status"]) == 0
    assert main(["status", *left]) == 0
    assert main(["--root", "s3://lost/org", *left[2:], "status", *left[:2]]) == 0
    assert seen == [("s3://flag/org/", "customer-x", tmp_path)] * 3


def test_a_bad_setting_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A customer that cannot be one is refused with the reason, as an object with --json."""
    arguments = ["status", "--json", "--root", "s3://bucket/org", "--customer", "customer-a/b"]
    assert main(arguments) == 2
    error = json.loads(capsys.readouterr().err)["error"]
    assert error["code"] == "invalid-configuration"


def test_a_failure_is_a_line_and_never_a_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No agent: one clear line, exit 1."""
    arguments = ["--root", "s3://bucket/org", "--customer", "customer-a", "--home", str(tmp_path)]
    assert main([*arguments, "--state-dir", str(tmp_path / "state"), "status"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("wherobots-storage: ")
    assert len(error.splitlines()) == 1


def test_ctrl_c_exits_as_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted command exits with 130, without a traceback."""

    def interrupted(context: Context) -> int:
        raise KeyboardInterrupt(context)

    monkeypatch.setattr(status_command, "run", interrupted)
    assert main(["status"]) == 130


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package's sources, as a checkout has them: nothing built, nothing installed."""
    tree = tmp_path / "checkout"
    built = shutil.ignore_patterns("labextension", "_version.py", "__pycache__")
    shutil.copytree(PACKAGE, tree / PACKAGE.name, ignore=built)
    (tree / "package.json").write_text('{"version": "1.2.3"}')
    return tree


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program, from the copied tree."""
    return subprocess.run(
        [*PROGRAM, *arguments], cwd=checkout, capture_output=True, text=True, check=False
    )


def test_it_runs_from_a_checkout_that_nothing_was_built_in(checkout: Path) -> None:
    """`python -m wherobots_storage` needs the dependencies only; the version says so."""
    assert run(checkout, "--version").stdout == "wherobots-storage 1.2.3+source\n"
    assert "Your organisation's object storage" in run(checkout, "--help").stdout
    listing = run(checkout, "ls", "--root", "s3://bucket/org", "--customer", "customer-a")
    assert [line.split() for line in listing.stdout.splitlines()] == [
        ["data/"],
        ["notebooks/"],
        ["spark-logs/"],
    ], listing.stderr


def test_a_checkout_without_its_manifest_still_runs(checkout: Path) -> None:
    """The version falls back to zero when nothing tells it."""
    (checkout / "package.json").unlink()
    assert run(checkout, "--version").stdout == "wherobots-storage 0.0.0+source\n"


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    """`wherobots-storage ls | head -0`: the broken pipe is nobody's error."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*PROGRAM, "ls", "--root", "s3://bucket/org", "--customer", "customer-a"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.store
def test_the_store_serves_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    """`store` prints the variables, hides the keys from a file, and ends on SIGTERM with 0."""
    command = [*PROGRAM, "store", "--json", "--dir", str(tmp_path / "data"), "--bucket", "a-bucket"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        variables = json.loads(process.stdout.readline())
        again = subprocess.run(command, capture_output=True, text=True, check=False)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert variables["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert "hidden" in variables["AWS_SECRET_ACCESS_KEY"]
    assert again.returncode == 1
    assert "in use" in again.stderr
