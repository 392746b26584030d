"""The S3 adapter with many keys, large bodies and many threads, on SeaweedFS."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Self

import psutil
import pytest

from wherobots_storage.errors import NotFound, PreconditionFailed
from wherobots_storage.objectstore import s3_copy
from wherobots_storage.objectstore.connect import open_transfers
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.s3_copy import Copy, copy, part_ranges
from wherobots_storage.objectstore.store import (
    CommonPrefix,
    ObjectInfo,
    Part,
    PutRequest,
    iterate_keys,
)

pytestmark = pytest.mark.store

MIB = 1024**2


def fill(store: S3Store) -> None:
    """2,600 keys: 1,300 in one folder, and 1,300 folders of one file each."""
    transfers = open_transfers(store)
    puts = [transfers.submit_put(PutRequest(f"many/{n:05}", b"x")) for n in range(1300)]
    puts += [transfers.submit_put(PutRequest(f"folders/{n:05}/f", b"x")) for n in range(1300)]
    for put in puts:
        put.result()
    transfers.close()


def test_thousands_of_keys(s3_store: S3Store) -> None:
    """Listings of several pages have every key, and every folder, once; a batch deletes them."""
    fill(s3_store)
    first = s3_store.list_page("")
    assert len(first.entries) == 1000
    assert first.cursor is not None
    keys = [entry.key for entry in iterate_keys(s3_store, "") if isinstance(entry, ObjectInfo)]
    assert len(keys) == 2600
    assert keys == sorted(set(keys))
    folders = list(iterate_keys(s3_store, "folders/", delimiter="/"))
    assert folders == [CommonPrefix(f"folders/{number:05}/") for number in range(1300)]
    tops = s3_store.list_page("", delimiter="/", limit=2).entries
    assert tops == (CommonPrefix("folders/"), CommonPrefix("many/"))
    assert s3_store.delete_many(keys) == []
    assert list(iterate_keys(s3_store, "")) == []


class Growth:
    """How much this process's resident memory grew at the most, sampled every 5 ms."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.bytes = max(self.bytes, self._process.memory_info().rss - self._before)


def stream(count: int) -> Iterator[bytes]:
    """``count`` MiB, each piece made when it is asked for."""
    for number in range(count):
        yield bytes([number % 256]) * MIB


def test_large_stream_in_bounded_memory(s3_store: S3Store) -> None:
    """A part of 64 MiB goes up, and comes down, with a few pieces of it in memory."""
    size = 64 * MIB
    s3_store.put("warm", iter([b"x" * 2 * MIB]), size=2 * MIB)
    upload = s3_store.create_multipart("large")
    with Growth() as growth:
        etag = s3_store.upload_part("large", upload, 1, stream(64), size=size)
        s3_store.complete_multipart("large", upload, [Part(1, etag, size)])
        received = hashlib.sha256()
        with s3_store.get("large") as body:
            for piece in body.chunks():
                received.update(piece)
    expected = hashlib.sha256()
    for piece in stream(64):
        expected.update(piece)
    assert received.digest() == expected.digest()
    assert growth.bytes < 24 * MIB


def test_copy_in_parts(s3_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what one request copies, a copy is made of parts, with the same conditions."""
    monkeypatch.setattr(s3_copy, "PART_BYTES", 5 * MIB)
    data = b"".join(stream(12))
    s3_store.put("source", data, metadata={"m": "1"}, content_type="text/x")
    source = s3_store.head("source")
    job = Copy(source, "target", source.etag, if_none_match=True, metadata=None)
    etag = copy(s3_store.connection, job, most=MIB)
    target = s3_store.head("target")
    assert (target.size, target.etag, dict(target.metadata)) == (len(data), etag, {"m": "1"})
    assert target.content_type == "text/x"
    with s3_store.get("target") as body:
        assert b"".join(body.chunks()) == data
    with pytest.raises(PreconditionFailed):
        copy(s3_store.connection, job, most=MIB)
    assert s3_store.list_uploads("") == []


def test_copy_in_parts_of_a_source_that_changed(s3_store: S3Store) -> None:
    """When the source changes between two parts the copy is given up, with nothing left."""
    s3_store.put("source", b"x" * MIB)
    old = s3_store.head("source")
    s3_store.put("source", b"y" * MIB)
    job = Copy(old, "target", None, if_none_match=False, metadata=None)
    with pytest.raises(PreconditionFailed):
        copy(s3_store.connection, job, most=1000)
    with pytest.raises(NotFound):
        s3_store.head("target")
    assert s3_store.list_uploads("") == []


@pytest.mark.parametrize(
    ("size", "part", "count"),
    [(1, 10, 1), (10, 10, 1), (11, 10, 2), (5 * 1024**4, 512 * MIB, 10_000), (100_001, 1, 9_091)],
)
def test_part_ranges(size: int, part: int, count: int) -> None:
    """Parts cover every byte once, and are never more than S3 takes."""
    ranges = part_ranges(size, part)
    assert len(ranges) == count
    assert ranges[0][0] == 0
    assert ranges[-1][1] == size - 1
    assert all(left[1] + 1 == right[0] for left, right in pairwise(ranges))


def test_many_threads_share_a_store(s3_store: S3Store) -> None:
    """One store serves many threads at once, each with what it asked for."""

    def work(number: int) -> bool:
        key = f"t/{number}"
        body = b"%d" % number * 1000
        streamed = number % 2 == 0
        etag = s3_store.put(key, iter([body]) if streamed else body, size=len(body))
        with s3_store.get(key, if_match=etag) as answer:
            return b"".join(answer.chunks()) == body and s3_store.head(key).etag == etag

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(work, range(200)))
    assert len(s3_store.list_page("t/").entries) == 200
