"""One large file, up and down."""

from __future__ import annotations

from pathlib import Path

from benchmarks import fixture
from benchmarks.measure import Cost
from benchmarks.steps.home import prefix
from benchmarks.table import OURS, Limits, Section, compare, comparison, told
from benchmarks.workbench import Workbench

SPEED = 0.9
"""How much of s5cmd's speed ours is to have at least."""

TWICE = (
    "The mean of two rounds, the second in the opposite order: what one program leaves to be "
    "written to the disk slows the next one down."
)


def measure(bench: Workbench) -> list[Section]:
    """Up and down by us and by each peer, in this order and then in the other."""
    home = bench.fresh("home-large")
    fixture.make_large(home / "large.bin", bench.scale.large)
    names = [OURS, *(peer.name for peer in bench.peers)]
    up, down = {name: Cost() for name in names}, {name: Cost() for name in names}
    for number, order in enumerate((names, names[::-1])):
        for name in order:
            there, back = _trip(bench, home, name, number)
            up[name] += told(name, there)
            down[name] += told(name, back)
    bench.forget(home)
    up, down = _halves(up), _halves(down)
    size = f"{bench.scale.large / 1024**2:,.0f} MiB"
    sections = [
        comparison(f"One file of {size}, up", f"Ours reads it twice: the hash travels. {TWICE}"),
        comparison(f"One file of {size}, down", f"Ours checks the hash. {TWICE}"),
    ]
    for section, costs in zip(sections, (up, down), strict=True):
        compare(section, costs, Limits(wall=1 / SPEED, peer="s5cmd"))
    return sections


def _trip(bench: Workbench, home: Path, name: str, number: int) -> tuple[Cost, Cost]:
    """One program's upload to a place of its own, and the download from there."""
    target = bench.folder / f"large-back-{number}"
    if name == OURS:
        ours = bench.mirrored(f"large-{number}", home)
        costs = ours.sync(), ours.elsewhere(target, bench.folder / f"state-back-{number}").restore()
    else:
        peer = next(peer for peer in bench.peers if peer.name == name)
        where = f"{prefix(peer)}large-{number}/"
        target.mkdir()
        costs = peer.upload(home, where), peer.download(where, target)
    bench.forget(target)
    return costs


def _halves(costs: dict[str, Cost]) -> dict[str, Cost]:
    return {name: cost.each(2) for name, cost in costs.items()}
