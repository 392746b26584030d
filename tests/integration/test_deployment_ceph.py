"""The administrator's documents, as ``policy`` prints them, at work on Ceph's gateway."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.attempts import outcome
from support.ceph import NEEDS_CEPH, USER, Ceph
from support.documents import (
    BUCKET,
    ROOT,
    TREE,
    check_cors,
    check_lifecycle_is_kept,
)
from support.ground import client, prepare_role
from support.places import PLACES, found_at

from wherobots_storage.credentials.source import Credentials
from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.namespace.policy import compact

pytestmark = NEEDS_CEPH


@pytest.fixture(scope="module")
def environment(ceph: Ceph) -> dict[str, str]:
    """A running gateway with the bucket."""
    found = ceph.environment()
    client(found).create_bucket(Bucket=BUCKET)
    return found


def role_session(environment: dict[str, str], customer: str | None) -> Any:
    """S3 by a session of a printed role, without a policy of its own: all that the role may."""
    found = documents(Deployment("ceph", ROOT, USER, customer=customer))
    role = prepare_role(environment, found["trustPolicy"], found["permissionPolicy"])
    asked = {"RoleArn": role, "RoleSessionName": "admin"}
    keys = client(environment, service="sts").assume_role(**asked)["Credentials"]
    held = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], 0)
    return client(environment, held)


@pytest.fixture(scope="module")
def session(environment: dict[str, str]) -> Any:
    """All that customer-a's role may."""
    return role_session(environment, "customer-a")


@pytest.fixture(scope="module")
def tree_session(environment: dict[str, str]) -> Any:
    """All that the role for everybody may."""
    return role_session(environment, None)


@pytest.mark.parametrize(("prefix", "expected"), [*PLACES, ("org/data/customer-A/", "denied")])
def test_the_role_reaches_the_table(session: Any, prefix: str, expected: str) -> None:
    """The permission policy alone, without a session policy, keeps the role in the table."""
    assert found_at(session, BUCKET, prefix) == {expected}


@pytest.mark.parametrize(("prefix", "expected"), TREE)
def test_the_role_for_all_reaches_the_tree(tree_session: Any, prefix: str, expected: str) -> None:
    """With --all the role has the organisation's tree and nothing beside it."""
    assert found_at(tree_session, BUCKET, prefix) == {expected}


def test_there_is_no_tag_in_a_resource(environment: dict[str, str]) -> None:
    """The policy that serves all customers by a tag, as on AWS, is not taken: hence the tree."""
    user = "arn:aws:iam::123456789012:user/hub"
    policy = documents(Deployment("aws", ROOT, user))["permissionPolicy"]
    trust = documents(Deployment("ceph", ROOT, USER))["trustPolicy"]
    with pytest.raises(ClientError) as caught:
        prepare_role(environment, trust, policy)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_lifecycle_rule_frees_what_was_not_finished(
    environment: dict[str, str], ceph: Ceph
) -> None:
    """After the seven days an unfinished upload below the root is gone, one beside it stays."""
    s3 = client(environment)
    check_lifecycle_is_kept(s3)
    for key in ("org/data/shared/unfinished", "beside"):
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        part = {"Bucket": BUCKET, "Key": key, "UploadId": upload, "PartNumber": 1}
        s3.upload_part(**part, Body=b"1")
    left: list[str] = []
    deadline = time.monotonic() + 240
    while left != ["beside"] and time.monotonic() < deadline:
        time.sleep(2)
        ceph.process_lifecycles(day_seconds=1)
        uploads = s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        left = [upload["Key"] for upload in uploads]
    assert left == ["beside"]


def test_the_cors_rules_let_the_named_origin_read(environment: dict[str, str]) -> None:
    """Only the page of the named origin is given what it reads."""
    check_cors(client(environment))


def test_the_bucket_policy_refuses_plain_http(environment: dict[str, str], session: Any) -> None:
    """With the bucket's policy a session gets nothing without TLS; it can be taken back."""
    admin = client(environment)
    at = {"Bucket": BUCKET, "Key": "org/data/customer-a/tls"}
    session.put_object(**at, Body=b"1")
    printed = documents(Deployment("ceph", ROOT, USER, customer="customer-a"))["bucketPolicy"]
    admin.put_bucket_policy(Bucket=BUCKET, Policy=compact(printed))
    try:
        assert outcome(session.get_object, **at) == "denied"
    finally:
        admin.delete_bucket_policy(Bucket=BUCKET)
    assert outcome(session.get_object, **at) == "allowed"
