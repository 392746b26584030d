"""How long a save takes to be in the bucket, while the agent watches the home."""

from __future__ import annotations

import random
import time
from pathlib import Path

from benchmarks import fixture
from benchmarks.agent import RunningAgent
from benchmarks.fixture import SEED, Shape
from benchmarks.measure import Failed, percentile
from benchmarks.table import Section, seconds
from benchmarks.workbench import Workbench
from wherobots_storage.errors import NotFound
from wherobots_storage.objectstore.s3 import S3Store

AROUND = Shape(1_000, 25, 11_500_000)
"""What else lies in the home."""

BYTES = 20_000
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 300.0
MOST_P95 = 2.0
_POLL_SECONDS = 0.01


def measure(bench: Workbench) -> list[Section]:
    """One save after another: half of them new files, half over an older version."""
    section = Section(
        "Save to durable",
        ("saves", "p50", "p95", "at most"),
        f"From the end of a save until the bucket itself gives these bytes, got every "
        f"{_POLL_SECONDS * 1000:.0f} ms, in a home of {AROUND.files:,} other files. Between two "
        f"saves pass up to {PAUSE_SECONDS} s, at random.",
    )
    ours = bench.mirrored("durable")
    fixture.make(ours.home, AROUND)
    prefix = f"{ours.settings.require_tenancy().root.prefix}notebooks/{ours.customer}/"
    store = bench.connect()
    try:
        with RunningAgent(ours):
            waits = _saves(store, ours.home, prefix, bench.scale.saves)
    finally:
        store.close()
    bench.forget(ours.home)
    p95 = percentile(waits, 0.95)
    cells = (seconds(percentile(waits, 0.5)), seconds(p95), seconds(max(waits)))
    section.add(f"{len(waits)}", *cells)
    section.bar("p95", MOST_P95, p95, seconds)
    return [section]


def _saves(store: S3Store, home: Path, prefix: str, count: int) -> list[float]:
    dice = random.Random(SEED)
    waits = []
    for number in range(count):
        time.sleep(dice.uniform(0, PAUSE_SECONDS))
        name = f"area-1/saved-{number // 2}.ipynb"
        body = dice.randbytes(BYTES)
        (home / name).write_bytes(body)
        waits.append(_until_there(store, prefix + name, body))
    return waits


def _until_there(store: S3Store, key: str, body: bytes) -> float:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE_SECONDS:
        try:
            with store.get(key) as found:
                if b"".join(found.chunks()) == body:
                    return time.monotonic() - begun
        except NotFound:
            pass
        time.sleep(_POLL_SECONDS)
    raise Failed(f"{key} is not there after {PATIENCE_SECONDS:.0f} s")
