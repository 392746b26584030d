"""What `doctor` says, as a program reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wherobots_storage.cli import main
from wherobots_storage.namespace.paths import Root


def ask_doctor(
    capsys: pytest.CaptureFixture[str],
    patch: pytest.MonkeyPatch,
    folder: Path,
    root: Root,
    variables: dict[str, str],
) -> dict[str, dict[str, Any]]:
    """Its findings for customer-a1 by their check, with these variables in the environment."""
    (folder / "home").mkdir()
    patch.setenv("WHEROBOTS_STORAGE_ROOT", root.url)
    patch.setenv("WHEROBOTS_STORAGE_CUSTOMER", "customer-a1")
    patch.setenv("WHEROBOTS_STORAGE_HOME", str(folder / "home"))
    patch.setenv("WHEROBOTS_STORAGE_STATE", str(folder / "state"))
    for name, value in variables.items():
        patch.setenv(name, value)
    main(["doctor", "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["check"]: line for line in lines}
