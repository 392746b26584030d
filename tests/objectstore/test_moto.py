"""The contract, over the S3 adapter and moto."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from support.contract import StoreContract
from support.moto_server import moto_server
from support.servers import MOTO, Server

from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.s3 import S3Store


@pytest.fixture(scope="module")
def moto() -> Iterator[dict[str, str]]:
    """Moto's variables."""
    with moto_server() as environment:
        yield environment


@pytest.fixture
def store(moto: dict[str, str]) -> Iterator[S3Store]:
    """An empty bucket on moto."""
    store = connect(f"test-{uuid.uuid4().hex[:12]}", moto)
    store.connection.client.create_bucket(Bucket=store.bucket)
    yield store
    store.close()


@pytest.fixture
def server() -> Server:
    """What moto can do."""
    return MOTO


class TestMoto(StoreContract):
    """The S3 adapter on moto."""
