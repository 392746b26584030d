"""The agent as a process of its own, as a server starts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.errors import AgentUnavailable
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.handover import settings_to_json
from wherobots_storage.sync.state import StateFolder

AGENT = (sys.executable, "-m", "wherobots_storage", "agent")

SERVER = """
import subprocess, sys, time
agent = subprocess.Popen(
    [sys.executable, "-m", "wherobots_storage", "agent"],
    stdin=subprocess.PIPE, start_new_session=True,
)
agent.stdin.write(sys.argv[1].encode() + b"\\n")
agent.stdin.flush()
print(agent.pid, flush=True)
time.sleep(600)
"""
"""A server that starts an agent with the settings of its argument, prints its pid, and stays."""


@contextmanager
def agent_process(
    settings: Settings, *, wrapper: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """An agent; it is killed at the end, if it still lives. ``wrapper``: a program to run it."""
    process = subprocess.Popen(
        [*wrapper, *AGENT],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(settings_to_json(settings) + b"\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdin.close()


def status_of(settings: Settings) -> SyncStatus | None:
    """What the running agent of these settings says; None while there is none that answers."""
    try:
        return AgentClient(StateFolder.for_settings(settings).socket_path).status(timeout=10.0)
    except AgentUnavailable:
        return None


def is_idle(settings: Settings) -> bool:
    """Whether the agent of these settings is idle, and has synced."""
    status = status_of(settings)
    return status is not None and status.state == "idle" and status.last_synced is not None
