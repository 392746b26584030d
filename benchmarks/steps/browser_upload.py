"""A browser's upload: parts through the Jupyter server, which must not keep them."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measure import peak_bytes, reset_peak, resident_bytes
from benchmarks.server import Server
from benchmarks.table import Section, megabytes, seconds
from benchmarks.workbench import Workbench

AT_ONCE = 3
"""How many parts the panel has under way."""


def measure(bench: Workbench) -> list[Section]:
    """One body, in parts, as the panel sends it."""
    section = Section(
        "Upload through the Jupyter server",
        ("body", "time", "speed", "server's memory before", "at its peak", "growth"),
        f"{AT_ONCE} parts under way, as the panel has them; sent from this process.",
    )
    mirrored = bench.mirrored("browser")
    folder = bench.folder / "server-browser"
    with Server(mirrored, folder, WHEROBOTS_STORAGE_SYNC="false") as server:
        _send(server, mirrored.customer, 16 * 1024**2, "warm.bin")
        before = resident_bytes(server.pid)
        reset_peak(server.pid)
        taken = _send(server, mirrored.customer, bench.scale.body, "body.bin")
        peak = peak_bytes(server.pid)
    size = bench.scale.body
    speed = f"{size / taken / 1e6:,.0f} MB/s"
    cells = (megabytes(before), megabytes(peak), megabytes(peak - before))
    section.add(f"{size / 1024**2:,.0f} MiB", seconds(taken), speed, *cells)
    return [section]


def _send(server: Server, customer: str, size: int, name: str) -> float:
    begun = time.monotonic()
    path = f"/data/{customer}/{name}"
    ticket = server.request("POST", "uploads", {"path": path, "size": size, "mode": "create"})
    part_size = int(ticket["partSize"])
    body = random.Random(0).randbytes(part_size)

    def put(offset: int) -> None:
        piece = body[: min(part_size, size - offset)]
        number = str(offset // part_size + 1)
        server.request("PUT", "uploads/part", piece, id=ticket["id"], number=number)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, range(0, size, part_size)))
    server.request("POST", "uploads/complete", {"id": ticket["id"]})
    return time.monotonic() - begun
