"""Tests of objects that were copied onto themselves, and of leftovers that are not UTF-8."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, opened

from wherobots_storage.objectstore.store import Part
from wherobots_storage.sync import large, uploads, worklist
from wherobots_storage.sync.telling import keep_leftovers


def _rewrite(store: FaultyStore, path: str) -> None:
    """The same bytes and metadata under another ETag, as of an upload in parts, or of none."""
    key = f"{PREFIX}{path}"
    info = store.head(key)
    with store.get(key) as body:
        data = b"".join(body.chunks())
    if "-" in info.etag:
        store.put(key, data, metadata=info.metadata, content_type=info.content_type)
        return
    upload = store.create_multipart(key, metadata=info.metadata, content_type=info.content_type)
    etag = store.upload_part(key, upload, 1, data, size=len(data))
    store.complete_multipart(key, upload, [Part(1, etag, len(data))])
    assert store.head(key).etag != info.etag


def test_rewritten_objects_are_still_ours(tmp_path: Path) -> None:
    """A version with this home's own hash makes no conflict, whatever ETag a copy gave it."""
    store = FaultyStore()
    bench = Bench(tmp_path, store)
    for name in "abc":
        bench.write(name, name.encode(), mtime_ns=OLD)
    bench.sync()
    _rewrite(store, "a")
    _rewrite(store, "b")
    bench.write("a", b"edited")
    (bench.home / "b").unlink()
    outcome = bench.sync()
    assert codes(outcome) == {}
    assert bench.keys() == ["a", "c"]
    assert bench.body("a") == b"edited"


def test_large_ones_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is with a large file, of which nobody's copy is kept either."""
    for module in (worklist, uploads, large):
        monkeypatch.setattr(module, "SMALL_BYTES", 1000)
    store = FaultyStore()
    bench = Bench(tmp_path, store)
    bench.write("big", b"1" * 2000, mtime_ns=OLD)
    bench.sync()
    _rewrite(store, "big")
    bench.write("big", b"2" * 3000)
    outcome = bench.sync()
    assert store.count("complete_multipart", "big") == 2
    assert codes(outcome) == {}
    assert bench.keys() == ["big"]
    assert bench.body("big") == b"2" * 3000


def test_leftovers_of_any_name_are_noted(tmp_path: Path) -> None:
    """What a final sync left is told at the next start, also when a name is not UTF-8."""
    bench = Bench(tmp_path, FaultyStore())
    with opened(bench) as (session, _board):
        keep_leftovers(session.journal, 1, 1, [os.fsdecode(b"a\xff")])
        text = session.journal.meta("leftovers")
    assert text is not None
    assert '"a?"' in text
