"""Starting the agent's process, and the pipe that ties it to the process that started it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import wherobots_storage

COMMAND = (sys.executable, "-X", "utf8", "-P", "-m", "wherobots_storage", "agent")
"""``-P``: the working directory is often the home, whose ``random.py`` is no module of ours.
``-X utf8``: in another encoding the names of files would be other keys."""


def spawn_agent(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start it; does not wait. Raises OSError when no process can be made."""
    # A session of its own: a terminal's Ctrl-C must not reach it. The pipe is the lifeline:
    # whatever ends this process closes it, and the agent then makes its final sync.
    with _signals_held():
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env=_environment(),
        )


def say(process: subprocess.Popen[bytes], line: bytes) -> None:
    """Write a line to the pipe; nobody may be there to read it."""
    if process.stdin is not None and not process.stdin.closed:
        with contextlib.suppress(OSError):
            process.stdin.write(line)
            process.stdin.flush()


def close_lifeline(process: subprocess.Popen[bytes]) -> None:
    """Close the pipe, which tells the agent to end."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Processes started here begin with SIGTERM and SIGINT held back.

    The agent lets them through once it can answer them: until then they would end it at once,
    and with it the final sync.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _environment() -> dict[str, str]:
    """This process's environment, credentials' variables included; a checkout is made findable."""
    environment = os.environ.copy()
    package = Path(wherobots_storage.__file__).parent.parent
    if not {"site-packages", "dist-packages"}.intersection(package.parts):
        paths = (environment.get("PYTHONPATH"), str(package))
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment
