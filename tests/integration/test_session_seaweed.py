"""The store with a user's session, on SeaweedFS."""

from __future__ import annotations

import uuid

import pytest
from support.ground import Behaviour, Ground
from support.sessions import SessionSuite

from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = pytest.mark.store


@pytest.fixture(scope="module")
def ground(seaweed: EmbeddedStore) -> Ground:
    """A fresh bucket, and the role that reaches everything."""
    name = f"session-{uuid.uuid4().hex[:12]}"
    seaweed.create_bucket(name)
    return Ground(seaweed.environment(), seaweed.role_arn, name, name, Behaviour())


class TestSession(SessionSuite):
    """The suite on SeaweedFS."""
