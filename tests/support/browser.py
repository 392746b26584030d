"""Runs a journey of tests/integration/browser in a real browser, with Playwright."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CONFIG = "tests/integration/browser/playwright.config.ts"


def browse(journey: str, given: Mapping[str, object], results: Path) -> None:
    """Go through ``journey``.spec.ts: ``given`` are its variables, ``results`` its folder.

    Raises AssertionError, with what Playwright says, when something is not as it should be.
    """
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "RESULTS": str(results),
        **{name: str(value) for name, value in given.items()},
    }
    command = ["npx", "playwright", "test", "--config", CONFIG, f"/{journey}.spec.ts"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
