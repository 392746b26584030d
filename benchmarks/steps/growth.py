"""What grows with the number of files: time and memory of our agent."""

from __future__ import annotations

from benchmarks import fixture
from benchmarks.agent import RunningAgent
from benchmarks.fixture import Shape
from benchmarks.table import Section, megabytes, seconds, told
from benchmarks.workbench import Workbench

FILES_PER_FOLDER = 40
MEAN_BYTES = 64


def measure(bench: Workbench) -> list[Section]:
    """First sync, the agent's start, a quiet cycle and restore, for homes of growing size."""
    section = Section(
        "Growth",
        (
            "files",
            "first sync (CPU)",
            "CPU per 1,000 files",
            "quiet cycle",
            "its CPU",
            "restore (CPU)",
            "agent's peak memory",
            "first sync's",
            "restore's",
        ),
        f"Small files ({MEAN_BYTES} bytes on average), {FILES_PER_FOLDER} in a folder. The agent's "
        "peak is over its start, which lists the mirror and scans the home, and its cycles.",
    )
    for files in bench.scale.growth:
        section.add(*_point(bench, files))
    return [section]


def _point(bench: Workbench, files: int) -> list[str]:
    name = f"growth-{files}"
    ours = bench.mirrored(name)
    fixture.make(ours.home, Shape(files, max(1, files // FILES_PER_FOLDER), files * MEAN_BYTES))
    first = told(f"{files:,} files", ours.sync())
    with RunningAgent(ours) as agent:
        peak = agent.peak()
        quiet = agent.sync()
        peak = max(peak, quiet.peak)
    bench.forget(ours.home)
    target = bench.folder / f"restored-{files}"
    again = ours.elsewhere(target, bench.folder / f"state-restored-{files}")
    restored = told("restore", again.restore())
    bench.forget(target)
    return [
        f"{files:,}",
        f"{seconds(first.wall)} ({seconds(first.cpu)})",
        seconds(first.cpu / files * 1000),
        seconds(quiet.wall),
        seconds(quiet.cpu),
        f"{seconds(restored.wall)} ({seconds(restored.cpu)})",
        megabytes(peak),
        megabytes(first.peak),
        megabytes(restored.peak),
    ]
