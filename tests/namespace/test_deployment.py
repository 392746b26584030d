from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.namespace.deployment import Deployment, Store, documents
from wherobots_storage.namespace.paths import Root

ROOT = Root("bucket", "org/")
STORES: tuple[Store, ...] = get_args(Store)
USER = "arn:aws:iam::123456789012:user/hub"


def made(store: Store, **more: Any) -> dict[str, Any]:
    """The documents for a store, as they are after a way through JSON."""
    principal = more.pop("principal", USER if store == "aws" else "hub")
    found = documents(Deployment(store, ROOT, principal, **more))
    return dict(json.loads(json.dumps(found)))


def resources(policy: dict[str, Any]) -> list[str]:
    """What the first statement of a policy is about."""
    return list(policy["Statement"][0]["Resource"])


@pytest.mark.parametrize("store", STORES)
def test_one_customers_role_reaches_the_table(store: Store) -> None:
    """For one customer the role has the five areas of the table and no more, on every store."""
    policy = made(store, customer="customer-a")["permissionPolicy"]
    assert resources(policy) == [
        "arn:aws:s3:::bucket/org/data/customer-a/*",
        "arn:aws:s3:::bucket/org/data/shared/*",
        "arn:aws:s3:::bucket/org/notebooks/customer-a/*",
        "arn:aws:s3:::bucket/org/notebooks/shared/*",
        "arn:aws:s3:::bucket/org/spark-logs/*",
    ]
    assert {"Effect": "Deny", "Action": ["sts:*"], "Resource": ["*"]} in policy["Statement"]


def test_all_customers_share_a_role_by_tags() -> None:
    """On AWS one role serves everybody by a variable, and trusts only sessions with a fit tag."""
    found = made("aws")
    name = "${aws:PrincipalTag/customer}"
    assert resources(found["permissionPolicy"])[0] == f"arn:aws:s3:::bucket/org/data/{name}/*"
    assert resources(found["permissionPolicy"])[1] == "arn:aws:s3:::bucket/org/data/shared/*"
    [statement] = found["trustPolicy"]["Statement"]
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement["Condition"] == {"StringLike": {"aws:RequestTag/customer": ["customer-*"]}}


KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize("customer", ["customer-a", None])
def test_a_role_for_a_bucket_with_a_key(customer: str | None) -> None:
    """With a KMS key the role may use that key, and no other; a note says what the key must let."""
    found = made("aws", customer=customer, kms_key=KEY)
    about = [one for one in found["permissionPolicy"]["Statement"] if one["Resource"] == [KEY]]
    assert about == [
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": [KEY]}
    ]
    assert any("KMS key's own policy" in note for note in found["notes"])
    assert "kms:" not in json.dumps(made("aws", customer=customer))


@pytest.mark.parametrize("store", ["ceph", "seaweedfs"])
def test_a_key_of_another_store_is_refused(store: Store) -> None:
    """Where sessions need no right to a key, naming one is a mistake."""
    with pytest.raises(InvalidConfiguration, match="Only AWS"):
        made(store, kms_key=KEY)


@pytest.mark.parametrize("store", ["ceph", "seaweedfs"])
def test_without_tags_the_role_has_the_tree(store: Store) -> None:
    """Where there are no tags, everybody's role has the tree, and a note says what narrows it."""
    found = made(store)
    assert resources(found["permissionPolicy"]) == ["arn:aws:s3:::bucket/org/*"]
    assert any("session policy alone" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("store", "principal", "arn"),
    [
        ("aws", USER, USER),
        ("ceph", "hub", "arn:aws:iam:::user/hub"),
        ("seaweedfs", "hub", "arn:aws:iam::000000000000:user/hub"),
        ("ceph", "arn:aws:iam:::user/other", "arn:aws:iam:::user/other"),
    ],
)
def test_only_the_principal_is_trusted(store: Store, principal: str, arn: str) -> None:
    """The trust policy names the one principal, in the form that the store knows."""
    found = made(store, principal=principal, customer="customer-a")
    [statement] = found["trustPolicy"]["Statement"]
    assert statement["Principal"] == {"AWS": [arn]}
    assert statement["Action"] == ["sts:AssumeRole"]


def test_an_identity_provider() -> None:
    """With web identity the trust is the provider's, and plain AssumeRole is not among it."""
    arn = "arn:aws:iam::123456789012:oidc-provider/hub.example.org"
    found = made("aws", principal=arn, identity_provider=True)
    [statement] = found["trustPolicy"]["Statement"]
    assert statement["Principal"] == {"Federated": [arn]}
    assert statement["Action"] == ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]


@pytest.mark.parametrize(
    ("store", "provider", "key"),
    [
        ("aws", "arn:aws:iam::123456789012:oidc-provider/hub.example.org/id", "hub.example.org/id"),
        ("ceph", "arn:aws:iam:::oidc-provider/hub.example.org", "hub.example.org"),
        ("seaweedfs", "hub", "oidc"),
    ],
)
def test_a_customer_s_role_trusts_one_identity(store: Store, provider: str, key: str) -> None:
    """Whoever has a token can do without a session policy: the subject alone keeps others out."""
    found = made(
        store, principal=provider, identity_provider=True, customer="customer-a", subject="ann"
    )
    [statement] = found["trustPolicy"]["Statement"]
    assert statement["Condition"] == {"StringEquals": {f"{key}:sub": "ann"}}


@pytest.mark.parametrize("subject", [None, "", "*", "an*"])
def test_a_role_without_an_identity_is_not_printed(subject: str | None) -> None:
    """Every identity of the provider could assume it."""
    arn = "arn:aws:iam::123456789012:oidc-provider/hub.example.org"
    with pytest.raises(InvalidConfiguration, match="--subject"):
        made("aws", principal=arn, identity_provider=True, customer="customer-a", subject=subject)


@pytest.mark.parametrize("store", ["ceph", "seaweedfs"])
def test_one_role_for_all_identities_needs_tags(store: Store) -> None:
    """Where there are none, the role would reach the whole tree with anybody's token."""
    with pytest.raises(InvalidConfiguration, match="a role for each customer"):
        made(store, principal="hub", identity_provider=True)


@pytest.mark.parametrize("principal", ["", "*", "arn:aws:iam::123456789012:user/*"])
def test_anybody_is_no_principal(principal: str) -> None:
    """A trust policy for everybody is never printed."""
    with pytest.raises(InvalidConfiguration, match="one principal"):
        made("aws", principal=principal)


@pytest.mark.parametrize("principal", ["hub", "arn:aws:iam:::user/hub"])
def test_a_principal_on_aws_has_an_account(principal: str) -> None:
    """On AWS the principal is an ARN with an account."""
    with pytest.raises(InvalidConfiguration, match=r"ARN|account"):
        made("aws", principal=principal)


def test_a_roles_name_is_checked() -> None:
    """A name that no role can have is refused, so that it cannot change an ARN's meaning."""
    with pytest.raises(InvalidConfiguration, match="role's name"):
        made("aws", role="a*b")


@pytest.mark.parametrize(
    ("store", "operator"), [("aws", "Bool"), ("ceph", "BoolIfExists"), ("seaweedfs", "Bool")]
)
def test_the_bucket_refuses_plain_http(store: Store, operator: str) -> None:
    """Every store's bucket policy denies whatever comes without TLS, for everybody."""
    first = made(store)["bucketPolicy"]["Statement"][0]
    assert first["Effect"] == "Deny"
    assert first["Principal"] == "*"
    assert first["Condition"] == {operator: {"aws:SecureTransport": "false"}}


def test_the_role_stays_in_its_tree_on_aws() -> None:
    """The bucket itself denies the role what lies beside the organisation's tree."""
    _, guard = made("aws", role="user")["bucketPolicy"]["Statement"]
    assert guard["Effect"] == "Deny"
    assert guard["Principal"] == {"AWS": ["arn:aws:iam::123456789012:role/user"]}
    assert guard["NotResource"] == ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/org/*"]


def test_other_partitions() -> None:
    """The ARNs are of the principal's partition."""
    found = made("aws", principal="arn:aws-cn:iam::123456789012:user/hub")
    assert resources(found["permissionPolicy"])[-1] == "arn:aws-cn:s3:::bucket/org/spark-logs/*"


@pytest.mark.parametrize("store", STORES)
def test_unfinished_uploads_are_cleared(store: Store) -> None:
    """The lifecycle rule frees the parts of unfinished uploads, below the root only."""
    [rule] = made(store)["lifecycle"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Filter"] == {"Prefix": "org/"}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


def test_cors_is_for_named_origins_only() -> None:
    """Without an origin there is no CORS document; with one it allows reading, from there."""
    assert "cors" not in made("aws")
    [rule] = made("aws", origins=("https://hub.example.org",))["cors"]["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://hub.example.org"]
    assert rule["AllowedMethods"] == ["GET", "HEAD"]


def test_seaweedfs_gets_its_own_file() -> None:
    """SeaweedFS reads roles from a file: the document holds the same two policies."""
    found = made("seaweedfs", customer="customer-a")
    configuration = found["iamConfiguration"]
    assert configuration["roles"][0]["trustPolicy"] == found["trustPolicy"]
    assert configuration["policies"][0]["document"] == found["permissionPolicy"]
    assert configuration["roles"][0]["attachedPolicies"] == [configuration["policies"][0]["name"]]
    assert "iamConfiguration" not in made("ceph")


@pytest.mark.parametrize(
    ("store", "warning"), [("ceph", "web identity"), ("seaweedfs", "lower case")]
)
def test_what_a_store_cannot_do_is_said(store: Store, warning: str) -> None:
    """A store's weakness, where one was measured, stands among the notes."""
    assert any(warning in note for note in made(store, customer="customer-a")["notes"])


def test_what_vouches_for_identities_on_ceph_is_said() -> None:
    """There the thumbprint does not, so that the issuer's URL has to be https."""
    provider = "arn:aws:iam:::oidc-provider/hub.example.org"
    found = made(
        "ceph", principal=provider, identity_provider=True, customer="customer-a", subject="ann"
    )
    assert any("https" in note for note in found["notes"])
    assert not any("web identity" in note for note in found["notes"])


@pytest.mark.parametrize(("store", "denied"), [("ceph", True), ("aws", False)])
def test_what_is_missing_is_not_told_on_ceph(store: Store, denied: bool) -> None:
    """There a denial keeps a session's own policy from having missing files told."""
    policy = made(store, customer="customer-a")["permissionPolicy"]
    found = [one for one in policy["Statement"] if one["Action"] == ["s3:ListBucket"]]
    told = [one["Condition"] for one in found if one["Effect"] == "Deny"]
    assert told == ([{"Null": {"s3:prefix": "true"}}] if denied else [])
