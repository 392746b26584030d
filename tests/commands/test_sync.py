"""``wherobots-storage sync``, where its end depends on more than the sync itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.environment import isolation

from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.telling import Teller


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of a store that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


LATE = """
import sys
from wherobots_storage.cli import main
from wherobots_storage.sync import final, watchdog
final.NOTE_SECONDS = watchdog.NOTE_SECONDS = 60.0
sys.exit(main(sys.argv[1:]))
"""
"""The program on a machine that has a minute for what is noted at last."""


def test_final_sync_ends_in_time_whatever_hangs(silence: str, tmp_path: Path) -> None:
    """A limit holds without an agent too, where a request hangs, and what is left is noted."""
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    (home / "unsaved").write_text("x")
    environment = {
        **os.environ,
        **isolation(tmp_path),
        "AWS_ENDPOINT_URL": silence,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_REGION": "eu-west-1",
        "WHEROBOTS_STORAGE_ROOT": "s3://bucket/org/",
        "WHEROBOTS_STORAGE_CUSTOMER": "customer-a",
        "WHEROBOTS_STORAGE_HOME": str(home),
        "WHEROBOTS_STORAGE_STATE": str(state),
    }
    for seconds in ("1", "10", "40"):
        ended = subprocess.run(
            [sys.executable, "-c", LATE, "sync", "--final", "--timeout", seconds],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            timeout=110,
            check=False,
        )
        assert ended.returncode == 3
        assert "did not end in time" in ended.stderr
        if any(state.rglob("journal.sqlite")):
            break  # A busy machine had not come to it before the end.
    (database,) = state.rglob("journal.sqlite")
    with Journal(database) as journal:
        board = StatusBoard()
        Teller(board, journal)
    assert [notice.code for notice in board.status.skipped] == ["not-saved-at-stop"]
