"""The contract of an ObjectStore: one suite, inherited by a test class for each kind of store."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from support.servers import DOTTED_KEYS, ODD_KEYS, Server

from wherobots_storage.errors import (
    InvalidInput,
    InvalidPath,
    NoSuchUpload,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    StorageError,
    StoreUnavailable,
    TooLarge,
    UploadInterrupted,
)
from wherobots_storage.objectstore.store import (
    MAX_METADATA_BYTES,
    MIN_PART_BYTES,
    ByteRange,
    CommonPrefix,
    ObjectStore,
    Part,
    iterate_keys,
)

GONE = (NotFound, PreconditionFailed)
"""What If-Match on a missing key raises: the one on some stores, the other on others."""


def read(store: ObjectStore, key: str, byte_range: ByteRange | None = None) -> bytes:
    """An object's bytes, or a range of them."""
    with store.get(key, byte_range=byte_range) as body:
        data = b"".join(body.chunks(7))
        assert len(data) == body.length
        return data


def names(store: ObjectStore, prefix: str = "", delimiter: str = "") -> list[str]:
    """Every entry's key or prefix, in the listing's order."""
    entries = iterate_keys(store, prefix, delimiter=delimiter)
    return [entry.prefix if isinstance(entry, CommonPrefix) else entry.key for entry in entries]


def pieces(*parts: bytes) -> Callable[[], Iterator[bytes]]:
    """A body that can be read only once, as a request's is."""
    return lambda: iter(parts)


class BrokenSource(Exception):
    """What a caller's own iterable raises."""


def broken() -> Iterator[bytes]:
    """A body whose source fails after its first piece."""
    yield b"12345"
    raise BrokenSource


class Objects:
    """Whole objects."""

    def test_put_then_head(self, store: ObjectStore) -> None:
        """A put object has its size, ETag, metadata, type and a time of now."""
        etag = store.put("a/b.txt", b"hello", metadata={"mtime": "1.5"}, content_type="text/plain")
        info = store.head("a/b.txt")
        assert (info.key, info.size, info.etag) == ("a/b.txt", 5, etag)
        assert dict(info.metadata) == {"mtime": "1.5"}
        assert info.content_type == "text/plain"
        assert abs(info.last_modified - time.time()) < 120
        assert '"' not in etag

    def test_metadata_names_come_back_in_lower_case(self, store: ObjectStore) -> None:
        """Metadata names are case-insensitive on the wire, so they are lower-case here."""
        store.put("a", b"", metadata={"MTime": "1"})
        assert dict(store.head("a").metadata) == {"mtime": "1"}

    def test_streamed_put_equals_whole_put(self, store: ObjectStore) -> None:
        """A streamed body makes the same object as the same bytes put at once."""
        whole = store.put("a", b"hello", metadata={"m": "1"}, content_type="text/x")
        streamed = store.put(
            "b", iter([b"he", b"", b"llo"]), size=5, metadata={"m": "1"}, content_type="text/x"
        )
        first, second = store.head("a"), store.head("b")
        assert whole == streamed
        assert (first.size, first.etag, first.content_type) == (
            second.size,
            second.etag,
            second.content_type,
        )
        assert dict(first.metadata) == dict(second.metadata)
        assert read(store, "b") == b"hello"

    @pytest.mark.parametrize("source", [pieces(), pieces(b"")], ids=["none", "one empty piece"])
    def test_empty_streamed_put(
        self, store: ObjectStore, source: Callable[[], Iterator[bytes]]
    ) -> None:
        """An empty stream makes an empty object, which reads as no bytes."""
        store.put("empty", source(), size=0)
        assert store.head("empty").size == 0
        assert read(store, "empty") == b""

    @pytest.mark.parametrize(
        "source",
        [pieces(b"1234"), pieces(b"123456"), pieces(b"12345", b"6"), pieces()],
        ids=["short", "long", "long by a piece", "nothing"],
    )
    def test_body_of_wrong_size(
        self, store: ObjectStore, source: Callable[[], Iterator[bytes]]
    ) -> None:
        """A body that has not its announced size writes nothing and leaves the old object."""
        store.put("old", b"old")
        for key in ("old", "new"):
            with pytest.raises(UploadInterrupted):
                store.put(key, source(), size=5)
        settle(store, "new")
        assert names(store) == ["old"]
        assert read(store, "old") == b"old"

    @pytest.mark.parametrize("last", [b"", b"xx"], ids=["short", "long"])
    def test_large_body_of_wrong_size(self, store: ObjectStore, last: bytes) -> None:
        """A body too large to be held, most of it sent, still writes nothing."""
        chunk = b"x" * 1024**2
        store.put("old", b"old")
        for key in ("old", "new"):
            body = (piece for piece in (chunk, chunk, chunk, chunk[1:], last))
            with pytest.raises(UploadInterrupted):
                store.put(key, body, size=4 * 1024**2)
        settle(store, "new")
        assert names(store) == ["old"]
        assert read(store, "old") == b"old"

    def test_bytes_of_wrong_size(self, store: ObjectStore) -> None:
        """Bytes that are not as many as announced are refused before anything is sent."""
        with pytest.raises(UploadInterrupted):
            store.put("a", b"1234", size=5)
        assert names(store) == []

    def test_source_that_fails(self, store: ObjectStore) -> None:
        """The exception of the caller's own iterable comes back as it is; nothing is written."""
        with pytest.raises(BrokenSource):
            store.put("a", broken(), size=10)
        settle(store, "a")
        assert names(store) == []
        assert store.put("b", b"the store still works")

    def test_stream_without_size(self, store: ObjectStore) -> None:
        """A streamed body needs its size."""
        with pytest.raises(InvalidInput):
            store.put("a", iter([b"x"]))

    def test_metadata_that_cannot_travel(self, store: ObjectStore) -> None:
        """Metadata that is no ASCII, or too much of it, is refused."""
        with pytest.raises(InvalidInput):
            store.put("a", b"", metadata={"target": "ü"})
        with pytest.raises(InvalidInput):
            store.put("a", b"", metadata={"target": "a\r\nx-amz-acl: public-read"})
        with pytest.raises(TooLarge):
            store.put("a", b"", metadata={"m": "x" * MAX_METADATA_BYTES})
        assert names(store) == []

    def test_missing_object(self, store: ObjectStore) -> None:
        """Every reading operation says NotFound for a missing key."""
        with pytest.raises(NotFound):
            store.head("missing")
        with pytest.raises(NotFound):
            store.get("missing")
        with pytest.raises(NotFound):
            store.copy("missing", "b")

    @pytest.mark.parametrize(
        ("byte_range", "expected"),
        [
            (ByteRange(0, 1), b"0"),
            (ByteRange(2, 5), b"234"),
            (ByteRange(7), b"789"),
            (ByteRange(8, 100), b"89"),
            (ByteRange(0, 10), b"0123456789"),
        ],
    )
    def test_ranges(self, store: ObjectStore, byte_range: ByteRange, expected: bytes) -> None:
        """A range gives its bytes, and the whole object's size."""
        store.put("a", b"0123456789")
        assert read(store, "a", byte_range) == expected
        with store.get("a", byte_range=byte_range) as body:
            assert body.info.size == 10
            assert body.length == len(expected)

    def test_range_outside(self, store: ObjectStore) -> None:
        """A range behind the end is RangeNotSatisfiable."""
        store.put("a", b"0123456789")
        with pytest.raises(RangeNotSatisfiable):
            store.get("a", byte_range=ByteRange(10))

    def test_get_if_match(self, store: ObjectStore) -> None:
        """A read can insist on a version."""
        etag = store.put("a", b"one")
        with store.get("a", if_match=etag) as body:
            assert b"".join(body.chunks()) == b"one"
        with pytest.raises(PreconditionFailed):
            store.get("a", if_match="0" * 32)

    def test_body_closed_early(self, store: ObjectStore) -> None:
        """A body may be given up half-read, and the store goes on working."""
        store.put("a", b"x" * 1_000_000)
        with store.get("a") as body:
            assert len(next(body.chunks(10))) == 10
        assert store.head("a").size == 1_000_000


class Conditions:
    """Conditional writes."""

    @pytest.mark.parametrize("streamed", [False, True], ids=["bytes", "stream"])
    def test_put_if_none_match(self, store: ObjectStore, streamed: bool) -> None:
        """With if_none_match only the first of two puts is done."""
        first: bytes | Iterator[bytes] = iter([b"one"]) if streamed else b"one"
        second: bytes | Iterator[bytes] = iter([b"two"]) if streamed else b"two"
        store.put("a", first, size=3, if_none_match=True)
        with pytest.raises(PreconditionFailed):
            store.put("a", second, size=3, if_none_match=True)
        assert read(store, "a") == b"one"

    @pytest.mark.parametrize("streamed", [False, True], ids=["bytes", "stream"])
    def test_put_if_match(self, store: ObjectStore, streamed: bool) -> None:
        """With if_match a put is done over that version only."""

        def body(data: bytes) -> bytes | Iterator[bytes]:
            return iter([data]) if streamed else data

        etag = store.put("a", b"one")
        newer = store.put("a", body(b"two"), size=3, if_match=etag)
        with pytest.raises(PreconditionFailed):
            store.put("a", body(b"six"), size=3, if_match=etag)
        assert read(store, "a") == b"two"
        assert store.head("a").etag == newer

    def test_put_if_match_on_a_missing_key(self, store: ObjectStore) -> None:
        """if_match on a missing key writes nothing and says that it is gone."""
        with pytest.raises(GONE):
            store.put("a", b"one", if_match="0" * 32)
        assert names(store) == []

    def test_large_refused_stream_keeps_its_reason(self, store: ObjectStore) -> None:
        """A stream that the store refuses says why, not that the connection broke."""
        store.put("a", b"one")
        chunk = b"x" * 1024**2
        with pytest.raises(PreconditionFailed):
            store.put("a", (chunk for _ in range(16)), size=16 * 1024**2, if_none_match=True)

    def test_delete_if_match(self, store: ObjectStore, server: Server) -> None:
        """With if_match another version is not deleted, where the server has that condition."""
        etag = store.put("a", b"one")
        if not server.condition_on_delete:
            store.delete("a", if_match="0" * 32)
            assert names(store) == []
            return
        with pytest.raises(PreconditionFailed):
            store.delete("a", if_match="0" * 32)
        assert names(store) == ["a"]
        store.delete("a", if_match=etag)
        assert names(store) == []

    def test_copy_source_if_match(self, store: ObjectStore) -> None:
        """A copy can insist on the source's version."""
        etag = store.put("a", b"one")
        store.copy("a", "b", source_if_match=etag)
        with pytest.raises(PreconditionFailed):
            store.copy("a", "c", source_if_match="0" * 32)
        assert names(store) == ["a", "b"]

    def test_copy_if_none_match(self, store: ObjectStore, server: Server) -> None:
        """A copy can insist that the name is free, where the server has that condition."""
        store.put("a", b"one")
        store.copy("a", "b", if_none_match=True)
        store.put("c", b"two")
        if not server.condition_on_copy:
            store.copy("a", "c", if_none_match=True)
            assert read(store, "c") == b"one"
            return
        with pytest.raises(PreconditionFailed):
            store.copy("a", "c", if_none_match=True)
        assert read(store, "c") == b"two"

    def test_complete_if_none_match(self, store: ObjectStore, server: Server) -> None:
        """Completing can insist that the name is free, where the server has that condition."""
        store.put("a", b"one")
        upload, parts = begin(store, "a", b"two")
        if not server.none_match_on_complete:
            store.complete_multipart("a", upload, parts, if_none_match=True)
            assert read(store, "a") == b"two"
            return
        with pytest.raises(PreconditionFailed):
            store.complete_multipart("a", upload, parts, if_none_match=True)
        assert read(store, "a") == b"one"
        store.abort_multipart("a", upload)

    def test_complete_if_match(self, store: ObjectStore, server: Server) -> None:
        """Completing can insist on the version that is replaced, where the server can."""
        etag = store.put("a", b"one")
        upload, parts = begin(store, "a", b"two")
        store.complete_multipart("a", upload, parts, if_match=etag)
        assert read(store, "a") == b"two"
        upload, parts = begin(store, "a", b"six")
        if not server.match_on_complete:
            store.complete_multipart("a", upload, parts, if_match=etag)
            assert read(store, "a") == b"six"
            return
        with pytest.raises(PreconditionFailed):
            store.complete_multipart("a", upload, parts, if_match=etag)
        assert read(store, "a") == b"two"
        store.abort_multipart("a", upload)


class Removal:
    """Deletes and copies."""

    def test_delete(self, store: ObjectStore) -> None:
        """A deleted object is gone, and deleting it again is no error."""
        store.put("a", b"one")
        store.delete("a")
        store.delete("a")
        assert names(store) == []

    def test_delete_many(self, store: ObjectStore) -> None:
        """A batch deletes what there is, and only that; missing keys are no failure."""
        for key in ("a", "b", "c/d"):
            store.put(key, b"x")
        assert store.delete_many(["a", "c/d", "missing"]) == []
        assert names(store) == ["b"]
        assert store.delete_many([]) == []

    def test_copy_keeps_or_replaces_metadata(self, store: ObjectStore) -> None:
        """A copy has the source's bytes, type and metadata, unless other metadata is given."""
        store.put("a", b"one", metadata={"m": "1"}, content_type="text/x")
        etag = store.copy("a", "b")
        store.copy("a", "c", metadata={"n": "2"})
        assert store.head("b").etag == etag
        for key, metadata in (("b", {"m": "1"}), ("c", {"n": "2"})):
            info = store.head(key)
            assert dict(info.metadata) == metadata
            assert info.content_type == "text/x"
            assert read(store, key) == b"one"

    def test_copy_onto_itself(self, store: ObjectStore) -> None:
        """Copying an object onto itself is the way to change its metadata."""
        etag = store.put("a", b"one", metadata={"m": "1"})
        store.copy("a", "a", source_if_match=etag, metadata={"m": "2"})
        assert dict(store.head("a").metadata) == {"m": "2"}
        assert read(store, "a") == b"one"


class Multipart:
    """Uploads in parts."""

    def test_parts_make_an_object(self, store: ObjectStore) -> None:
        """Parts that arrive in any order make one object in the order of their numbers."""
        upload = store.create_multipart("a", metadata={"m": "1"}, content_type="text/x")
        second = store.upload_part("a", upload, 2, iter([b"e", b"nd"]), size=3)
        first = store.upload_part("a", upload, 1, b"1" * MIN_PART_BYTES, size=MIN_PART_BYTES)
        parts = store.list_parts("a", upload)
        assert parts == [Part(1, first, MIN_PART_BYTES), Part(2, second, 3)]
        etag = store.complete_multipart("a", upload, parts)
        info = store.head("a")
        assert (info.size, info.etag) == (MIN_PART_BYTES + 3, etag)
        assert dict(info.metadata) == {"m": "1"}
        assert info.content_type == "text/x"
        assert read(store, "a", ByteRange(MIN_PART_BYTES - 1)) == b"1end"

    def test_part_that_can_be_read_again(self, store: ObjectStore) -> None:
        """A part whose hash is known makes the same object; in whatever pieces it comes."""
        upload = store.create_multipart("a")
        first = store.upload_part("a", upload, 1, Known(b"1" * MIN_PART_BYTES), size=MIN_PART_BYTES)
        second = store.upload_part("a", upload, 2, Known(b"end"), size=3)
        parts = [Part(1, first, MIN_PART_BYTES), Part(2, second, 3)]
        store.complete_multipart("a", upload, parts)
        assert read(store, "a", ByteRange(MIN_PART_BYTES - 1)) == b"1end"

    def test_unfinished_upload_shows_no_object(self, store: ObjectStore, server: Server) -> None:
        """Until it is completed an upload is no object, and aborted it leaves nothing."""
        upload, _ = begin(store, "dir/a", b"one")
        assert names(store) == []
        found = [(entry.key, entry.upload_id) for entry in store.list_uploads("dir/")]
        assert found == ([("dir/a", upload)] if server.lists_uploads else [])
        assert store.list_uploads("elsewhere/") == []
        store.abort_multipart("dir/a", upload)
        store.abort_multipart("dir/a", upload)
        assert store.list_uploads("") == []
        assert names(store) == []

    def test_unknown_upload(self, store: ObjectStore, server: Server) -> None:
        """Every operation on an aborted upload says NoSuchUpload."""
        upload, parts = begin(store, "a", b"one")
        store.abort_multipart("a", upload)
        with pytest.raises(NoSuchUpload if server.part_knows_lost_upload else StoreUnavailable):
            store.upload_part("a", upload, 1, b"x", size=1)
        with pytest.raises(NoSuchUpload):
            store.list_parts("a", upload)
        with pytest.raises(NoSuchUpload if server.complete_knows_lost_upload else StoreUnavailable):
            store.complete_multipart("a", upload, parts)

    @pytest.mark.parametrize("source", [pieces(b"1234"), pieces(b"12345", b"6"), broken])
    def test_part_that_breaks_off(
        self, store: ObjectStore, source: Callable[[], Iterator[bytes]]
    ) -> None:
        """A part whose body has not its size does not arrive, and can be sent again."""
        upload = store.create_multipart("a")
        with pytest.raises((UploadInterrupted, BrokenSource)):
            store.upload_part("a", upload, 1, source(), size=5 if source is not broken else 10)
        assert store.list_parts("a", upload) == []
        store.upload_part("a", upload, 1, b"12345", size=5)
        store.complete_multipart("a", upload, store.list_parts("a", upload))
        assert read(store, "a") == b"12345"

    def test_part_sent_twice(self, store: ObjectStore) -> None:
        """The last body sent under a number is the part."""
        upload, _ = begin(store, "a", b"one")
        store.upload_part("a", upload, 1, b"other", size=5)
        parts = store.list_parts("a", upload)
        assert [part.size for part in parts] == [5]
        store.complete_multipart("a", upload, parts)
        assert read(store, "a") == b"other"

    def test_parts_by_their_own_account(self, store: ObjectStore) -> None:
        """Of a number's bodies, the one whose ETag is named at the end is in the object."""
        upload, _ = begin(store, "a", b"one")
        etag = store.upload_part("a", upload, 1, b"other", size=5)
        store.complete_multipart("a", upload, [Part(1, etag, 5)])
        assert read(store, "a") == b"other"

    def test_part_that_never_came(self, store: ObjectStore) -> None:
        """An upload cannot be completed with a part that the store does not have."""
        upload, parts = begin(store, "a", b"one")
        with pytest.raises(InvalidInput):
            store.complete_multipart("a", upload, [*parts, replace(parts[0], number=2)])
        with pytest.raises(InvalidInput):
            store.complete_multipart("a", upload, [])
        assert names(store) == []

    def test_small_part_in_the_middle(self, store: ObjectStore, server: Server) -> None:
        """All parts but the last need 5 MiB, where the server enforces it."""
        upload = store.create_multipart("a")
        for number in (1, 2):
            store.upload_part("a", upload, number, b"small", size=5)
        parts = store.list_parts("a", upload)
        if not server.enforces_part_size:
            store.complete_multipart("a", upload, parts)
            assert read(store, "a") == b"smallsmall"
            return
        with pytest.raises(InvalidInput):
            store.complete_multipart("a", upload, parts)

    def test_number_of_a_part(self, store: ObjectStore) -> None:
        """A part's number is 1 to 10,000."""
        upload = store.create_multipart("a")
        for number in (0, 10_001):
            with pytest.raises(InvalidInput):
                store.upload_part("a", upload, number, b"x", size=1)


class Listings:
    """Paged listings."""

    def test_order_is_of_bytes(self, store: ObjectStore) -> None:
        """Keys come in the order of their bytes, not of a language."""
        keys = ["B", "a", "a b", "a/b", "a0", "Z", "é", "\ue000", "😀"]
        for key in keys:
            store.put(key, b"x")
        assert names(store) == sorted(keys, key=str.encode)

    def test_folders_stand_among_files(self, store: ObjectStore) -> None:
        """With a delimiter, objects and folders come in one order."""
        for key in ("a.txt", "a/1", "a/2", "b", "b/c/d", "c"):
            store.put(key, b"x")
        assert names(store, "", "/") == ["a.txt", "a/", "b", "b/", "c"]
        assert names(store, "b/", "/") == ["b/c/"]
        assert names(store, "a") == ["a.txt", "a/1", "a/2"]
        assert names(store, "nothing/") == []

    @pytest.mark.parametrize("limit", [1, 2, 3, 1000])
    def test_paging(self, store: ObjectStore, limit: int) -> None:
        """Pages put together are the whole listing, each entry once, with and without folders."""
        keys = ["a", "b/1", "b/2", "b/3", "c", "d/1", "e"]
        for key in keys:
            store.put(key, b"x")
        for delimiter, expected in (("", keys), ("/", ["a", "b/", "c", "d/", "e"])):
            found: list[str] = []
            cursor: str | None = None
            while True:
                page = store.list_page("", delimiter=delimiter, cursor=cursor, limit=limit)
                assert len(page.entries) <= limit
                found += [e.prefix if isinstance(e, CommonPrefix) else e.key for e in page.entries]
                cursor = page.cursor
                if cursor is None:
                    break
            assert found == expected

    def test_entries_hold_facts(self, store: ObjectStore) -> None:
        """A listed object has its size, ETag and time, and no metadata."""
        etag = store.put("a", b"hello", metadata={"m": "1"})
        (entry,) = store.list_page("").entries
        assert not isinstance(entry, CommonPrefix)
        assert (entry.key, entry.size, entry.etag) == ("a", 5, etag)
        assert abs(entry.last_modified - time.time()) < 120
        assert dict(entry.metadata) == {}

    def test_start_after(self, store: ObjectStore) -> None:
        """A listing can begin behind a key, which need not exist."""
        for key in ("a", "b", "c"):
            store.put(key, b"x")
        for start, expected in (("a", ["b", "c"]), ("aa", ["b", "c"]), ("c", [])):
            entries = store.list_page("", start_after=start).entries
            assert [
                entry.key for entry in entries if not isinstance(entry, CommonPrefix)
            ] == expected

    def test_cursor_of_another_listing(self, store: ObjectStore) -> None:
        """A cursor is refused by every other listing, and so is nonsense."""
        for key in ("a/1", "a/2", "b/1"):
            store.put(key, b"x")
        cursor = store.list_page("a/", limit=1).cursor
        assert cursor is not None
        for prefix, delimiter in (("b/", ""), ("", ""), ("a/", "/")):
            with pytest.raises(InvalidInput):
                store.list_page(prefix, delimiter=delimiter, cursor=cursor)
        for nonsense in ("", "x", "é", "AAAA", cursor[:4]):
            with pytest.raises(InvalidInput):
                store.list_page("a/", cursor=nonsense)

    @pytest.mark.parametrize("limit", [0, -1, 1001])
    def test_limit(self, store: ObjectStore, limit: int) -> None:
        """A page has 1 to 1,000 entries."""
        with pytest.raises(InvalidInput):
            store.list_page("", limit=limit)


class OddKeys:
    """Names that are data."""

    def test_odd_keys(self, store: ObjectStore, server: Server) -> None:
        """An odd name is written, listed, read, copied and deleted as it is."""
        for name, key in ODD_KEYS.items():
            if name in server.refused:
                with pytest.raises(StorageError):
                    store.put(key, b"odd")
                continue
            store.put(key, b"odd", if_none_match=True)
            if name in server.rewritten:
                (other,) = names(store)
                assert other != key
                store.delete(other)
                continue
            assert names(store) == [key], name
            assert read(store, key) == b"odd"
            assert store.head(key).key == key
            copied = f"{key} copy"
            store.copy(key, copied)
            assert read(store, copied) == b"odd"
            store.delete(key)
            assert names(store) == [copied], name
            assert store.delete_many([copied]) == []
            assert names(store) == [], name

    def test_odd_keys_streamed(self, store: ObjectStore, server: Server) -> None:
        """An odd name is written in a stream and in parts, to the same key."""
        large = 2 * 1024**2
        kept = [name for name in ODD_KEYS if name not in server.refused | server.rewritten]
        # A server that fails to begin an upload may fail to list uploads from then on.
        for name in sorted(kept, key=lambda name: name in server.refused_in_parts):
            key = ODD_KEYS[name]
            store.put(key, iter([b"o" * large]), size=large)
            assert names(store) == [key], name
            if name in server.refused_in_parts:
                with pytest.raises(StorageError):
                    store.create_multipart(key)
                store.delete(key)
                continue
            upload, parts = begin(store, key, b"parts")
            assert [part.size for part in store.list_parts(key, upload)] == [5]
            spelt = [entry.key for entry in store.list_uploads("")] == [key]
            assert spelt == (name not in server.uploads_misspelt), name
            store.complete_multipart(key, upload, parts)
            assert names(store) == [key], name
            assert read(store, key) == b"parts"
            store.delete(key)

    def test_folder_object(self, store: ObjectStore) -> None:
        """An empty object named like a folder is listed, kept from a second one, and deleted."""
        store.put("a/", b"", metadata={"mode": "700"}, if_none_match=True)
        assert names(store) == names(store, "", "/") == ["a/"]
        with pytest.raises(PreconditionFailed):
            store.put("a/", b"", if_none_match=True)
        store.put("a/b", b"x")
        assert names(store, "a/") == ["a/", "a/b"]
        store.delete("a/")
        assert names(store) == ["a/b"]

    def test_folder_object_has_all_of_an_object(self, store: ObjectStore, server: Server) -> None:
        """An object named like a folder has content and metadata, where the server keeps them."""
        store.put("a/", b"odd", metadata={"mode": "700"})
        kept = server.folders_are_objects
        assert read(store, "a/") == (b"odd" if kept else b"")
        assert dict(store.head("a/").metadata) == ({"mode": "700"} if kept else {})
        if not kept:
            with pytest.raises(NotFound):
                store.copy("a/", "b/")
            return
        store.copy("a/", "b/")
        assert read(store, "b/") == b"odd"

    @pytest.mark.parametrize("key", DOTTED_KEYS)
    def test_dot_segments_never_reach_another_key(self, store: ObjectStore, key: str) -> None:
        """A key with dot segments is refused by every operation that names it in the URL."""
        for innocent in ("b", "a/b"):
            store.put(innocent, b"innocent")
        for operation in operations(store, key):
            with pytest.raises(InvalidPath):
                operation()
        store.delete_many([key])
        assert names(store) == ["a/b", "b"]

    def test_impossible_keys(self, store: ObjectStore) -> None:
        """An empty key, one over 1,024 bytes and one that is no Unicode are refused."""
        for key in ("", "k" * 1025, "é" * 513, "\ud800"):
            for operation in operations(store, key):
                with pytest.raises(InvalidPath):
                    operation()


class StoreContract(Objects, Conditions, Removal, Multipart, Listings, OddKeys):
    """Everything that an ObjectStore promises. Needs fixtures ``store`` (empty) and ``server``."""

    def test_it_is_an_object_store(self, store: ObjectStore) -> None:
        """The adapter satisfies the protocol and its bucket can be reached."""
        assert isinstance(store, ObjectStore)
        assert store.bucket
        store.check()


class Known:
    """A KnownBody, whose one buffer is filled anew for each piece."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.sha256 = hashlib.sha256(body).hexdigest()

    def __iter__(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(100_000))
        for start in range(0, len(self._body), len(buffer)):
            piece = self._body[start : start + len(buffer)]
            buffer[: len(piece)] = piece
            yield buffer[: len(piece)]


def begin(store: ObjectStore, key: str, body: bytes) -> tuple[str, list[Part]]:
    """An upload of one part."""
    upload = store.create_multipart(key)
    etag = store.upload_part(key, upload, 1, iter([body]), size=len(body))
    return upload, [Part(1, etag, len(body))]


def operations(store: ObjectStore, key: str) -> list[Callable[[], object]]:
    """Every operation that carries the key in the URL."""
    return [
        lambda: store.head(key),
        lambda: store.get(key),
        lambda: store.put(key, b"x"),
        lambda: store.put(key, iter([b"x"]), size=1),
        lambda: store.delete(key),
        lambda: store.copy(key, "elsewhere"),
        lambda: store.copy("b", key),
        lambda: store.create_multipart(key),
        lambda: store.upload_part(key, "id", 1, b"x", size=1),
        lambda: store.list_parts(key, "id"),
        lambda: store.complete_multipart(key, "id", [Part(1, "e", 1)]),
        lambda: store.abort_multipart(key, "id"),
    ]


def settle(store: ObjectStore, key: str) -> None:
    """Wait a moment in which a broken upload, were it kept, would appear."""
    for _ in range(3):
        time.sleep(0.1)
        with pytest.raises(NotFound):
            store.head(key)
