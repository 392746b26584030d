"""Faults on the wire: answers that are cut, garbled, late, or say 200 and mean an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.homes import OLD, PREFIX, Bench, keys_below, picture
from support.stub_s3 import Call, StubS3, refusal, stub_s3
from support.stub_server import Reply

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore import memory
from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.connection import Timeouts
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync import large, multipart, uploads, worklist

PART = 4096
BIG = b"big" * PART
ERROR = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>m</Message></Error>"
PAGE = b"<html><body><p>Please sign in to the network.</p></body></html>"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small parts, and no pauses."""
    monkeypatch.setattr(multipart, "PART_BYTES", PART)
    monkeypatch.setattr(memory, "MIN_PART_BYTES", PART)
    for module in (worklist, uploads, large):
        monkeypatch.setattr(module, "SMALL_BYTES", PART)
    monkeypatch.setattr("wherobots_storage.objectstore.pace.FIRST_WAIT_SECONDS", 0.0001)


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server that speaks S3 and fails as it is told."""
    with stub_s3() as running:
        yield running


@pytest.fixture
def store(server: StubS3) -> Iterator[S3Store]:
    """Its bucket."""
    store = connect("test", server.environment(), timeouts=Timeouts(connect=60, read=60))
    yield store
    store.close()


def instead(reply: Reply) -> Callable[[Call, Reply], Reply]:
    """Another answer, though the work is done."""
    return lambda _call, _reply: reply


def half(_: Call, reply: Reply) -> Reply:
    """Half of the body, and then the end."""
    return replace(reply, body=reply.body[: len(reply.body) // 2], length=len(reply.body))


def wrong_bytes(call: Call, reply: Reply) -> Reply:
    """Other bytes in the right number."""
    return replace(reply, body=bytes(byte ^ 1 for byte in reply.body)) if call.key else reply


def no_facts(_: Call, reply: Reply) -> Reply:
    """An answer without any of the headers that S3 promises."""
    return replace(reply, headers={})


def odd_time(_: Call, reply: Reply) -> Reply:
    """A time that is none."""
    return replace(reply, headers={**reply.headers, "Last-Modified": "yesterday"})


def trickle(_: Call, reply: Reply) -> Reply:
    """The right answer, slowly."""
    return replace(reply, trickle=max(1, len(reply.body) // 10))


FAULTS: dict[str, Callable[[Call, Reply], Reply]] = {
    "cut": instead(Reply(cut=True)),
    "half": half,
    "500 without a word": instead(Reply(500)),
    "403 without a word": instead(Reply(403)),
    "throttled": instead(refusal(429, "TooManyRequests")),
    "200 with an error inside": instead(Reply(200, ERROR)),
    "a page that is XML": instead(Reply(200, PAGE)),
    "garbage": instead(Reply(200, b"\x00\xff<<<")),
    "no facts": no_facts,
    "odd time": odd_time,
    "wrong bytes": wrong_bytes,
    "trickle": trickle,
}
BACKUP = [
    "copy",
    "complete_multipart",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("list_page", "head", "put")),
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("delete", "upload_part")),
]
RESTORE = ["list_page", "get"]


def bench_on(folder: Path, store: S3Store, name: str) -> Bench:
    """A home whose files travel as an agent's do."""
    bench = Bench(folder, store, name)
    bench.open_transfers = open_transfers
    return bench


def settled(bench: Bench) -> None:
    """Without faults everything is done, in three rounds at the most."""
    for _ in range(3):
        bench.sync()


@pytest.mark.parametrize("call", BACKUP)
@pytest.mark.parametrize("name", FAULTS)
def test_backup(server: StubS3, store: S3Store, tmp_path: Path, name: str, call: str) -> None:
    """Whatever the answers say, another writer's bytes stay and all of the home arrives."""
    bench = bench_on(tmp_path, store, "one")
    bench.write("known", b"one", mtime_ns=OLD)
    bench.write("gone", b"gone", mtime_ns=OLD)
    assert bench.sync().complete
    bench.write("known", b"two", mtime_ns=OLD)
    bench.write("new", b"new", mtime_ns=OLD)
    bench.write("met", b"ours", mtime_ns=OLD)
    bench.write("big", BIG, mtime_ns=OLD)
    (bench.home / "gone").unlink()
    server.store.put(f"{PREFIX}met", b"theirs")
    fault = FAULTS[name]
    server.after = lambda it, reply: fault(it, reply) if it.name == call else reply
    with suppress(StorageError):
        bench.sync()
    server.heal()
    settled(bench)
    keys = bench.keys()
    found = {key: bench.body(key) for key in keys}
    kept = {key for key in found if key.startswith("met (conflict ")}
    assert {found.pop(key) for key in kept} == {b"theirs"}
    assert found == {"known": b"two", "new": b"new", "met": b"ours", "big": BIG}


@pytest.mark.parametrize("call", RESTORE)
@pytest.mark.parametrize("name", FAULTS)
def test_restore(server: StubS3, store: S3Store, tmp_path: Path, name: str, call: str) -> None:
    """Whatever the answers say, a home gets the true bytes or none, and loses none of its own."""
    first, second = bench_on(tmp_path, store, "one"), bench_on(tmp_path, store, "two")
    for path, body in {"a": b"a", "d/b": b"b" * 100, "big": BIG}.items():
        first.write(path, body, mtime_ns=OLD)
    assert first.sync().complete
    assert second.restore().complete
    first.write("a", b"changed", mtime_ns=OLD)
    first.write("c", b"c", mtime_ns=OLD)
    assert first.sync().complete
    second.write("mine", b"mine", mtime_ns=OLD)
    before, fault = picture(second.home), FAULTS[name]
    server.after = lambda it, reply: fault(it, reply) if it.name == call else reply
    with suppress(StorageError):
        second.restore()
    after = picture(second.home)
    assert set(before) <= set(after)
    true = {b"a", b"b" * 100, b"changed", b"c", b"mine", BIG}
    assert {it[-1] for it in after.values() if it[0] == "file"} <= true
    server.heal()
    assert second.restore().complete
    assert picture(second.home) == picture(first.home) | {"mine": before["mine"]}
    assert keys_below(server.store, PREFIX) == ["a", "big", "c", "d/b"]
