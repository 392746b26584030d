"""What a store must do with a user's session: one suite, run on every server that has STS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.ground import Ground

from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.renewing import renewing
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.errors import AccessDenied, NotFound
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore import s3_copy
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.s3_copy import Copy, copy
from wherobots_storage.objectstore.store import Part, PutRequest, iterate_keys
from wherobots_storage.sync.probe import probe

MIB = 1024**2
CUSTOMER = "customer-a1"


class SessionSuite:
    """The store with a session. Subclasses have a ``ground`` fixture."""

    @pytest.fixture
    def store(self, ground: Ground) -> Iterator[S3Store]:
        """The user's bucket, with the user's session."""
        source = CachedSource(
            AssumeRole(open_client(ground.environment), ground.role_arn, CUSTOMER)
        )
        scope = Scope.of_areas(ground.root, PermissionTable(CUSTOMER), "write")
        endpoint = {"AWS_ENDPOINT_URL": ground.environment["AWS_ENDPOINT_URL"]}
        store = connect(ground.bucket, endpoint, renewing(source, scope, 900))
        yield store
        store.close()

    @pytest.fixture
    def own(self, ground: Ground) -> str:
        """The prefix of the user's own data."""
        return f"{ground.root.prefix}data/{CUSTOMER}/session/"

    def test_only_the_user_s(self, store: S3Store, ground: Ground) -> None:
        """What is the user's can be written and read, and nothing else."""
        prefix = ground.root.prefix
        store.put(f"{prefix}data/{CUSTOMER}/a", b"a")
        with store.get(f"{prefix}data/{CUSTOMER}/a") as body:
            assert b"".join(body.chunks()) == b"a"
        for key in (f"{prefix}data/{CUSTOMER}x/a", f"{prefix}a", "a"):
            ground.admin.put_object(Bucket=ground.bucket, Key=key, Body=b"theirs")
            with pytest.raises(AccessDenied):
                store.put(key, b"a")
            with pytest.raises(AccessDenied):
                store.head(key)

    def test_what_is_missing_is_missing(self, store: S3Store, own: str) -> None:
        """A key that is not there is no refusal, in whatever way it is asked for."""
        with pytest.raises(NotFound):
            store.head(f"{own}missing")
        with pytest.raises(NotFound):
            store.get(f"{own}missing")
        transfers = AttendedTransfers(store.connection)
        with pytest.raises(NotFound):
            transfers.submit_get(f"{own}missing").result()
        transfers.close()

    def test_many_are_deleted(self, store: S3Store, own: str) -> None:
        """Also where the store refuses batches to sessions; a neighbour's key is a failure."""
        keys = [f"{own}many/{number}" for number in range(30)]
        transfers = AttendedTransfers(store.connection)
        for future in [transfers.submit_put(PutRequest(key, b"x")) for key in keys]:
            future.result()
        transfers.close()
        assert store.delete_many([*keys, f"{own}many/missing"]) == []
        assert list(iterate_keys(store, f"{own}many/")) == []
        foreign = own.replace(CUSTOMER, f"{CUSTOMER}x")
        store.put(keys[0], b"x")
        try:
            failures = store.delete_many([keys[0], f"{foreign}a"])
        except AccessDenied:
            pytest.fail("one refused key made all of them fail")
        assert [failure.key for failure in failures] == [f"{foreign}a"]

    def test_nothing_of_a_neighbour_is_deleted(self, store: S3Store, own: str) -> None:
        """When all keys are refused that is told, by an error or for each key."""
        foreign = [f"{own.replace(CUSTOMER, f'{CUSTOMER}x')}{number}" for number in range(3)]
        try:
            failures = store.delete_many(foreign)
        except AccessDenied:
            return
        assert {failure.key for failure in failures} == set(foreign)

    def test_a_large_copy(self, store: S3Store, own: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Also where the store refuses to copy parts to sessions."""
        monkeypatch.setattr(s3_copy, "PART_BYTES", 5 * MIB)
        data = bytes(range(256)) * 4 * 1024 * 12
        store.put(f"{own}source", data, metadata={"m": "1"})
        job = Copy(store.head(f"{own}source"), f"{own}target", None, False, None)
        etag = copy(store.connection, job, most=MIB)
        target = store.head(f"{own}target")
        assert (target.size, target.etag, dict(target.metadata)) == (len(data), etag, {"m": "1"})
        with store.get(f"{own}target") as body:
            assert b"".join(body.chunks()) == data

    def test_parts(self, store: S3Store, own: str) -> None:
        """Multipart uploads work, and are given up."""
        upload = store.create_multipart(f"{own}parts")
        etag = store.upload_part(f"{own}parts", upload, 1, b"part", size=4)
        assert [part.number for part in store.list_parts(f"{own}parts", upload)] == [1]
        store.complete_multipart(f"{own}parts", upload, [Part(1, etag, 4)])
        assert store.head(f"{own}parts").size == 4
        upload = store.create_multipart(f"{own}parts")
        store.abort_multipart(f"{own}parts", upload)

    def test_the_sync_agent_s_probe(self, store: S3Store, ground: Ground) -> None:
        """What the agent tries out at its start works, and leaves nothing."""
        mirror = f"{ground.root.prefix}notebooks/{CUSTOMER}/"
        probe(store, mirror)
        assert list(iterate_keys(store, f"{mirror}.wherobots/probe/")) == []
