"""New virtual environments, as somebody makes them who installs the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_HIDDEN = ("PYTHON", "WHEROBOTS_", "AWS_", "JUPYTER", "VIRTUAL_ENV", "COV_", "COVERAGE_")


def clean_environ() -> dict[str, str]:
    """This process' environment without what would let a checkout or a store shine through."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}


def make_venv(folder: Path, install: Iterable[str]) -> Path:
    """A virtual environment with what ``install`` tells pip; returns its folder of programs."""
    environ = clean_environ()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, env=environ)
    programs = folder / "bin"
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet"]
    # Dependency groups need pip 25.1.
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True, env=environ, cwd=folder)
    subprocess.run([*pip, *install], check=True, env=environ, cwd=folder)
    return programs
