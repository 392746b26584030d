"""Copies onto themselves, which change metadata: they replace the version that was meant alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.stub_s3 import BUCKET, Call, StubS3, refusal, stub_s3
from support.stub_server import Reply

from wherobots_storage.errors import NotSupported, PreconditionFailed
from wherobots_storage.objectstore import s3_copy
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.s3_copy import Copy, copy

MIB = 1024**2


@pytest.fixture
def server() -> Iterator[StubS3]:
    """A server with an empty bucket."""
    with stub_s3() as running:
        yield running


@pytest.fixture
def store(server: StubS3) -> Iterator[S3Store]:
    """The S3 adapter on it."""
    store = connect(BUCKET, server.environment())
    yield store
    store.close()


def onto_itself(server: StubS3, body: bytes) -> Copy:
    """New metadata for an object with these bytes."""
    server.store.put("a", body)
    source = server.store.head("a")
    return Copy(source, "a", source.etag, if_none_match=False, metadata={"m": "2"})


def body_of(server: StubS3) -> bytes:
    """What the object has now."""
    with server.store.get("a") as body:
        return b"".join(body.chunks())


def test_the_target_has_to_be_the_version_that_was_read(server: StubS3, store: S3Store) -> None:
    """The condition is made for the target too, but not where the target is another object."""
    seen: list[str | None] = []

    def note(call: Call) -> None:
        if call.name == "copy":
            seen.append(call.headers.get("if-match"))

    server.before = note
    job = onto_itself(server, b"one")
    copy(store.connection, job)
    assert seen == [job.source.etag]
    assert server.store.head("a").metadata == {"m": "2"}
    store.copy("a", "b", source_if_match=server.store.head("a").etag)
    assert seen == [job.source.etag, None]


def test_stores_without_that_condition(server: StubS3, store: S3Store) -> None:
    """Where the target's condition is refused the source's remains; another refusal stands."""

    def without(call: Call) -> Reply | None:
        if call.name == "copy" and "if-match" in call.headers:
            return refusal(501, "NotImplemented")
        return None

    server.before = without
    job = onto_itself(server, b"one")
    copy(store.connection, job)
    assert server.store.head("a").metadata == {"m": "2"}
    server.before = lambda call: refusal(501, "NotImplemented") if call.name == "copy" else None
    with pytest.raises(NotSupported):
        store.copy("a", "b")


@pytest.mark.parametrize("when", ["upload_part", "complete_multipart"])
def test_a_version_that_comes_during_a_copy_in_parts(
    server: StubS3, store: S3Store, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Another's version is not replaced, whether it came before the completion or with it."""
    monkeypatch.setattr(s3_copy, "PART_BYTES", 5 * MIB)
    job = onto_itself(server, bytes(9 * MIB))
    copy(store.connection, job, most=MIB)
    assert (server.store.head("a").size, server.store.head("a").metadata) == (9 * MIB, {"m": "2"})
    job = onto_itself(server, bytes(9 * MIB))

    def replace(call: Call, reply: Reply) -> Reply:
        if call.name == "upload_part" and call.query["partNumber"] == "2":
            server.store.put("a", b"theirs")
        return reply

    def replace_late(call: Call) -> None:
        if call.name == "complete_multipart":
            server.store.put("a", b"theirs")

    if when == "upload_part":
        server.after = replace
        server.before = _deaf
    else:
        server.before = replace_late
    with pytest.raises(PreconditionFailed):
        copy(store.connection, job, most=MIB)
    assert body_of(server) == b"theirs"
    assert store.list_uploads("") == []


def _deaf(call: Call) -> None:
    """A server that takes no condition with the completion."""
    if call.name == "complete_multipart":
        call.headers.pop("if-match", None)
