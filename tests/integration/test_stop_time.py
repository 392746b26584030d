"""How long a stop takes when the store is out of reach: its deadline, and no more than a moment."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import Bench, opened, settings_for
from support.lab import LabServer
from support.processes import status_of

import wherobots_storage
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.sync.supervisor import STOP_GRACE, AgentSupervisor

SECONDS = 5.0
SLOW_MACHINE = 40.0
"""What a busy machine may need on top, to end a process."""


@contextmanager
def dead_port(how: str) -> Iterator[int]:
    """A port that refuses, or one that takes connections and says nothing for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if how == "silent":
            listener.listen(128)
        yield listener.getsockname()[1]


@pytest.mark.parametrize("how", ["refusing", "silent"])
def test_stop_with_a_dead_store(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in its time by itself, neither killed nor hanging, and notes what is not saved."""
    bench = Bench(tmp_path, MemoryStore("bucket"))
    settings = settings_for(bench.home, bench.state, "bucket", shutdown_timeout=SECONDS)
    bench.write("a", b"123")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    # So that it is ended only if it does not end by itself, however late the machine is.
    monkeypatch.setattr("wherobots_storage.sync.supervisor.STOP_GRACE", SLOW_MACHINE)
    with dead_port(how) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        supervisor = AgentSupervisor(settings, lambda _: None)
        supervisor.spawn()
        process = supervisor._process
        assert process is not None
        eventually(lambda: status_of(settings) is not None)
        began = time.monotonic()
        asyncio.run(supervisor.stop(SECONDS))
        spent = time.monotonic() - began
    # Killed by the supervisor it would be -9, and would have lived past its grace.
    assert process.returncode == 3
    assert spent < SECONDS + SLOW_MACHINE
    with opened(bench) as (_, board):
        assert [notice.code for notice in board.status.skipped] == ["not-saved-at-stop"]
        assert board.status.skipped[0].size == 3


def test_a_server_with_a_dead_store_stops_in_time(tmp_path: Path) -> None:
    """A SIGTERM ends the whole server within ``shutdown_timeout`` and a moment."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "a").write_text("a")
    with dead_port("silent") as port:
        environment = {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "WHEROBOTS_STORAGE_ROOT": "s3://bucket/acme/",
            "WHEROBOTS_STORAGE_CUSTOMER": "customer-a1",
            "WHEROBOTS_STORAGE_STATE": str(tmp_path / "state"),
            "WHEROBOTS_STORAGE_RESTORE_WAIT": "1",
            "WHEROBOTS_STORAGE_SHUTDOWN_TIMEOUT": str(SECONDS),
            "PYTHONPATH": str(Path(wherobots_storage.__file__).parent.parent),
        }
        with LabServer(home, environment) as lab:
            began = time.monotonic()
            assert lab.terminate(timeout=90) == 0
            assert time.monotonic() - began < SECONDS + STOP_GRACE + SLOW_MACHINE
