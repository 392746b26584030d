"""Whether the Jupyter server answers at once while its agent works."""

from __future__ import annotations

import time

from benchmarks import fixture, lagprobe
from benchmarks.agent import Mirrored
from benchmarks.measure import percentile
from benchmarks.server import Server
from benchmarks.table import Section, milliseconds, seconds
from benchmarks.workbench import Workbench

MOST_LAG = 0.020


def measure(bench: Workbench) -> list[Section]:
    """The lag of the server's event loop, idle, in a first sync, in a restore."""
    section = Section(
        "The Jupyter server's event loop",
        ("while", "for", "lag p50", "lag p99", "lag at most", "p99 above idle"),
        f"How much later than asked a sleep of {milliseconds(lagprobe.PERIOD)} ends.",
    )
    idle = _idle(bench)
    syncing, restoring = _working(bench)
    floor = percentile(idle, 0.99)
    for name, lags in (("idle", idle), ("first sync", syncing), ("restore", restoring)):
        worst = percentile(lags, 0.99)
        duration = sum(lags) + len(lags) * lagprobe.PERIOD
        section.add(
            name,
            seconds(duration),
            milliseconds(percentile(lags, 0.5)),
            milliseconds(worst),
            milliseconds(max(lags, default=0.0)),
            milliseconds(worst - floor),
        )
        if lags is not idle:
            section.bar(f"p99 above idle, {name},", MOST_LAG, worst - floor, milliseconds)
    return [section]


def _idle(bench: Workbench) -> list[float]:
    with Server(bench.mirrored("idle"), bench.folder / "server-idle") as server:
        server.wait_state("idle")
        time.sleep(1.0)
        begin = time.monotonic()
        time.sleep(bench.scale.idle_seconds)
        return lagprobe.read(server.lags, begin, time.monotonic())


def _working(bench: Workbench) -> tuple[list[float], list[float]]:
    ours = bench.mirrored("loop")
    fixture.make(ours.home, bench.scale.home)
    syncing = _until_synced(bench, ours, "server-sync")
    bench.forget(ours.home)
    again = ours.elsewhere(
        bench.folder / "home-loop-restored", bench.folder / "state-loop-restored"
    )
    restoring = _until_synced(bench, again, "server-restore")
    bench.forget(again.home)
    return syncing, restoring


def _until_synced(bench: Workbench, mirrored: Mirrored, name: str) -> list[float]:
    with Server(mirrored, bench.folder / name) as server:
        begin = time.monotonic()
        while not server.wait_state("idle")["lastSynced"]:
            time.sleep(0.2)
        return lagprobe.read(server.lags, begin, time.monotonic())
