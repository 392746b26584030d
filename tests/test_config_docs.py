"""The README's table holds every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherobots_storage.config import SETTINGS, Setting

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.trait)
def test_every_setting_is_in_the_readme_by_both_its_names(setting: Setting) -> None:
    """A line of the configuration table names the trait and its variable, in backticks."""
    rows = [line for line in README.read_text("utf-8").splitlines() if line.startswith("|")]
    assert any(f"`{setting.trait}`" in row and f"`{setting.variable}`" in row for row in rows)
