"""The administrator's documents, as ``policy`` prints them, at work on SeaweedFS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.attempts import outcome
from support.documents import (
    BUCKET,
    ORIGIN,
    ROOT,
    TREE,
    check_cors,
    check_lifecycle_is_kept,
)
from support.places import PLACES, found_at

from wherobots_storage.commands.checks_bucket import STRANGER
from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.objectstore import embedded_config
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.inspect import inspect_store

pytestmark = pytest.mark.store

ROLES = {"customer-a": "wherobots-storage-a", None: "wherobots-storage-all"}
"""The roles that are printed: one customer's, and the one for all."""

DOCUMENTS = {
    customer: documents(
        Deployment("seaweedfs", ROOT, embedded_config.IDENTITY.user, role=role, customer=customer)
    )
    for customer, role in ROLES.items()
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A SeaweedFS whose roles are those of the printed configuration, and no other."""
    made = embedded_config._roles

    def printed(keys: embedded_config.Keys) -> dict[str, Any]:
        found = [one["iamConfiguration"] for one in DOCUMENTS.values()]
        parts = {name: [one[name][0] for one in found] for name in ("policies", "roles")}
        return made(keys) | parts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_config, "_roles", printed)
        with EmbeddedStore(tmp_path_factory.mktemp("admin")) as running:
            running.create_bucket(BUCKET)
            yield running


def client(store: EmbeddedStore, service: str, keys: dict[str, Any] | None = None) -> Any:
    """A client with a session's keys, or the administrator's."""
    make: Any = boto3.client
    given = keys or {"AccessKeyId": store.access_key, "SecretAccessKey": store.secret_key}
    return make(
        service,
        endpoint_url=store.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}),
    )


def environment(store: EmbeddedStore, keys: dict[str, Any]) -> dict[str, str]:
    """The variables of a server that has a session's keys."""
    return {
        **store.environment(),
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }


def role_keys(store: EmbeddedStore, customer: str | None) -> dict[str, Any]:
    """A session of a printed role without a policy of its own: all that the role may."""
    arn = DOCUMENTS[customer]["iamConfiguration"]["roles"][0]["roleArn"]
    asked = {"RoleArn": arn, "RoleSessionName": "admin"}
    found: dict[str, Any] = client(store, "sts").assume_role(**asked)["Credentials"]
    return found


@pytest.fixture(scope="module")
def keys(store: EmbeddedStore) -> dict[str, Any]:
    """A session of customer-a's role."""
    return role_keys(store, "customer-a")


@pytest.fixture(scope="module")
def tree_keys(store: EmbeddedStore) -> dict[str, Any]:
    """A session of the role for everybody."""
    return role_keys(store, None)


@pytest.mark.parametrize(("prefix", "expected"), PLACES)
def test_the_role_reaches_the_table(
    store: EmbeddedStore, keys: dict[str, Any], prefix: str, expected: str
) -> None:
    """The permission policy alone, without a session policy, keeps the role in the table."""
    assert found_at(client(store, "s3", keys), BUCKET, prefix) == {expected}


@pytest.mark.parametrize(("prefix", "expected"), TREE)
def test_the_role_for_all_reaches_the_tree(
    store: EmbeddedStore, tree_keys: dict[str, Any], prefix: str, expected: str
) -> None:
    """With --all the role has the organisation's tree and nothing beside it."""
    assert found_at(client(store, "s3", tree_keys), BUCKET, prefix) == {expected}


def test_a_session_is_not_trusted(store: EmbeddedStore, keys: dict[str, Any]) -> None:
    """The trust policy names a user: not even the role's own session can assume the role."""
    arn = DOCUMENTS["customer-a"]["iamConfiguration"]["roles"][0]["roleArn"]
    again = client(store, "sts", keys)
    with pytest.raises(ClientError, match="AccessDenied"):
        again.assume_role(RoleArn=arn, RoleSessionName="again")


def test_the_lifecycle_rule_is_taken(store: EmbeddedStore) -> None:
    """The store takes the lifecycle document, and tells it back."""
    check_lifecycle_is_kept(client(store, "s3"))


def test_the_cors_rules_let_the_named_origin_read(store: EmbeddedStore) -> None:
    """Only the page of the named origin is given what it reads."""
    check_cors(client(store, "s3"))
    opened = connect(BUCKET, store.environment())
    found = inspect_store(opened)
    assert found.shown_to_pages("org/data/shared/cors", ORIGIN) is True
    assert found.shown_to_pages("org/data/shared/cors", STRANGER) is False
    opened.close()


def test_the_bucket_policy_refuses_plain_http(store: EmbeddedStore, keys: dict[str, Any]) -> None:
    """With the bucket's policy a session gets nothing without TLS; it can be taken back."""
    admin, s3 = client(store, "s3"), client(store, "s3", keys)
    at = {"Bucket": BUCKET, "Key": "org/data/customer-a/tls"}
    s3.put_object(**at, Body=b"1")
    admin.put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps(DOCUMENTS["customer-a"]["bucketPolicy"])
    )
    opened = connect(BUCKET, environment(store, keys))
    try:
        assert outcome(s3.get_object, **at) == "denied"
        assert inspect_store(opened).served_over_http(at["Key"]) is False
    finally:
        admin.delete_bucket_policy(Bucket=BUCKET)
    assert outcome(s3.get_object, **at) == "allowed"
    assert inspect_store(opened).served_over_http(at["Key"]) is True
    opened.close()
