"""The contract, over the S3 adapter and Ceph's gateway: strict, old, and true to odd keys."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bulk_contract import BulkContract
from support.ceph import Ceph, missing_programs
from support.contract import StoreContract
from support.servers import CEPH, Server

from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import BulkTransfers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.store,
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed: {missing_programs()}"),
]


@pytest.fixture(scope="module")
def ceph() -> Iterator[Ceph]:
    """A running gateway, in a folder with a path short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))
    try:
        with Ceph(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def store(ceph: Ceph) -> Iterator[S3Store]:
    """An empty bucket on Ceph."""
    store = connect(f"test-{uuid.uuid4().hex[:12]}", ceph.environment())
    store.connection.client.create_bucket(Bucket=store.bucket)
    yield store
    store.close()


@pytest.fixture
def server() -> Server:
    """What Ceph's gateway can do."""
    return CEPH


class TestCeph(StoreContract):
    """The S3 adapter on Ceph."""


@pytest.fixture
def transfers(store: S3Store) -> Iterator[BulkTransfers]:
    """The fastest transfers over the bucket."""
    transfers = open_transfers(store)
    yield transfers
    transfers.close()


class TestCephBulk(BulkContract):
    """Small transfers on Ceph."""
