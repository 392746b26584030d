"""What was measured, as lines of a table: for the screen and for the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.measure import Cost

OURS = "wherobots-storage"
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure is to be: at most ``most``, or below it if ``strict``."""

    what: str
    most: float
    measured: float
    unit: Callable[[float], str]
    strict: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure is what it is to be."""
        return self.measured < self.most if self.strict else self.measured <= self.most

    def cells(self) -> tuple[str, str, str, str]:
        """What it is of, the bar, the figure, and whether it is met."""
        word = "below" if self.strict else "at most"
        verdict = "met" if self.is_met else "**missed**"
        return self.what, f"{word} {self.unit(self.most)}", self.unit(self.measured), verdict


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a title, a few words on how it was measured, and the bars that were set."""

    title: str
    columns: Sequence[str]
    note: str = ""
    rows: list[Sequence[str]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        """Add a row."""
        self.rows.append(cells)

    def bar(
        self,
        what: str,
        most: float,
        measured: float,
        unit: Callable[[float], str],
        *,
        strict: bool = False,
    ) -> None:
        """Say what a figure of this section is to be."""
        self.bars.append(Bar(what, most, measured, unit, strict))

    def markdown(self) -> str:
        """The section as Markdown."""
        lines = [f"## {self.title}", ""]
        if self.note:
            lines += [self.note, ""]
        lines += [_line(self.columns), _line("---" for _ in self.columns)]
        lines += [_line(row) for row in self.rows]
        if self.bars:
            lines.append("")
        for bar in self.bars:
            what, wanted, measured, verdict = bar.cells()
            lines.append(f"- Bar: {what} {wanted}; {measured}: {verdict}.")
        return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def summary(sections: Iterable[Section]) -> Section:
    """All bars of all sections, met or not, at a glance."""
    found = Section("Bars", ("step", "of", "bar", "measured", ""))
    for section in sections:
        for bar in section.bars:
            found.add(section.title, *bar.cells())
    return found


def comparison(title: str, note: str = "") -> Section:
    """An empty table for one step, ours and the peers' side by side."""
    columns = ("program", "wall", "CPU", "peak memory", "wall, ours to it", "CPU, ours to it")
    return Section(title, columns, note)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of the best of the peers ours may take; None: as much as it likes.

    ``strict``: only less will do. ``peer``: of this one's, not of the best's.
    """

    wall: float | None = None
    cpu: float | None = None
    strict: bool = False
    peer: str | None = None


def compare(section: Section, costs: Mapping[str, Cost], limits: Limits = Limits()) -> None:
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
        _limit(section, costs, costs.get(limits.peer or "", fastest), limits)


def _limit(section: Section, costs: Mapping[str, Cost], beside: Cost, limits: Limits) -> None:
    whose = limits.peer or "the best peer"
    for name, most, mine, theirs in (
        ("wall time", limits.wall, costs[OURS].wall, beside.wall),
        ("CPU time", limits.cpu, costs[OURS].cpu, beside.cpu),
    ):
        if most is not None and theirs:
            what = f"{name}, to that of {whose},"
            section.bar(what, most, mine / theirs, "{:.2f}".format, strict=limits.strict)


def told(what: str, cost: Cost) -> Cost:
    """The cost, after a line on the screen: a full run takes long, and shows that it lives."""
    peak = f", at most {megabytes(cost.peak)}" if cost.peak else ""
    print(f"  {what}: {seconds(cost.wall)}, CPU {seconds(cost.cpu)}{peak}", flush=True)
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
