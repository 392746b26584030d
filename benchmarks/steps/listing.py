"""A folder with very many files, listed page by page through the API."""

from __future__ import annotations

import time

from benchmarks.measure import cpu_seconds, percentile
from benchmarks.server import Server
from benchmarks.table import Section, milliseconds, seconds
from benchmarks.workbench import Workbench
from wherobots_storage.objectstore.connect import open_transfers
from wherobots_storage.objectstore.store import PutRequest


def measure(bench: Workbench) -> list[Section]:
    """All pages of one folder, as the panel fetches them."""
    section = Section(
        "Listing a folder",
        ("entries", "pages", "all", "first page", "page p95", "server's CPU"),
        "Through the API, 1,000 entries a page.",
    )
    mirrored = bench.mirrored("listing")
    path = f"/data/{mirrored.customer}/many/"
    _fill(bench, mirrored.settings.require_tenancy().root.prefix + path.lstrip("/"))
    folder = bench.folder / "server-listing"
    with Server(mirrored, folder, WHEROBOTS_STORAGE_SYNC="false") as server:
        server.request("GET", "files", path=path, limit="1")
        before = cpu_seconds(server.pid)
        entries, pages = _list(server, path)
        cpu = cpu_seconds(server.pid) - before
    section.add(
        f"{entries:,}",
        f"{len(pages)}",
        seconds(sum(pages)),
        milliseconds(pages[0]),
        milliseconds(percentile(pages, 0.95)),
        seconds(cpu),
    )
    return [section]


def _fill(bench: Workbench, prefix: str) -> None:
    store = bench.connect()
    transfers = open_transfers(store)
    try:
        futures = [
            transfers.submit_put(PutRequest(f"{prefix}entry-{number:07d}.txt", b"x"))
            for number in range(bench.scale.listing)
        ]
        for future in futures:
            future.result()
    finally:
        transfers.close()
        store.close()


def _list(server: Server, path: str) -> tuple[int, list[float]]:
    """How many entries came, and how long each page took."""
    entries, pages = 0, []
    cursor: str | None = ""
    while cursor is not None:
        begun = time.monotonic()
        more = {"cursor": cursor} if cursor else {}
        page = server.request("GET", "files", path=path, **more)
        pages.append(time.monotonic() - begun)
        entries += len(page["entries"])
        cursor = page["cursor"]
    return entries, pages
