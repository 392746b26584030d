"""A Jupyter server extension that writes down how late the event loop is, again and again."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from pathlib import Path
from typing import Any

VARIABLE = "BENCH_LAG_FILE"
PERIOD = 0.005
SAMPLE = struct.Struct("dd")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "benchmarks.lagprobe"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:  # noqa: ANN401 - a ServerApp
    serverapp.io_loop.add_callback(_probe, Path(os.environ[VARIABLE]))


async def _probe(path: Path) -> None:
    """Sleep a little and see how much longer it was; unbuffered, as the server may be killed."""
    with path.open("ab", buffering=0) as file:
        while True:
            due = time.monotonic() + PERIOD
            await asyncio.sleep(PERIOD)
            now = time.monotonic()
            file.write(SAMPLE.pack(now, max(0.0, now - due)))


def read(path: Path, begin: float, end: float) -> list[float]:
    """The lags, in seconds, of the samples between two times of the monotonic clock."""
    data = path.read_bytes()
    whole = data[: len(data) // SAMPLE.size * SAMPLE.size]
    return [lag for moment, lag in SAMPLE.iter_unpack(whole) if begin <= moment <= end]
