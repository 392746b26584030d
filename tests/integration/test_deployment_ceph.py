"""The administrator's documents, as ``policy`` prints them, at work on Ceph's gateway."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.attempts import outcome
from support.ceph import Ceph, missing_programs
from support.ground import client, prepare_role
from support.places import PLACES, found_at

from wherobots_storage.credentials.source import Credentials
from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import compact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.store,
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed: {missing_programs()}"),
]

BUCKET = "printed"
DEPLOYMENT = Deployment(
    "ceph",
    Root(BUCKET, "org/"),
    "test",
    customer="customer-a",
    origins=("https://hub.example.org",),
)
DOCUMENTS = documents(DEPLOYMENT)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """A running gateway with the bucket, in a folder short enough for Unix sockets."""
    folder = Path(tempfile.mkdtemp(prefix="rgw-"))
    try:
        with Ceph(folder) as ceph:
            ceph.allow_roles()
            found = ceph.environment()
            client(found).create_bucket(Bucket=BUCKET)
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def session(environment: dict[str, str]) -> Any:
    """S3 by a session of the printed role, without a policy of its own: all that the role may."""
    policies = DOCUMENTS["trustPolicy"], DOCUMENTS["permissionPolicy"]
    role = prepare_role(environment, *policies)
    asked = {"RoleArn": role, "RoleSessionName": "admin"}
    keys = client(environment, service="sts").assume_role(**asked)["Credentials"]
    found = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], 0)
    return client(environment, found)


@pytest.mark.parametrize(("prefix", "expected"), [*PLACES, ("org/data/customer-A/", "denied")])
def test_the_role_reaches_the_table(session: Any, prefix: str, expected: str) -> None:
    """The permission policy alone, without a session policy, keeps the role in the table."""
    assert found_at(session, BUCKET, prefix) == {expected}


def test_the_lifecycle_rule_is_taken(environment: dict[str, str]) -> None:
    """The gateway takes the lifecycle document, and tells it back."""
    s3 = client(environment)
    asked = {"Bucket": BUCKET, "LifecycleConfiguration": DOCUMENTS["lifecycle"]}
    s3.put_bucket_lifecycle_configuration(**asked)
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_the_cors_rules_are_taken(environment: dict[str, str]) -> None:
    """The gateway takes the CORS document, and tells it back."""
    s3 = client(environment)
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=DOCUMENTS["cors"])
    [rule] = s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://hub.example.org"]


def test_the_bucket_policy_refuses_plain_http(environment: dict[str, str], session: Any) -> None:
    """With the bucket's policy a session gets nothing without TLS; it can be taken back."""
    admin = client(environment)
    at = {"Bucket": BUCKET, "Key": "org/data/customer-a/tls"}
    session.put_object(**at, Body=b"1")
    admin.put_bucket_policy(Bucket=BUCKET, Policy=compact(DOCUMENTS["bucketPolicy"]))
    try:
        assert outcome(session.get_object, **at) == "denied"
    finally:
        admin.delete_bucket_policy(Bucket=BUCKET)
    assert outcome(session.get_object, **at) == "allowed"
