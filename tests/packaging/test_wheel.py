from __future__ import annotations

import json
import signal
import subprocess
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from support.demos import RunningDemo
from support.wheels import clean_environ

pytestmark = pytest.mark.timeout(600)

LAB = "share/jupyter/labextensions/wherobots-storage"
NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "kept"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def test_the_wheel_carries_everything_that_runs(wheel: Path) -> None:
    """The panel, the files that enable it, the schemas and the licence are inside."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    data = [name.partition(".data/data/")[2] for name in names]
    assert f"{LAB}/package.json" in data
    assert f"{LAB}/install.json" in data
    assert any(name.startswith(f"{LAB}/static/remoteEntry.") for name in data)
    assert f"{LAB}/static/style.js" in data
    assert "etc/jupyter/jupyter_server_config.d/wherobots_storage.json" in data
    assert "wherobots_storage/api/schema.json" in names
    assert "wherobots_storage/py.typed" in names
    assert any(
        name.startswith("wherobots_storage/events/") and name.endswith(".yaml") for name in names
    )
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)
    assert not any(name.startswith(("tests/", "src/")) or "node_modules" in name for name in names)


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Its metadata name a prebuilt JupyterLab extension, the extras and the licence."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        facts = Parser().parsestr(archive.read(metadata).decode())
    assert facts["License-Expression"] == "BSD-3-Clause"
    assert facts.get_all("Provides-Extra") == ["demo", "hub"]
    classifiers = facts.get_all("Classifier") or []
    assert "Framework :: Jupyter :: JupyterLab :: Extensions :: Prebuilt" in classifiers


def test_the_program_says_its_version(installed: Path, wheel: Path, tmp_path: Path) -> None:
    """`wherobots-storage --version` runs from anywhere, and names the wheel's version."""
    done = subprocess.run(
        [str(installed / "wherobots-storage"), "--version"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=clean_environ(),
    )
    assert done.stdout.strip() == f"wherobots-storage {wheel.name.split('-')[1]}"


def test_jupyter_finds_both_halves(installed: Path, tmp_path: Path) -> None:
    """Nothing has to be enabled by hand after `pip install`."""
    for command, wanted in (
        ("jupyter-labextension", "wherobots-storage"),
        ("jupyter-server", "wherobots_storage"),
    ):
        arguments = ["list"] if command == "jupyter-labextension" else ["extension", "list"]
        done = subprocess.run(
            [str(installed / command), *arguments],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=clean_environ(),
        )
        said = [line for line in (done.stdout + done.stderr).splitlines() if wanted in line]
        assert any("enabled" in line for line in said), done.stdout + done.stderr


def test_the_installed_wheel_does_the_main_job(installed: Path, tmp_path: Path) -> None:
    """The demo serves panel and tree; a file and a notebook are there again after a new start."""
    program = [str(installed / "wherobots-storage")]
    folder = tmp_path / "demo"
    body = bytes(range(256)) * 4096
    with RunningDemo(program, folder, cwd=tmp_path, environ=clean_environ()) as demo:
        page = demo.request("lab").decode()
        assert "wherobots-storage" in page
        package = json.loads(demo.request("lab/extensions/wherobots-storage/package.json"))
        entry = package["jupyterlab"]["_build"]["load"]
        assert demo.request(f"lab/extensions/wherobots-storage/{entry}")
        assert demo.names("/") == ["data", "notebooks", "spark-logs"]
        assert "stations.csv" in demo.names("/data/shared/")
        demo.upload("/data/customer-demo/big.bin", body)
        saved = {"type": "notebook", "format": "json", "content": NOTEBOOK}
        demo.request("api/contents/Kept.ipynb", method="PUT", json_body=saved)
        assert demo.stop(signal.SIGINT) == 0, demo.notes
    # The bucket alone must be enough: the home goes, and comes back from it.
    (folder / "home").rename(tmp_path / "old-home")
    with RunningDemo(program, folder, cwd=tmp_path, environ=clean_environ()) as demo:
        got = demo.request(
            "wherobots-storage/api/v1/files/content?path=/data/customer-demo/big.bin"
        )
        assert got == body
        kept = json.loads(demo.request("api/contents/Kept.ipynb"))
        assert kept["content"]["cells"][0]["source"] == "kept"
        assert demo.stop(signal.SIGTERM) == 0, demo.notes
    before = (tmp_path / "old-home" / "Kept.ipynb").read_bytes()
    assert (folder / "home" / "Kept.ipynb").read_bytes() == before
