"""The documents for AWS, as ``policy`` prints them, are taken by a mock that checks their form.

What they do there is not shown by it: moto enforces no policy of a session. AWS itself is not to be
had in a test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.documents import BUCKET, ORIGIN, ROOT
from support.ground import client, prepare_role
from support.moto_server import moto_server

from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.namespace.policy import compact

HUB = "arn:aws:iam::123456789012:user/hub"
PROVIDER = "arn:aws:iam::123456789012:oidc-provider/hub.example.org"
DEPLOYMENTS = {
    "one customer": Deployment("aws", ROOT, HUB, customer="customer-a", origins=(ORIGIN,)),
    "all by tags": Deployment("aws", ROOT, HUB, origins=(ORIGIN,)),
    "all by a provider's tags": Deployment("aws", ROOT, PROVIDER, identity_provider=True),
    "one identity": Deployment(
        "aws", ROOT, PROVIDER, customer="customer-a", identity_provider=True, subject="ann"
    ),
}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """A running mock with the bucket."""
    with moto_server() as found:
        client(found).create_bucket(Bucket=BUCKET)
        yield found


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_role_is_taken(environment: dict[str, str], name: str) -> None:
    """Trust and permission are policies in IAM's own grammar, with their variables and tags."""
    found = documents(DEPLOYMENTS[name])
    policy = {"PolicyName": name.replace(" ", "-").replace("'", "")}
    iam = client(environment, service="iam")
    iam.create_policy(**policy, PolicyDocument=compact(found["permissionPolicy"]))
    assert prepare_role(environment, found["trustPolicy"], found["permissionPolicy"])


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_bucket_s_documents_are_taken(environment: dict[str, str], name: str) -> None:
    """So are the bucket's policy and its rules, and they are told back as they are."""
    found: dict[str, Any] = documents(DEPLOYMENTS[name])
    s3 = client(environment)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=compact(found["bucketPolicy"]))
    rules = found["lifecycle"]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=rules)
    [told] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert told == rules["Rules"][0]
    if "cors" in found:
        s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=found["cors"])
        assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"] == found["cors"]["CORSRules"]


def test_the_mock_refuses_what_is_no_policy(environment: dict[str, str]) -> None:
    """What it takes means something: a document without an effect is refused."""
    iam = client(environment, service="iam")
    broken = {"Version": "2012-10-17", "Statement": [{"Action": ["s3:*"], "Resource": ["*"]}]}
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="broken", PolicyDocument=compact(broken))
