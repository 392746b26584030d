"""The store with a user's session, on Ceph's gateway, which refuses sessions a good deal."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ceph import Ceph, missing_programs
from support.ground import Behaviour, Ground, client, prepare_role
from support.sessions import SessionSuite

from wherobots_storage.namespace.deployment import Deployment, trust_policy
from wherobots_storage.namespace.paths import Root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.store,
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed: {missing_programs()}"),
]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """A bucket on a running gateway, in a folder short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))
    try:
        with Ceph(folder) as ceph:
            ceph.allow_roles()
            environment = ceph.environment()
            name = f"session-{uuid.uuid4().hex[:12]}"
            client(environment).create_bucket(Bucket=name)
            trust = trust_policy(Deployment("ceph", Root("bucket", "org/"), "test"))
            role_arn = prepare_role(environment, trust)
            yield Ground(environment, role_arn, name, name, Behaviour())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class TestSession(SessionSuite):
    """The suite on Ceph."""
