"""One large file, up and down."""

from __future__ import annotations

from benchmarks import fixture
from benchmarks.measure import Cost
from benchmarks.steps.home import prefix
from benchmarks.table import OURS, Limits, Section, compare, comparison, told
from benchmarks.workbench import Workbench

SPEED = 0.9
"""How much of s5cmd's speed ours is to have at least."""


def measure(bench: Workbench) -> list[Section]:
    """Up by us and by each peer, then down."""
    home = bench.fresh("home-large")
    fixture.make_large(home / "large.bin", bench.scale.large)
    ours = bench.mirrored("large", home)
    up: dict[str, Cost] = {OURS: told(OURS, ours.sync())}
    down: dict[str, Cost] = {}
    target, state = bench.folder / "large-restored", bench.folder / "state-large-restored"
    down[OURS] = told(OURS, ours.elsewhere(target, state).restore())
    bench.forget(target)
    for peer in bench.peers:
        where = f"{prefix(peer)}large/"
        up[peer.name] = told(peer.name, peer.upload(home, where))
        target = bench.fresh("large-by-peer")
        down[peer.name] = told(peer.name, peer.download(where, target))
        bench.forget(target)
    bench.forget(home)
    size = f"{bench.scale.large / 1024**2:,.0f} MiB"
    sections = [
        comparison(f"One file of {size}, up", "Ours reads it twice: the hash travels with it."),
        comparison(f"One file of {size}, down", "Ours checks the hash."),
    ]
    for section, costs in zip(sections, (up, down), strict=True):
        compare(section, costs, Limits(wall=1 / SPEED, peer="s5cmd"))
    return sections
