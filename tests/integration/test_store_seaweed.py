"""The contract, over the S3 adapter and SeaweedFS."""

from __future__ import annotations

import pytest
from support.contract import StoreContract
from support.servers import SEAWEED, Server

from wherobots_storage.objectstore.s3 import S3Store

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
