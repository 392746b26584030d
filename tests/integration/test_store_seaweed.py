"""The contract, over the S3 adapter and SeaweedFS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.bulk_contract import BulkContract
from support.contract import StoreContract
from support.servers import SEAWEED, Server

from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connect import open_transfers
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.store import BulkTransfers

pytestmark = pytest.mark.store


@pytest.fixture
def store(s3_store: S3Store) -> S3Store:
    """An empty bucket on SeaweedFS."""
    return s3_store


@pytest.fixture
def server() -> Server:
    """What SeaweedFS can do."""
    return SEAWEED


class TestSeaweed(StoreContract):
    """The S3 adapter on SeaweedFS."""


@pytest.fixture
def transfers(store: S3Store) -> Iterator[BulkTransfers]:
    """The fastest transfers over the bucket."""
    transfers = open_transfers(store)
    assert isinstance(transfers, AttendedTransfers)
    yield transfers
    transfers.close()


class TestSeaweedBulk(BulkContract):
    """Transfers over connections of their own, on SeaweedFS."""
