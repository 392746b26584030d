"""Isolation on Ceph's gateway by session policies alone: our handlers have no part in it."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ceph import Ceph, missing_programs
from support.ground import Behaviour, Ground, client, prepare_role
from support.isolation import IsolationSuite

from wherobots_storage.namespace.deployment import Deployment, trust_policy
from wherobots_storage.namespace.paths import Root

pytestmark = [
    pytest.mark.slow,
    pytest.mark.store,
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed: {missing_programs()}"),
]

BEHAVIOUR = Behaviour(
    refused_for_sessions=frozenset({"copy a part from", "delete many", "list uploads"}),
    session_assumes_again=True,
)
"""Ceph 16. That a session can assume its role again makes AssumeRole no boundary between users."""

TRUST = trust_policy(Deployment("ceph", Root("bucket", "org/"), "test"))
"""As it is printed for administrators."""


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    """Two buckets on a running gateway, in a folder short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))
    try:
        with Ceph(folder) as ceph:
            ceph.allow_roles()
            environment = ceph.environment()
            names = [f"iso-{uuid.uuid4().hex[:12]}" for _ in range(2)]
            for name in names:
                client(environment).create_bucket(Bucket=name)
            role_arn = prepare_role(environment, TRUST)
            yield Ground(environment, role_arn, names[0], names[1], BEHAVIOUR)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class TestCephIsolation(IsolationSuite):
    """The isolation matrix on Ceph."""
