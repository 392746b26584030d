"""What stores refuse to sessions, played: the fallbacks, and when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError
from support.stub_server import Reply, Request, Stub, stub_server

from wherobots_storage.errors import AccessDenied, NotFound
from wherobots_storage.objectstore import s3_copy
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.s3_copy import Copy, copy
from wherobots_storage.objectstore.store import PutRequest

MIB = 1024**2
DENIED = b"<Error><Code>AccessDenied</Code><Message>m</Message></Error>"


def refuse(**_: Any) -> Any:
    """A store's 403."""
    answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    raise ClientError(answer, "Any")


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that answers as it is told."""
    with stub_server() as stub:
        yield stub


@pytest.fixture
def store(stub: Stub) -> Iterator[S3Store]:
    """The S3 adapter on it."""
    store = connect("bucket", stub.environment())
    yield store
    store.close()


def like_aws(*keys: str, listed: bool = True) -> Any:
    """Refuses every object that is asked for; lists ``keys`` where that is allowed."""

    def answer(request: Request) -> Reply:
        query = parse_qs(urlsplit(request.path).query)
        if "list-type" not in query or not listed:
            return Reply(403, b"" if request.method == "HEAD" else DENIED)
        found = "".join(
            f"<Contents><Key>{key}</Key><Size>1</Size><ETag>e</ETag>"
            "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
            for key in keys
            if key.startswith(query.get("prefix", [""])[0])
        )
        return Reply(200, f"<ListBucketResult>{found}</ListBucketResult>".encode())

    return answer


def asked_for(store: S3Store, how: str) -> None:
    """Ask for an object in one of the ways in which it can be missing."""
    if how == "head":
        store.head("a")
    elif how == "get":
        store.get("a")
    elif how == "put":
        store.put("a", b"x", if_match="e")
    else:
        transfers = AttendedTransfers(store.connection)
        try:
            if how == "bulk get":
                transfers.submit_get("a").result()
            else:
                transfers.submit_put(PutRequest("a", b"x", if_match="e")).result()
        finally:
            transfers.close()


@pytest.mark.parametrize("how", ["head", "get", "put", "bulk get", "bulk put"])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (like_aws(), NotFound),
        (like_aws("ab"), NotFound),
        (like_aws("a"), AccessDenied),
        (like_aws(listed=False), AccessDenied),
    ],
    ids=["missing", "another key", "there", "not listed"],
)
def test_a_refusal_for_a_missing_key(
    stub: Stub, store: S3Store, how: str, answer: Any, error: type[Exception]
) -> None:
    """403 means that the key is missing when a listing of it says so, and else what it says."""
    stub.answer = answer
    with pytest.raises(error):
        asked_for(store, how)


def test_a_new_object_that_is_refused_is_refused(stub: Stub, store: S3Store) -> None:
    """Without a condition on what is there, there is nothing to look for."""
    stub.answer = like_aws()
    with pytest.raises(AccessDenied):
        store.put("a", b"x")
    assert all(request.method == "PUT" for request in stub.requests)


@pytest.mark.store
class TestOnSeaweed:
    def test_batches_that_are_refused_are_asked_for_once(
        self, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Keys are deleted one by one then, and later ones at once so."""
        asked = []

        def once(**given: Any) -> Any:
            asked.append(given)
            refuse()

        monkeypatch.setattr(s3_store.connection.client, "delete_objects", once)
        for _ in range(2):
            keys = [f"d/{number}" for number in range(20)]
            for key in keys:
                s3_store.put(key, b"x")
            assert s3_store.delete_many(keys) == []
            assert s3_store.list_page("d/").entries == ()
        assert len(asked) == 1

    def test_where_nothing_may_be_deleted_the_refusal_stands(
        self, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is told as such, and batches are tried again the next time."""
        monkeypatch.setattr(s3_store.connection.client, "delete_objects", refuse)
        monkeypatch.setattr(s3_store.connection.client, "delete_object", refuse)
        with pytest.raises(AccessDenied):
            s3_store.delete_many(["a", "b"])
        assert not s3_store.connection.refuses_batches

    def test_parts_that_cannot_be_copied_are_relayed(
        self, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A large copy then goes through this machine, and is the same."""
        monkeypatch.setattr(s3_copy, "PART_BYTES", 5 * MIB)
        monkeypatch.setattr(s3_store.connection.client, "upload_part_copy", refuse)
        data = bytes(range(256)) * 4 * 1024 * 12
        s3_store.put("source", data)
        job = Copy(s3_store.head("source"), "target", None, if_none_match=True, metadata=None)
        copy(s3_store.connection, job, most=MIB)
        with s3_store.get("target") as body:
            assert b"".join(body.chunks()) == data

    def test_a_copy_that_may_not_be_read_is_refused(
        self, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """When reading is refused too there is no copy, and no upload is left."""
        s3_store.put("source", b"x" * MIB)
        source = s3_store.head("source")
        monkeypatch.setattr(s3_store.connection.client, "upload_part_copy", refuse)
        monkeypatch.setattr(s3_store.connection.client, "get_object", refuse)
        job = Copy(source, "target", None, if_none_match=False, metadata=None)
        with pytest.raises(AccessDenied):
            copy(s3_store.connection, job, most=1000)
        assert s3_store.list_uploads("") == []
