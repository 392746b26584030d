"""Ways in which a real JupyterLab server ends, and what is in the bucket afterwards."""

from __future__ import annotations

import os
import pty
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.homes import keys_below
from support.lab import LabServer

import wherobots_storage
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store

pytestmark = [pytest.mark.store, pytest.mark.timeout(300)]

CUSTOMER = "customer-a1"
LATE = "written late.txt"


@pytest.fixture(autouse=True)
def heeded_interrupts() -> Iterator[None]:
    """SIGINT is not ignored in what is started, as it would be below a shell's background job."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


def saved(store: S3Store) -> list[str]:
    """What the mirror holds."""
    return keys_below(store, f"acme/notebooks/{CUSTOMER}/")


def settings(seaweed: EmbeddedStore, s3_store: S3Store, state: Path) -> dict[str, str]:
    """A server's environment."""
    return {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{s3_store.bucket}/acme/",
        "WHEROBOTS_STORAGE_CUSTOMER": CUSTOMER,
        "WHEROBOTS_STORAGE_STATE": str(state),
        # The checkout: nothing need be installed for these.
        "PYTHONPATH": str(Path(wherobots_storage.__file__).parent.parent),
    }


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGKILL", "shutdown"])
def test_what_was_written_last_is_saved(
    tmp_path: Path, seaweed: EmbeddedStore, s3_store: S3Store, how: str
) -> None:
    """However the server ends, the final sync brings what was written a moment before."""
    home = tmp_path / "home"
    home.mkdir()
    with LabServer(home, settings(seaweed, s3_store, tmp_path / "state")) as lab:
        (home / LATE).write_text("late")
        if how == "SIGKILL":
            lab.kill()
        elif how == "shutdown":
            lab.fetch("api/shutdown", method="POST")
            lab.process.wait(120)
        else:
            assert lab.terminate(timeout=120, how=signal.Signals[how]) == 0
        # Killed, the server waits for nobody; otherwise it has waited for the agent.
        deadline = time.monotonic() + (90 if how == "SIGKILL" else 0)
        while LATE not in saved(s3_store) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert saved(s3_store) == [LATE], lab.output()


def test_ctrl_c_in_a_terminal_saves_what_was_written_last(
    tmp_path: Path, seaweed: EmbeddedStore, s3_store: S3Store
) -> None:
    """With a terminal Jupyter asks whether to stop; the yes is followed by the final sync."""
    home = tmp_path / "home"
    home.mkdir()
    ours, terminal = pty.openpty()
    try:
        environment = settings(seaweed, s3_store, tmp_path / "state")
        with LabServer(home, environment, stdin=terminal) as lab:
            (home / LATE).write_text("late")
            lab.process.send_signal(signal.SIGINT)
            os.write(ours, b"y\n")
            assert lab.process.wait(120) == 0
            assert "Shut" in lab.output()
            assert saved(s3_store) == [LATE], lab.output()
    finally:
        os.close(ours)
        os.close(terminal)
