"""The contract, over the S3 adapter and Ceph's gateway: strict, old, and true to odd keys."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from support.bulk_contract import BulkContract
from support.ceph import NEEDS_CEPH, Ceph
from support.contract import StoreContract
from support.servers import CEPH, Server

from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import BulkTransfers

pytestmark = NEEDS_CEPH


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
