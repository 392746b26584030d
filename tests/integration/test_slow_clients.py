"""Clients that stall, trickle, lie about lengths or never read, at a real server's real port.

The server waits for seconds here where it waits for minutes otherwise. Whatever such clients do,
others are served meanwhile, little memory is held for them, and they leave nothing in the store.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.clients import SECONDS, Client
from support.lab import LabServer, peak_rss
from support.server import API, CUSTOMER, OWN

from wherobots_storage.handlers.backend import PART_STREAMS
from wherobots_storage.handlers.upload_parts import PART_BYTES
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import ObjectInfo

pytestmark = [pytest.mark.store, pytest.mark.timeout(300)]

PROGRAM = Path(__file__).parent.parent / "support" / "impatient.py"
MIB = 1024**2
KEY = f"org/data/{CUSTOMER}/"
ENTRIES = 1000
LISTINGS = 60
OK = b"HTTP/1.1 200"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def store(seaweed: EmbeddedStore) -> Iterator[S3Store]:
    """A bucket with a large file and a large folder of the user's."""
    bucket = f"slow-{uuid.uuid4().hex[:12]}"
    seaweed.create_bucket(bucket)
    store = connect(bucket, seaweed.environment())
    store.put(f"{KEY}large", bytes(32 * MIB))
    with ThreadPoolExecutor(16) as pool:
        keys = [f"{KEY}many/{'n' * 200}-{number:04}" for number in range(ENTRIES)]
        list(pool.map(lambda key: store.put(key, b""), keys))
    yield store
    store.close()


@pytest.fixture(scope="module")
def lab(
    store: S3Store, seaweed: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabServer]:
    """A server of that user's, with little patience."""
    environment = {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{store.connection.bucket}/org/",
        "WHEROBOTS_STORAGE_CUSTOMER": CUSTOMER,
        "WHEROBOTS_STORAGE_SYNC": "false",
        "WHEROBOTS_STORAGE_STATE": str(tmp_path_factory.mktemp("state")),
    }
    home = tmp_path_factory.mktemp("home")
    with LabServer(home, environment, program=[str(PROGRAM)]) as lab:
        yield lab


@dataclass
class Crowd:
    """All of them at once, each in the middle of what it never ends."""

    silent: list[Client]
    """Have sent nothing."""
    heads: list[Client]
    """Have sent half of a request's head."""
    stopped: list[Client]
    """Have sent the beginning of a body: with a length and without, strangers too."""
    uploads: dict[str, Client]
    """By name of the file: have sent half of its first part."""
    waiting: Client
    """Has sent a part whole, after as many stalled ones as may stream at once."""
    downloading: Client
    """Reads nothing of a file of 32 MiB."""
    listing: Client
    """Has asked for one listing after the other, and reads none."""


def asked(path: str, size: int) -> dict[str, object]:
    """What begins an upload."""
    return {"path": path, "size": size, "mode": "create"}


def begin_upload(lab: LabServer, name: str, size: int, number: int = 1) -> str:
    """Begin an upload to the user's folder; the route of one of its parts."""
    ticket: Any = lab.fetch(f"{API}/uploads", method="POST", body=asked(f"{OWN}{name}", size))
    return f"uploads/part?id={ticket['id']}&number={number}"


def stall(lab: LabServer, client: Client, name: str, size: int, length: str = "") -> Client:
    """Send half of an upload's first part, and no more."""
    first = min(size, PART_BYTES)
    client.begin("PUT", begin_upload(lab, name, size), length or f"Content-Length: {first}")
    with contextlib.suppress(ConnectionError):  # Where we stood still it was given up already.
        client.send(b"%x\r\n" % first + bytes(first // 2))
    return client


@pytest.fixture(scope="module")
def connect_to(lab: LabServer) -> Iterator[Callable[..., Client]]:
    """Makes clients, and closes them at the end."""
    with contextlib.ExitStack() as stack:

        def make(**options: Any) -> Client:
            client = Client(lab, **options)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture(scope="module")
def crowd(lab: LabServer, connect_to: Callable[..., Client]) -> Crowd:
    """They have come."""
    silent = [connect_to() for _ in range(100)]
    heads = [connect_to() for _ in range(20)]
    for byte in f"GET /{API}/config HTTP/1.1\r\nX-Slow: ".encode():
        for client in heads:
            client.send(bytes([byte]))
    stopped = []
    for length in ("Content-Length: 1000", CHUNKED):
        for token in (None, "a-stranger"):
            client = connect_to()
            client.begin("POST", "folders", length, token=token)
            with contextlib.suppress(ConnectionError):  # as above
                client.send(b'2\r\n{"\r\n')
            stopped.append(client)
    uploads = {
        "held": stall(lab, connect_to(), "held", 1000),
        "held, chunked": stall(lab, connect_to(), "held, chunked", 1000, CHUNKED),
    }
    for number in range(PART_STREAMS):
        name, length = f"streamed {number}", CHUNKED if number % 2 else ""
        uploads[name] = stall(lab, connect_to(), name, 2 * PART_BYTES, length)
    waiting = connect_to()
    part = begin_upload(lab, "waiting", PART_BYTES + 1, number=2)
    waiting.begin("PUT", part, "Content-Length: 1", "Connection: close")
    waiting.send(b"x")
    downloading, listing = connect_to(window=4096), connect_to(window=4096)
    downloading.begin("GET", f"files/content?path={OWN}large")
    for _ in range(LISTINGS):
        listing.begin("GET", f"files?path={OWN}many/&limit={ENTRIES}")
    return Crowd(silent, heads, stopped, uploads, waiting, downloading, listing)


def until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, "it did not become so in time"
        time.sleep(0.1)


def others_are_served(lab: LabServer) -> bool:
    """Whether somebody else can list, upload and delete, as ever."""
    listed: Any = lab.fetch(f"{API}/files?path=/data/")
    path = f"/data/shared/{uuid.uuid4().hex}"
    ticket: Any = lab.fetch(f"{API}/uploads", method="POST", body=asked(path, 4))
    lab.fetch(f"{API}/uploads/part?id={ticket['id']}&number=1", method="PUT", body=1234)
    made: Any = lab.fetch(f"{API}/uploads/complete", method="POST", body={"id": ticket["id"]})
    deleted: Any = lab.fetch(f"{API}/files/delete", method="POST", body={"paths": [path]})
    names = [entry["name"] for entry in listed["entries"]]
    return (names, made["size"], deleted["deleted"]) == ([CUSTOMER, "shared"], 4, [path])


def test_others_are_served_meanwhile(lab: LabServer, crowd: Crowd) -> None:
    """With all of them there, somebody else lists, uploads and deletes."""
    assert others_are_served(lab)
    assert len(crowd.silent) == 100


def test_a_slow_head_is_answered_when_it_is_whole(crowd: Crowd) -> None:
    """Heads that came byte by byte are answered as any stranger's: Jupyter waits for them."""
    for client in crowd.heads:
        client.send(b"y\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert all(client.answer().startswith(b"HTTP/1.1 403") for client in crowd.heads)


def test_a_body_that_stops_is_given_up(crowd: Crowd) -> None:
    """A body that is shorter than it said, or has no end, is waited for some time only."""
    for client in crowd.stopped:
        assert not client.answer().startswith(b"HTTP/1.1 2")


def test_stalled_parts_make_way_for_others(crowd: Crowd) -> None:
    """As many as may stream at once had stalled: the part that waited for its turn has got it."""
    assert crowd.waiting.answer().startswith(OK)


def test_an_upload_that_stalls_leaves_nothing(store: S3Store, crowd: Crowd) -> None:
    """Its connection ends, and later the upload: there is no object, and no part is billed."""
    for client in crowd.uploads.values():
        assert not client.answer().startswith(OK)
    until(lambda: not store.list_uploads(KEY))
    there = store.list_page(KEY, delimiter="/").entries
    assert [one.key for one in there if isinstance(one, ObjectInfo)] == [f"{KEY}large"]


def test_a_download_that_nobody_reads_is_given_up(crowd: Crowd) -> None:
    """Its connection is closed, and what was on its way is short of the Content-Length."""
    until(lambda: not crowd.downloading.is_served())
    received = crowd.downloading.answer()
    assert f"Content-Length: {32 * MIB}".encode() in received
    assert len(received) < 32 * MIB


def test_answers_that_nobody_takes_are_given_up(crowd: Crowd) -> None:
    """Of many listings on one connection, none of them read, most are never made."""
    until(lambda: not crowd.listing.is_served())
    assert crowd.listing.answer().count(OK) < LISTINGS


def test_a_body_that_trickles_is_given_up(
    lab: LabServer, connect_to: Callable[..., Client]
) -> None:
    """A byte now and then is no pause, but the whole body has a limit too."""
    client = connect_to()
    client.begin("POST", "folders", "Content-Length: 1000000")

    def is_over() -> bool:
        try:
            client.send(b" ")
        except ConnectionError:
            return True
        return False

    until(is_over)
    assert others_are_served(lab)


def test_a_head_of_100_kb_is_cut_off(lab: LabServer, connect_to: Callable[..., Client]) -> None:
    """Headers beyond 64 KiB end the connection, whether in one line or in many."""
    for headers in (["X-Large: " + "x" * 100_000], [f"X-{n}: {'x' * 90}" for n in range(1000)]):
        client = connect_to()
        with contextlib.suppress(ConnectionError):
            client.begin("GET", "config", *headers)
        assert not client.answer().startswith(b"HTTP/1.1 2")
    assert others_are_served(lab)


@pytest.mark.parametrize("token", [None, "a-stranger"])
def test_long_bodies_take_no_memory(
    lab: LabServer, connect_to: Callable[..., Client], token: str | None
) -> None:
    """Twenty bodies of 30 MiB for a route that reads JSON are refused, and never kept."""

    def flood(client: Client) -> bytes:
        headers = f"Content-Length: {30 * MIB}", "Connection: close"
        with contextlib.suppress(ConnectionError):
            client.begin("POST", "files/delete", *headers, token=token)
            for _ in range(30):
                client.send(bytes(MIB))
        return client.answer()

    clients = [connect_to() for _ in range(20)]
    with peak_rss(lab.process.pid) as memory, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(flood, clients))
        assert others_are_served(lab)
    assert not any(answer.startswith(b"HTTP/1.1 2") for answer in answers)
    assert memory.growth_bytes < 150 * MIB
