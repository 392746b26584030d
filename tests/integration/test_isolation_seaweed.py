"""Isolation on SeaweedFS by session policies alone: our handlers have no part in it."""

from __future__ import annotations

import uuid

import pytest
from support.ground import Behaviour, Ground
from support.isolation import IsolationSuite

from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = pytest.mark.store

BEHAVIOUR = Behaviour(
    refused_for_sessions=frozenset({"put, by a form"}),
    tells_case=False,
    shows_key_ids=True,
)
"""SeaweedFS 4.48."""


@pytest.fixture(scope="module")
def ground(seaweed: EmbeddedStore) -> Ground:
    """Two fresh buckets on SeaweedFS, whose role reaches everything."""
    names = [f"iso-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    for name in names:
        seaweed.create_bucket(name)
    return Ground(seaweed.environment(), seaweed.role_arn, names[0], names[1], BEHAVIOUR)


class TestSeaweedIsolation(IsolationSuite):
    """The isolation matrix on SeaweedFS."""
