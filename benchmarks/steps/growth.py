"""What grows with the number of files: time and memory of our agent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks import fixture
from benchmarks.agent import RunningAgent
from benchmarks.fixture import Shape
from benchmarks.measure import Cost
from benchmarks.steps.requests import requests_of_a_quiet_cycle
from benchmarks.table import Section, megabytes, seconds, told
from benchmarks.workbench import Workbench

FILES_PER_FOLDER = 40
MEAN_BYTES = 64

BAR_FILES = 100_000
"""The size of home that the bars are set for."""
MOST_CPU = 2.0
MOST_MEMORY = 250e6
MOST_GROWTH = 1.5
"""By how much the cost of a file may grow between the smallest home and the largest."""


@dataclass(frozen=True, slots=True)
class Point:
    """A home of one size: what its first sync, its agent, a quiet cycle and a restore cost."""

    files: int
    first: Cost
    peak: int
    quiet: Cost
    requests: int
    restored: Cost

    @property
    def cells(self) -> list[str]:
        """The row."""
        return [
            f"{self.files:,}",
            f"{seconds(self.first.wall)} ({seconds(self.first.cpu)})",
            _each(self.first, self.files),
            seconds(self.quiet.wall),
            seconds(self.quiet.cpu),
            f"{self.requests}",
            f"{seconds(self.restored.wall)} ({seconds(self.restored.cpu)})",
            _each(self.restored, self.files),
            megabytes(self.peak),
            megabytes(self.first.peak),
            megabytes(self.restored.peak),
        ]


def measure(bench: Workbench) -> list[Section]:
    """First sync, the agent's start, a quiet cycle and restore, for homes of growing size."""
    section = Section(
        "Growth",
        (
            "files",
            "first sync (CPU)",
            "CPU a file",
            "quiet cycle",
            "its CPU",
            "its requests",
            "restore (CPU)",
            "CPU a file",
            "agent's peak memory",
            "first sync's",
            "restore's",
        ),
        f"Small files ({MEAN_BYTES} bytes on average), {FILES_PER_FOLDER} in a folder. The agent's "
        "peak is over its start, which lists the mirror and scans the home, and its cycles. "
        "Requests are those to the store beside the lease's, of another agent's quiet cycle, "
        "counted by a relay between the two.",
    )
    points: list[Point] = []
    for files in bench.scale.growth:
        if points:
            # The last ones go with the workbench, after the table is written: it takes minutes.
            bench.forget(*_homes(bench, points[-1].files))
        points.append(_point(bench, files))
        section.add(*points[-1].cells)
    _set_bars(section, points)
    return [section]


def _point(bench: Workbench, files: int) -> Point:
    home, target = _homes(bench, files)
    ours = bench.mirrored(f"growth-{files}", home)
    fixture.make(ours.home, Shape(files, max(1, files // FILES_PER_FOLDER), files * MEAN_BYTES))
    first = told(f"{files:,} files", ours.sync())
    with RunningAgent(ours) as agent:
        peak = agent.peak()
        quiet = told("quiet cycle", agent.sync())
        peak = max(peak, quiet.peak)
    requests = requests_of_a_quiet_cycle(bench, ours)
    again = ours.elsewhere(target, bench.folder / f"state-restored-{files}")
    restored = told("restore", again.restore())
    return Point(files, first, peak, quiet, requests, restored)


def _homes(bench: Workbench, files: int) -> tuple[Path, Path]:
    """The home of so many files, and where it is restored to."""
    return bench.fresh(f"home-growth-{files}"), bench.folder / f"restored-{files}"


def _set_bars(section: Section, points: list[Point]) -> None:
    for point in points:
        if point.files == BAR_FILES:
            what = f"with {point.files:,} files"
            section.bar(f"CPU of a quiet cycle {what}", MOST_CPU, point.quiet.cpu, seconds)
            section.bar(f"requests of a quiet cycle {what}", 0, point.requests, "{:.0f}".format)
            section.bar(f"the agent's memory {what}", MOST_MEMORY, point.peak, megabytes)
    first, last = points[0], points[-1]
    if last is not first:
        what = f"CPU a file, of {last.files:,} to {first.files:,}, in the"
        for name, large, small in (
            ("first sync", last.first.cpu / last.files, first.first.cpu / first.files),
            ("restore", last.restored.cpu / last.files, first.restored.cpu / first.files),
        ):
            section.bar(f"{what} {name}", MOST_GROWTH, large / small, "{:.2f}".format)


def _each(cost: Cost, files: int) -> str:
    return f"{cost.cpu / files * 1000:.2f} ms"
