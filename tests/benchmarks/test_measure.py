"""Costs are those of the process that is measured, its children included."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import lagprobe
from benchmarks.measure import Failed, cpu_seconds, peak_bytes, percentile, run, watching

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def python(code: str) -> list[str]:
    """A command that runs the code."""
    return [sys.executable, "-S", "-c", code]


def test_run_counts_cpu_and_memory() -> None:
    """CPU time and peak memory are the program's, however large the one is that measures it."""
    ballast = bytearray(250_000_000)
    cost = run(python(f"block = bytearray(80_000_000)\n{BURN}"), os.environ)
    assert 0.3 <= cost.cpu < 2
    assert cost.wall >= 0.3
    assert 80_000_000 < cost.peak < 200_000_000 < len(ballast)


def test_run_counts_children() -> None:
    """The CPU time of a program's own children belongs to it."""
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {BURN!r}])"
    assert run(python(code), os.environ).cpu >= 0.3


def test_run_counts_a_childs_memory() -> None:
    """Of a script that starts the program proper, the program's memory counts."""
    ballast = bytearray(250_000_000)
    child = f"block = bytearray(90_000_000)\n{BURN}"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {child!r}])"
    assert 90_000_000 < run(python(code), os.environ).peak < 200_000_000 < len(ballast)


def test_run_fails_aloud() -> None:
    """A program that fails is no result; what it said is told."""
    with pytest.raises(Failed, match="no such luck"):
        run(python("import sys; sys.exit('no such luck')"), os.environ)
    run(python("import sys; sys.exit(3)"), os.environ, allowed=(0, 3))


def test_watching_a_process() -> None:
    """Only what a process does during the block counts."""
    code = "import sys, time\nprint(flush=True)\nsys.stdin.read(1)\n" + BURN + "print(flush=True)\n"
    process = subprocess.Popen(
        python(code + "sys.stdin.read()"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdout.readline()
        before = cpu_seconds(process.pid)
        with watching(process.pid) as cost:
            process.stdin.write(b"x")
            process.stdin.flush()
            process.stdout.readline()
        assert 0.1 < cost.cpu <= cpu_seconds(process.pid) - before + 0.01
        assert 0 < cost.peak == peak_bytes(process.pid)
        process.stdin.close()


def test_own_cpu_clock() -> None:
    """The clock of a process's CPU time is the one that it sees itself."""
    assert abs(cpu_seconds(os.getpid()) - time.process_time()) < 0.1


def test_percentile() -> None:
    """The share of all values that it names is not above it."""
    values = [float(number) for number in range(100)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) == 0


def test_lags_of_a_span(tmp_path: Path) -> None:
    """Only samples between the two times count, and half a sample at the end does not."""
    path = tmp_path / "lags"
    samples = [(1.0, 0.1), (2.0, 0.2), (3.0, 0.3)]
    packed = b"".join(lagprobe.SAMPLE.pack(*sample) for sample in samples)
    path.write_bytes(packed + b"half")
    assert lagprobe.read(path, 1.5, 3.0) == [0.2, 0.3]
