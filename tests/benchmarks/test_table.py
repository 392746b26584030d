"""Tables say what was measured, and set it beside the best of the peers."""

from __future__ import annotations

from benchmarks.measure import Cost
from benchmarks.table import OURS, Limits, Section, compare, comparison, seconds, summary


def test_comparison() -> None:
    """Each peer has its ratios, and the last line those to the best of them, wall and CPU apart."""
    section = comparison("First sync", "A note.")
    costs = {OURS: Cost(2, 1, 50_000_000), "one": Cost(4, 10), "two": Cost(8, 5)}
    compare(section, costs)
    assert section.markdown() == (
        "## First sync\n\nA note.\n\n"
        "| program | wall | CPU | peak memory | wall, ours to it | CPU, ours to it |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| wherobots-storage | 2.00 s | 1.00 s | 50 MB |  |  |\n"
        "| one | 4.00 s | 10.0 s |  | 0.50 | 0.10 |\n"
        "| two | 8.00 s | 5.00 s |  | 0.25 | 0.20 |\n"
        "| *the best of the peers* | 4.00 s | 5.00 s |  | **0.50** | **0.20** |\n"
    )


def test_section_without_a_note() -> None:
    """A table may stand without words."""
    section = Section("Title", ("a", "b"))
    section.add("1", "2")
    assert section.markdown() == "## Title\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_bars_to_the_best_peer() -> None:
    """A bar says how much of the best peer's ours may take, what it takes, and the verdict."""
    section = comparison("First sync")
    costs = {OURS: Cost(2, 5), "one": Cost(4, 10), "two": Cost(8, 5)}
    compare(section, costs, Limits(wall=0.5, cpu=0.9))
    assert [bar.is_met for bar in section.bars] == [True, False]
    assert section.markdown().endswith(
        "- Bar: wall time, to that of the best peer, at most 0.50; 0.50: met.\n"
        "- Bar: CPU time, to that of the best peer, at most 0.90; 1.00: **missed**.\n"
    )


def test_bars_to_one_peer() -> None:
    """A bar may be set beside one peer; a strict one is missed by an equal."""
    section = comparison("Up")
    costs = {OURS: Cost(8, 1), "one": Cost(4, 10), "two": Cost(8, 5)}
    compare(section, costs, Limits(wall=1, peer="two", strict=True))
    ((_, wanted, measured, verdict),) = [bar.cells() for bar in section.bars]
    assert (wanted, measured, verdict) == ("below 1.00", "1.00", "**missed**")


def test_no_bar_without_peers() -> None:
    """Without a peer there is nothing to be better than."""
    section = comparison("First sync")
    compare(section, {OURS: Cost(2, 5)}, Limits(wall=1))
    assert section.bars == []


def test_summary() -> None:
    """All bars of all sections, under the titles of their sections."""
    section = Section("Save to durable", ("p95",))
    section.bar("p95", 2.0, 1.0, seconds)
    assert summary([Section("Other", ("a",)), section]).rows == [
        ("Save to durable", "p95", "at most 2.00 s", "1.00 s", "met")
    ]
