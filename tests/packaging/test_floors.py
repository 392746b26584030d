from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from support.wheels import ROOT, clean_environ, make_venv

FLOOR = re.compile(r"^(?P<name>[A-Za-z0-9_.-]+)(\[[^]]*\])?>=(?P<floor>[0-9.]+)(,<[0-9.]+)?$")


def floors() -> dict[str, str]:
    """The lowest version of every dependency that pyproject.toml declares."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    found = {entry: FLOOR.match(entry) for entry in declared}
    lacking = [entry for entry, match in found.items() if match is None]
    assert not lacking, f"These dependencies declare no floor: {lacking}"
    return {match["name"]: match["floor"] for match in found.values() if match}


def test_every_dependency_declares_a_floor() -> None:
    """Whoever installs the wheel gets versions that this project has been tested with."""
    assert "jupyterlab" in floors()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_oldest_versions_pass_the_tests(wheel: Path, tmp_path: Path) -> None:
    """The tests pass with the wheel and the lowest version of each of its dependencies."""
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("".join(f"{name}=={floor}\n" for name, floor in floors().items()))
    groups = ["--group", f"{ROOT / 'pyproject.toml'}:test"]
    programs = make_venv(
        tmp_path / "venv", [f"{wheel}[demo]", *groups, "--constraint", str(constraints)]
    )
    # The program `pytest`, unlike `python -m pytest`, leaves the checkout out of sys.path: the
    # wheel is what is tested. Old versions warn of newer ones, which is none of our affair.
    command = [str(programs / "pytest"), "-m", "not slow", "-o", "filterwarnings=default"]
    command += ["-n", "2", "--dist", "worksteal"]
    # Benchmarks are of the checkout, and old wheels have packages of that name; schema.json is
    # written by the newest msgspec.
    left_out = [f"--ignore=tests/{name}" for name in ("packaging", "ui", "benchmarks")]
    left_out.append("--deselect=tests/api/test_schema.py::test_the_file_is_what_the_models_say")
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *left_out, "tests"],
        check=False,
        cwd=ROOT,
        env=clean_environ(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
