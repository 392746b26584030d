"""Run make targets one after the other, stop at the first that fails, and tell what was done."""

from __future__ import annotations

import os
import subprocess
import sys
import time


def main(targets: list[str]) -> int:
    """Run ``targets`` and return what the first failing one returned, or 0."""
    took: list[tuple[str, str, float]] = []
    status = 0
    # Colours and jobs are this make's affair; the targets run one by one.
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    for target in targets:
        print(f"\n=== {target}", flush=True)
        began = time.monotonic()
        status = subprocess.run(
            ["make", "--no-print-directory", target], check=False, env=environment
        ).returncode
        took.append((target, "FAILED" if status else "passed", time.monotonic() - began))
        if status:
            break
    print("\n=== summary")
    for target, outcome, seconds in took:
        print(f"  {outcome:7} {target:18} {seconds:7.1f} s")
    for target in targets[len(took) :]:
        print(f"  not run {target}")
    failures = sum(outcome == "FAILED" for _, outcome, _ in took)
    print(f"\n{len(took) - failures} passed, {failures} failed", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
