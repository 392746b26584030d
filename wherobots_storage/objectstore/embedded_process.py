"""The process of the embedded store: who has its folder, and how it is ended."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

STOP_SECONDS = 6.0
"""A clean stop takes two. After a minute or more, SeaweedFS 4.48 at times waits for ever for its
own administration service; by then it takes no more requests, and SIGKILL loses nothing of what
it has acknowledged (it is with the kernel).
"""


def try_lock(lock: int) -> bool:
    """Take the lock of an open file; False when another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True


def try_lock_for(lock: int, seconds: float) -> bool:
    """Try again for a while: a process with threads is a zombie before the last one lets go."""
    deadline = time.monotonic() + seconds
    while not try_lock(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def end_process(pid: int, born: str) -> None:
    """End a process that is not our child, and was born then (see ``birth``)."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while birth(pid) == born:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                time.sleep(0.5)
                return
            time.sleep(0.1)


def birth(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def end(process: subprocess.Popen[bytes]) -> None:
    """End a child, and wait until it has ended."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
