"""The store with a user's session, on Ceph's gateway, which refuses sessions a good deal."""

from __future__ import annotations

import pytest
from support.ceph import NEEDS_CEPH
from support.ground import Ground
from support.sessions import SessionSuite

pytestmark = NEEDS_CEPH


@pytest.fixture(scope="module")
def ground(ceph_ground: Ground) -> Ground:
    """A bucket on a running gateway, and a role that its user assumes."""
    return ceph_ground


class TestSession(SessionSuite):
    """The suite on Ceph."""
