"""Web identities of a real issuer, on SeaweedFS, with the roles as ``policy`` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.issuer import NAME, Issuer, running_issuer

from wherobots_storage.commands.checks_isolation import Beyond
from wherobots_storage.commands.checks_reach import ReachChecks, ways
from wherobots_storage.commands.findings import Finding
from wherobots_storage.credentials.connect import source_of
from wherobots_storage.credentials.stores import open_user_store, works_with_session
from wherobots_storage.errors import AccessDenied, CredentialsError
from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore import embedded_config
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.settings import Settings, Tenancy

pytestmark = pytest.mark.store

ROOT = Root("identities", "org/")
ANN, BOB = "customer-ann", "customer-bob"


def role(customer: str) -> str:
    """The role of one customer."""
    return f"storage-{customer}"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """The hub, say."""
    with running_issuer() as running:
        yield running


@pytest.fixture(scope="module")
def store(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A SeaweedFS that knows the issuer, with a role for each of two customers."""
    made = embedded_config._roles
    trusting = {
        "Effect": "Allow",
        "Principal": {"Federated": [NAME]},
        "Action": ["sts:AssumeRoleWithWebIdentity"],
    }
    broad = {
        "roleName": "everyone",
        "roleArn": "arn:aws:iam::role/everyone",
        "trustPolicy": {"Version": "2012-10-17", "Statement": [trusting]},
        "attachedPolicies": ["everything"],
    }

    def printed(keys: embedded_config.Keys) -> dict[str, Any]:
        found = made(keys)
        found["sts"]["providers"] = [issuer.provider]
        for customer in (ANN, BOB):
            deployment = Deployment(
                "seaweedfs",
                ROOT,
                NAME,
                role=role(customer),
                customer=customer,
                identity_provider=True,
                subject=customer.removeprefix("customer-"),
            )
            for part, entries in documents(deployment)["iamConfiguration"].items():
                found[part] = [*found[part], *entries]
        found["roles"].append(broad)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_config, "_roles", printed)
        with EmbeddedStore(tmp_path_factory.mktemp("identities")) as running:
            running.create_bucket(ROOT.bucket)
            yield running


@pytest.fixture
def token_file(
    store: EmbeddedStore, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Ann's server: her token in a file, and no key anywhere."""
    file = tmp_path / "token"
    file.write_text(issuer.token("ann"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.endpoint_url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    return file


@pytest.fixture
def settings(tmp_path: Path, token_file: Path) -> Settings:
    """Those of Ann's server."""
    assert token_file.exists()
    arn = f"arn:aws:iam::role/{role(ANN)}"
    tenancy = Tenancy(ROOT, ANN)
    return Settings(tmp_path / "home", tmp_path / "state", tenancy=tenancy, role_arn=arn)


def test_the_server_works_with_the_user_s_session(settings: Settings) -> None:
    """By itself, once there is a token: it reaches what is the user's, and nothing else."""
    assert works_with_session(settings)
    store = open_user_store(settings)
    store.put(f"org/data/{ANN}/a", b"1")
    with store.get(f"org/data/{ANN}/a") as body:
        assert b"".join(body.chunks()) == b"1"
    assert Beyond(settings.require_tenancy(), store).reached() == []
    with pytest.raises(AccessDenied):
        store.put(f"org/data/{BOB}/a", b"1")
    store.close()


def test_the_token_alone_reaches_no_more(store: EmbeddedStore, issuer: Issuer) -> None:
    """A kernel can take the token, and ask for a session without a policy: the role is Ann's."""
    sts: Any = boto3.client(
        "sts",
        endpoint_url=store.endpoint_url,
        region_name="us-east-1",
        config=Config(signature_version=botocore.UNSIGNED),
    )

    def assume(customer: str) -> dict[str, Any]:
        asked = {"RoleArn": f"arn:aws:iam::role/{role(customer)}", "RoleSessionName": "kernel"}
        found = sts.assume_role_with_web_identity(WebIdentityToken=issuer.token("ann"), **asked)
        keys: dict[str, Any] = found["Credentials"]
        return keys

    with pytest.raises(ClientError, match="AccessDenied"):
        assume(BOB)
    keys = assume(ANN)
    make: Any = boto3.client
    s3 = make(
        "s3",
        endpoint_url=store.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    s3.put_object(Bucket=ROOT.bucket, Key=f"org/data/{ANN}/b", Body=b"1")
    for key in (f"org/data/{BOB}/b", f"org/data/{ANN}x/b", f"org/notebooks/{BOB}/b", "other"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(Bucket=ROOT.bucket, Key=key, Body=b"1")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=ROOT.bucket, Key=key)


def reach(settings: Settings) -> Finding:
    """What doctor says of what a kernel of this server could use."""
    store = open_user_store(settings)
    checks = ReachChecks(settings.require_tenancy(), store, True, tuple(ways(settings, [])))
    try:
        assert Beyond(settings.require_tenancy(), store).reached() == []
        return checks.reach()
    finally:
        store.close()


def test_doctor_tries_the_token_without_a_policy(settings: Settings) -> None:
    """A role of the customer's own passes; one for everybody fails, whatever the server has."""
    assert reach(settings).state == "ok"
    finding = reach(replace(settings, role_arn="arn:aws:iam::role/everyone"))
    assert finding.state == "failed"
    assert "write another customer's data" in finding.message


def test_doctor_tries_keys_that_were_left(
    settings: Settings, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deployment's keys in the server's environment are found, and what they reach."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, store.environment()[name])
    finding = reach(settings)
    assert finding.state == "failed"
    assert "the environment (AWS_ACCESS_KEY_ID)" in finding.message
    assert "list everybody's notebooks" in finding.message


def test_another_customer_s_role(settings: Settings) -> None:
    """A user who names another customer and role in the configuration gets no session."""
    other = Tenancy(ROOT, BOB)
    forged = replace(settings, tenancy=other, role_arn=f"arn:aws:iam::role/{role(BOB)}")
    scope = Scope.of_areas(ROOT, other.permissions, "write")
    with pytest.raises(AccessDenied):
        source_of(forged).vend(scope, 900)


def test_a_token_that_expired_is_said_and_a_new_one_is_taken(
    settings: Settings, issuer: Issuer, token_file: Path
) -> None:
    """The file is read for each session, since whoever writes it renews it."""
    tenancy = settings.require_tenancy()
    source = source_of(settings)
    scope = Scope.of_areas(ROOT, tenancy.permissions, "write")
    token_file.write_text(issuer.token("ann", seconds=-30))
    with pytest.raises(CredentialsError) as caught:
        source.vend(scope, 900)
    assert "token" in caught.value.message
    assert issuer.token("ann")[:20] not in caught.value.message
    token_file.write_text(issuer.token("ann"))
    assert source.vend(scope, 900).session_token


def test_a_token_of_somebody_else_s_issuer(settings: Settings, token_file: Path) -> None:
    """What the issuer did not sign is no identity."""
    forger = Issuer()
    with running_issuer() as other:
        forger.url = other.url
        token_file.write_text(forger.token("ann"))
        scope = Scope.of_areas(ROOT, settings.require_tenancy().permissions, "write")
        with pytest.raises((CredentialsError, AccessDenied)):
            source_of(settings).vend(scope, 900)
