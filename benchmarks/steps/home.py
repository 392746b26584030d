"""One home, saved, looked at, changed and restored: by us and by each peer."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks import fixture
from benchmarks.agent import Mirrored, RunningAgent
from benchmarks.measure import Cost
from benchmarks.peers import Peer
from benchmarks.steps.requests import requests_of_a_quiet_cycle
from benchmarks.table import OURS, Limits, Section, compare, comparison, told
from benchmarks.workbench import Workbench

EVERY = 100
ROUNDS = 5
Costs = dict[str, Cost]


def measure(bench: Workbench) -> list[Section]:
    """First sync, a cycle without changes, one with 1% changed, and the restore."""
    home = bench.fresh("home")
    fixture.make(home, bench.scale.home)
    ours = bench.mirrored("home", home)
    peers = bench.peers
    first = {**_uploads(peers, home), OURS: told(OURS, ours.sync())}
    quiet = _uploads(peers, home)
    with RunningAgent(ours) as agent:
        quiet[OURS] = told(OURS, _median(agent.sync))
        fixture.change(home, EVERY)
        changed = {OURS: told(OURS, agent.sync())}
    changed |= _uploads(peers, home)
    requests = requests_of_a_quiet_cycle(bench, ours)
    restored = _downloads(bench, peers, ours)
    shape = bench.scale.home
    size = f"{shape.files:,} files, {shape.total / 1e6:,.0f} MB, {shape.folders} folders"
    below = Limits(wall=1.0, cpu=1.0, strict=True)
    return [
        _section("First sync", f"{size}; each program from its start to its end.", first, below),
        _section(
            "A cycle without changes",
            f"Ours in the running agent (median of {ROUNDS}), with {requests} S3 requests beside "
            "the lease's, counted in such a cycle by a relay between the agent and the store; the "
            "peers are run again, as they have no agent.",
            quiet,
            Limits(wall=0.1),
        ),
        _section(
            "1% changed", "As above, with every hundredth file rewritten.", changed, Limits(0.15)
        ),
        _section("Restore", "Into an empty folder, in a new state.", restored, below),
    ]


def _section(title: str, note: str, costs: Costs, limits: Limits) -> Section:
    section = comparison(title, note)
    ordered = {name: costs[name] for name in sorted(costs, key=lambda it: it != OURS)}
    compare(section, ordered, limits)
    return section


def prefix(peer: Peer) -> str:
    """Where in the bucket a peer's copy lies."""
    return f"peers/{peer.name.split()[0]}/"


def _uploads(peers: list[Peer], home: Path) -> Costs:
    return {peer.name: told(peer.name, peer.upload(home, prefix(peer))) for peer in peers}


def _downloads(bench: Workbench, peers: list[Peer], ours: Mirrored) -> Costs:
    # None is removed before all are there: for minutes ext4 passes over each inode that was
    # deleted, which makes a new file cost whoever comes next four times as much (measured).
    targets = {peer.name: bench.fresh(f"restored-by-{prefix(peer)}") for peer in peers}
    costs = {
        peer.name: told(peer.name, peer.download(prefix(peer), targets[peer.name]))
        for peer in peers
    }
    target = bench.folder / "restored"
    again = ours.elsewhere(target, bench.folder / "state-restored")
    costs[OURS] = told(OURS, again.restore())
    bench.forget(target, *targets.values())
    return costs


def _median(work: Callable[[], Cost]) -> Cost:
    costs = [work() for _ in range(ROUNDS)]
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.peak for cost in costs),
    )
