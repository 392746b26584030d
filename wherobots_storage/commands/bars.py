"""Progress on a terminal: rich's bars, one for every phase, by bytes where the phase has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from wherobots_storage.api.models import Progress as Step
from wherobots_storage.commands.output import PHASES, said


@contextmanager
def bars(stream: TextIO) -> Iterator[Callable[[Step], None]]:
    """A callback to tell progress to; the bars go at the end."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as shown:
        yield _Bars(shown)


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: Step) -> None:
        if step.phase not in self._tasks:
            self._tasks[step.phase] = self._bars.add_task(PHASES[step.phase], total=None, said="")
        by_bytes = bool(step.total_bytes)
        self._bars.update(
            self._tasks[step.phase],
            completed=step.bytes if by_bytes else step.files,
            total=step.total_bytes if by_bytes else step.total_files,
            said=said(step),
        )
