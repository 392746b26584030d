"""Web identities of a real issuer, on Ceph's gateway, with the roles as ``policy`` prints them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from support.attempts import ACTIONS, outcome
from support.ceph import NEEDS_CEPH, USER, Ceph
from support.doctors import ask_doctor
from support.ground import PAIR, PREFIX, Behaviour, Ground, client
from support.identities import ANN, ROOT, Identities, IdentitySuite, subject
from support.isolation import IsolationSuite, check_everywhere
from support.issuer import AUDIENCE, Issuer, running_issuer

from wherobots_storage.credentials.source import CredentialSource
from wherobots_storage.credentials.sts import AssumeRoleWithWebIdentity, open_client
from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import compact

pytestmark = NEEDS_CEPH

BEHAVIOUR = Behaviour(
    refused_for_sessions=frozenset({"copy a part from", "delete many", "list uploads"}),
)
"""Ceph 16. With web identities no session assumes a role again: it is a boundary."""


@contextmanager
def known_issuer(ceph: Ceph, thumbprint: str | None = None) -> Iterator[Issuer]:
    """An issuer that the gateway is told of, with its own thumbprint unless another is given."""
    with running_issuer() as running:
        iam = client(ceph.environment(), service="iam")
        known = {"ClientIDList": [AUDIENCE], "ThumbprintList": [thumbprint or running.thumbprint]}
        made = iam.create_open_id_connect_provider(Url=running.url, **known)
        yield running
        named = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
        iam.delete_open_id_connect_provider(**named)


@pytest.fixture(scope="module")
def issuer(ceph: Ceph) -> Iterator[Issuer]:
    """An issuer that the gateway knows."""
    with known_issuer(ceph) as running:
        yield running


MakeRole = Callable[[Root, str], str]


def role_maker(ceph: Ceph, issuer: Issuer) -> MakeRole:
    """Makes a customer's role as it is printed, once; returns its ARN."""
    iam = client(ceph.environment(), service="iam")
    provider = f"arn:aws:iam:::oidc-provider/{issuer.url.removeprefix('http://')}"

    @cache
    def make(root: Root, customer: str) -> str:
        deployment = Deployment(
            "ceph",
            root,
            provider,
            role=f"role-{uuid.uuid4().hex}",
            customer=customer,
            identity_provider=True,
            subject=subject(customer),
        )
        found = documents(deployment)
        named = {"RoleName": deployment.role}
        trust = compact(found["trustPolicy"])
        made = iam.create_role(**named, Path="/", AssumeRolePolicyDocument=trust)
        policy = compact(found["permissionPolicy"])
        iam.put_role_policy(**named, PolicyName="storage", PolicyDocument=policy)
        return str(made["Role"]["Arn"])

    return make


@pytest.fixture(scope="module")
def make_role(ceph: Ceph, issuer: Issuer) -> MakeRole:
    """Makes roles that trust the issuer's tokens."""
    return role_maker(ceph, issuer)


@pytest.fixture(scope="module")
def identities(ceph: Ceph, issuer: Issuer, make_role: MakeRole) -> Identities:
    """The gateway with two customers' roles."""
    client(ceph.environment()).create_bucket(Bucket=ROOT.bucket)
    return Identities(ceph.environment(), issuer, lambda customer: make_role(ROOT, customer))


@pytest.fixture(scope="module")
def ground(
    ceph_ground: Ground,
    issuer: Issuer,
    make_role: MakeRole,
    tmp_path_factory: pytest.TempPathFactory,
) -> Ground:
    """Two buckets, and sessions of each customer's own role by the customer's own token."""
    tokens = tmp_path_factory.mktemp("tokens")
    sts = open_client(
        {"AWS_ENDPOINT_URL": ceph_ground.environment["AWS_ENDPOINT_URL"]}, signed=False
    )

    def source(customer: str) -> CredentialSource:
        token = tokens / customer
        token.write_text(issuer.token(subject(customer)))
        role = make_role(ceph_ground.root, customer)
        return AssumeRoleWithWebIdentity(sts, role, customer, token)

    return Ground(
        ceph_ground.environment,
        make_role(ceph_ground.root, PAIR[0]),
        ceph_ground.bucket,
        ceph_ground.other_bucket,
        BEHAVIOUR,
        source,
    )


class TestCephIdentities(IdentitySuite):
    """Web identities on Ceph."""

    def test_a_user_called_as_the_bucket_s_owner(self, identities: Identities) -> None:
        """The gateway's user and the issuer's identity of one name are two: nothing is owned."""
        customer = f"customer-{USER}"
        s3 = identities.client(identities.assume(customer, identities.issuer.token(USER)))
        assert outcome(s3.list_objects_v2, Bucket=ROOT.bucket) == "denied"
        assert outcome(s3.put_object, Bucket=ROOT.bucket, Key="other", Body=b"1") == "denied"

    def test_the_thumbprint_is_not_compared(self, ceph: Ceph) -> None:
        """Whoever answers at the issuer's URL is believed: it must be https, with a name of DNS."""
        with known_issuer(ceph, "0" * 40) as issuer:
            roles = role_maker(ceph, issuer)
            known = Identities(ceph.environment(), issuer, lambda customer: roles(ROOT, customer))
            assert known.assume(ANN, issuer.token("ann")).session_token

    def test_only_the_first_key_counts(self, ceph: Ceph) -> None:
        """A token that is signed with another of the issuer's keys is refused."""
        with known_issuer(ceph) as issuer:
            roles = role_maker(ceph, issuer)
            known = Identities(ceph.environment(), issuer, lambda customer: roles(ROOT, customer))
            issuer.before.append(Issuer().key())
            assert outcome(known.assume, ANN, issuer.token("ann")) == "denied"


@pytest.fixture(scope="module")
def token_session(ground: Ground, issuer: Issuer, make_role: MakeRole) -> Any:
    """S3 with a session of the first customer's role, by the token and without a policy."""
    roles = Identities(
        ground.environment, issuer, lambda customer: make_role(ground.root, customer)
    )
    return roles.client(roles.assume(PAIR[0], issuer.token(subject(PAIR[0]))))


class TestCephIsolation(IsolationSuite):
    """The isolation matrix on Ceph, with sessions of web identities."""

    @pytest.mark.parametrize("action", ACTIONS)
    def test_matrix_of_the_token(self, ground: Ground, token_session: Any, action: str) -> None:
        """A session without a policy, which a kernel can have with the token, reaches no more."""
        check_everywhere(ground, token_session, PAIR[0], "kernels", action)

    @pytest.mark.parametrize(
        ("operation", "more"),
        [
            ("create_bucket", {"Bucket": "token-new"}),
            ("list_buckets", {}),
            ("put_object_acl", {"Key": f"{PREFIX}data/{PAIR[0]}/acl", "ACL": "public-read"}),
            ("get_bucket_acl", {}),
            ("get_bucket_policy", {}),
        ],
    )
    def test_what_the_token_is_no_owner_of(
        self, ground: Ground, token_session: Any, operation: str, more: dict[str, str]
    ) -> None:
        """Not even of what it wrote: it makes nothing public, and no bucket."""
        own = {"Bucket": ground.bucket, "Key": f"{PREFIX}data/{PAIR[0]}/acl"}
        token_session.put_object(**own, Body=b"1")
        bucket = {} if operation == "list_buckets" else {"Bucket": ground.bucket}
        assert outcome(getattr(token_session, operation), **(bucket | more)) == "denied"

    def test_doctor_finds_a_boundary(
        self,
        ground: Ground,
        issuer: Issuer,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """What works and what must fail, tried with a server's token, is as it should be."""
        (tmp_path / "token").write_text(issuer.token(subject(PAIR[0])))
        variables = {
            "AWS_ENDPOINT_URL": ground.environment["AWS_ENDPOINT_URL"],
            "AWS_REGION": "us-east-1",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "WHEROBOTS_STORAGE_ROLE_ARN": ground.role_arn,
        }
        found = ask_doctor(capsys, monkeypatch, tmp_path, ground.root, variables)
        for name in ("write", "boundary", "temporary credentials", "sessions"):
            assert found[name]["state"] == "ok", found[name]
