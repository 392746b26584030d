"""JupyterLab as the demo starts it."""

from __future__ import annotations

import json
from pathlib import Path

from wherobots_storage.commands.lab import Lab


def test_the_demo_asks_no_question_of_jupyterlab_s_own(tmp_path: Path) -> None:
    """JupyterLab's question about its news is off, and the options stand beside that."""
    Lab(tmp_path, {"JUPYTER_TOKEN": "t"}, {"ServerApp": {"port": 1}})
    config = tmp_path / "jupyter" / "config"
    page = json.loads((config / "labconfig" / "page_config.json").read_text("utf-8"))
    assert page["disabledExtensions"] == {"@jupyterlab/apputils-extension:announcements": True}
    server = json.loads((config / "jupyter_server_config.json").read_text("utf-8"))
    assert server == {"ServerApp": {"port": 1}}
