"""The wheel that was built, and a new environment with nothing but it in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.wheels import ROOT, make_venv


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel in dist/, which `make build` makes."""
    found = sorted((ROOT / "dist").glob("*.whl"))
    assert len(found) == 1, "Run `make build` first: there must be one wheel in dist/."
    return found[0]


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment that has the wheel with its demo extra."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    return make_venv(folder, [f"{wheel}[demo]"])
