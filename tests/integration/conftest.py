"""What tests of agents on a real store begin with."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.awscli import aws as aws  # noqa: PLC0414 - a fixture
from support.ceph import USER, Ceph
from support.ground import Behaviour, Ground, client, prepare_role
from support.homes import Bench

from wherobots_storage.namespace.deployment import Deployment, trust_policy
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.s3 import S3Store


@pytest.fixture
def bench(
    tmp_path: Path,
    s3_store: S3Store,
    seaweed_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> Bench:
    """A home, and SeaweedFS's variables in the environment of what is started."""
    assert seaweed_environment
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    return Bench(tmp_path, s3_store)


@pytest.fixture(scope="session")
def ceph(_session_environment: None) -> Iterator[Ceph]:
    """A running gateway, one for the whole run, in a folder short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))
    try:
        with Ceph(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def ceph_ground(ceph: Ceph) -> Ground:
    """Two fresh buckets on Ceph, and a role that reaches everything, trusted as it is printed."""
    environment = ceph.environment()
    names = [f"iso-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    for name in names:
        client(environment).create_bucket(Bucket=name)
    trust = trust_policy(Deployment("ceph", Root(names[0], "org/"), USER))
    role_arn = prepare_role(environment, trust)
    return Ground(environment, role_arn, names[0], names[1], Behaviour())
