from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.demos import RunningDemo
from support.wheels import ROOT, clean_environ

pytestmark = [pytest.mark.store, pytest.mark.timeout(400)]

PROGRAM = [sys.executable, "-m", "wherobots_storage"]
NOTEBOOK = {"cells": [], "metadata": {"kept": True}, "nbformat": 4, "nbformat_minor": 5}


def environ() -> dict[str, str]:
    """What somebody has who set nothing up; coverage is told of by the variables it needs."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COV")}
    return clean_environ() | measured | {"PYTHONPATH": str(ROOT)}


def start(folder: Path) -> RunningDemo:
    """A demo with its data in ``folder``, run from the checkout."""
    return RunningDemo(PROGRAM, folder, cwd=folder.parent, environ=environ())


def save(demo: RunningDemo, name: str) -> None:
    """Save a notebook as JupyterLab does."""
    saved = {"type": "notebook", "format": "json", "content": NOTEBOOK}
    demo.request(f"api/contents/{name}", method="PUT", json_body=saved)


def family(pid: int) -> list[psutil.Process]:
    """A process' descendants."""
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_every_polite_signal_ends_it_with_a_final_sync(
    tmp_path: Path, signum: signal.Signals
) -> None:
    """What was saved a moment before is in the bucket, and no process is left."""
    with start(tmp_path / "demo") as demo:
        processes = family(demo.process.pid)
        assert len(processes) >= 3, "JupyterLab, the agent and the store"
        save(demo, "Late.ipynb")
        assert demo.stop(signum) == 0, demo.notes
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []
    (tmp_path / "demo" / "home").rename(tmp_path / "gone")
    with start(tmp_path / "demo") as demo:
        kept = json.loads(demo.request("api/contents/Late.ipynb"))
        assert kept["content"]["metadata"]["kept"] is True
        assert "Welcome.ipynb" in demo.names("/notebooks/customer-demo/")


def test_two_demos_run_side_by_side(tmp_path: Path) -> None:
    """Without --dir the second takes a folder and ports of its own; a named one is refused."""
    command = [*PROGRAM, "demo", "--json", "--no-browser"]
    options = {"cwd": tmp_path, "env": environ(), "stdin": subprocess.DEVNULL}
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
        for _ in range(2)
    ]
    try:
        urls = {json.loads(process.stdout.readline())["url"] for process in started}
        named = subprocess.run(
            [*command, "--dir", "demo-data"], capture_output=True, text=True, check=False, **options
        )  # type: ignore[call-overload]
    finally:
        for process in started:
            process.send_signal(signal.SIGINT)
        codes = [process.wait(120) for process in started]
        for process in started:
            process.stdout.close()
    assert len(urls) == 2
    assert codes == [0, 0]
    assert {path.name for path in tmp_path.iterdir()} == {"demo-data", "demo-data-2"}
    assert named.returncode == 1
    assert "in use" in named.stderr


def test_a_killed_demo_loses_nothing(tmp_path: Path) -> None:
    """After SIGKILL JupyterLab makes its final sync by itself, and a new start finds it all."""
    with start(tmp_path / "demo") as demo:
        processes = family(demo.process.pid)
        save(demo, "Kept.ipynb")
        demo.process.kill()
        demo.process.communicate(timeout=60)
        # The store goes on until a new start ends it: the final sync needs it.
        deadline = time.monotonic() + 120
        while sum(process.is_running() for process in processes) > 1:
            assert time.monotonic() < deadline, processes
            time.sleep(0.2)
    (tmp_path / "demo" / "home").rename(tmp_path / "gone")
    with start(tmp_path / "demo") as demo:
        assert json.loads(demo.request("api/contents/Kept.ipynb"))["name"] == "Kept.ipynb"
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """With --port JupyterLab takes that one or none; the error shows its words."""
    with start(tmp_path / "first") as demo:
        port = demo.url.rstrip("/").rpartition(":")[2]
        command = [*PROGRAM, "demo", "--port", port, "--dir", str(tmp_path / "second")]
        done = subprocess.run(
            command, env=environ(), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert demo.stop() == 0
    assert done.returncode == 1
    assert "JupyterLab did not start" in done.stderr
    assert "Traceback" not in done.stderr.split("jupyter.log", 1)[0]


def test_nobody_else_can_read_what_it_keeps(tmp_path: Path) -> None:
    """The folder, and in it the log with the token, are for their owner only."""
    with start(tmp_path / "demo") as demo:
        assert demo.stop() == 0
    assert (tmp_path / "demo").stat().st_mode & 0o077 == 0
    assert (tmp_path / "demo" / "jupyter.log").stat().st_mode & 0o077 == 0


def test_it_vends_credentials_out_of_the_box(tmp_path: Path) -> None:
    """The demo's store has STS and a role, so that a folder's credentials can be had at once."""
    with start(tmp_path / "demo") as demo:
        body = {"path": "/data/shared/", "seconds": 900}
        found = demo.api("credentials", method="POST", json_body=body)
        assert found["snippets"]["profileCommand"] == (
            "aws --profile=wherobots s3 cp --recursive my-data/ "
            "s3://wherobots-demo/my-org/data/shared/"
        )
