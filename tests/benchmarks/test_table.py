"""Tables say what was measured, and set it beside the best of the peers."""

from __future__ import annotations

from benchmarks.measure import Cost
from benchmarks.table import OURS, Section, compare, comparison


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
