"""What was measured, as lines of a table: for the screen and for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.measure import Cost

OURS = "wherobots-storage"
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title, and a few words on how it was measured."""

    title: str
    columns: Sequence[str]
    note: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)

    def markdown(self) -> str:
        """The section as Markdown."""
        lines = [f"## {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += [_line(self.columns), _line("---" for _ in self.columns)]
        lines += [_line(row) for row in self.rows]
        return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def comparison(title: str, note: str = "") -> Section:
    """An empty table for one step, ours and the peers' side by side."""
    columns = ("program", "wall", "CPU", "peak memory", "wall, ours to it", "CPU, ours to it")
    return Section(title, columns, note)


def compare(section: Section, costs: dict[str, Cost]) -> None:
    """Fill a comparison; our costs are those of ``OURS``. A ratio below 1: ours is less."""
    ours = costs[OURS]
    for name, cost in costs.items():
        ratios = ("", "") if name == OURS else (ratio(ours.wall, cost.wall), _cpu(ours, cost))
        section.add(name, seconds(cost.wall), seconds(cost.cpu), megabytes(cost.peak), *ratios)
    peers = [cost for name, cost in costs.items() if name != OURS]
    if peers:
        fastest = Cost(min(cost.wall for cost in peers), min(cost.cpu for cost in peers))
        wall, cpu = ratio(ours.wall, fastest.wall), _cpu(ours, fastest)
        section.add("*the best of the peers*", seconds(fastest.wall), seconds(fastest.cpu), "",
                    f"**{wall}**", f"**{cpu}**")  # fmt: skip


def told(what: str, cost: Cost) -> Cost:
    """The cost, after a line on the screen: a full run takes long, and shows that it lives."""
    print(f"  {what}: {seconds(cost.wall)}, CPU {seconds(cost.cpu)}", flush=True)
    return cost


def _cpu(ours: Cost, other: Cost) -> str:
    return ratio(ours.cpu, other.cpu)


def ratio(ours: float, other: float) -> str:
    """How much of the other's ours is."""
    return f"{ours / other:.2f}" if other else "-"


def seconds(value: float) -> str:
    """Seconds with three digits that matter, or so."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"  # noqa: PLR2004


def milliseconds(value: float) -> str:
    """Seconds as milliseconds."""
    return f"{value * 1000:.1f} ms"


def megabytes(value: float) -> str:
    """Bytes as megabytes; nothing where there is no figure."""
    return f"{value / _MB:,.0f} MB" if value else ""
