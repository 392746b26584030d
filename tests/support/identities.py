"""What a store must do with web identities of a real issuer: one suite, run on every such store.

The roles are those that ``policy`` prints, one for each of two customers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from support.attempts import outcome
from support.ground import client
from support.issuer import Issuer, running_issuer

from wherobots_storage.commands.checks_isolation import Beyond
from wherobots_storage.commands.checks_reach import ReachChecks, ways
from wherobots_storage.commands.findings import Finding
from wherobots_storage.credentials.connect import source_of
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.stores import open_user_store, works_with_session
from wherobots_storage.errors import AccessDenied, CredentialsError, StorageError
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Settings, Tenancy

ROOT = Root("identities", "org/")
ANN, BOB = "customer-ann", "customer-bob"


def role_name(customer: str) -> str:
    """The name of one customer's role."""
    return f"storage-{customer}"


def subject(customer: str) -> str:
    """The identity that one customer has at the issuer."""
    return customer.removeprefix("customer-")


@dataclass(frozen=True)
class Identities:
    """A store with an issuer that it knows, and the roles of the customers.

    ``environment`` is the administrator's.
    """

    environment: Mapping[str, str]
    issuer: Issuer
    role_arn: Callable[[str], str]

    def assume(self, customer: str, token: str) -> Credentials:
        """What anybody with a token can do, a kernel too: no session policy, none of our code."""
        make: Any = boto3.client
        config = Config(signature_version=botocore.UNSIGNED, retries={"total_max_attempts": 1})
        url = self.environment["AWS_ENDPOINT_URL"]
        sts = make("sts", endpoint_url=url, region_name="us-east-1", config=config)
        asked = {"RoleArn": self.role_arn(customer), "RoleSessionName": "kernel"}
        found = sts.assume_role_with_web_identity(WebIdentityToken=token, **asked)["Credentials"]
        ends = found["Expiration"].timestamp()
        key, secret = found["AccessKeyId"], found["SecretAccessKey"]
        return Credentials(key, secret, found["SessionToken"], ends)

    def client(self, held: Credentials) -> Any:
        """S3 with a session."""
        return client(self.environment, held)


def within_reach(settings: Settings) -> Finding:
    """What doctor says of what a kernel of this server could use."""
    store = open_user_store(settings)
    checks = ReachChecks(settings.require_tenancy(), store, True, tuple(ways(settings, [])))
    try:
        assert Beyond(settings.require_tenancy(), store).reached() == []
        return checks.reach()
    finally:
        store.close()


class IdentitySuite:
    """To be subclassed with a fixture ``identities`` for a store."""

    @pytest.fixture
    def token_file(
        self, identities: Identities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Path:
        """Ann's server: her token in a file, and no key anywhere."""
        file = tmp_path / "token"
        file.write_text(identities.issuer.token("ann"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", identities.environment["AWS_ENDPOINT_URL"])
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
        return file

    @pytest.fixture
    def settings(self, identities: Identities, tmp_path: Path, token_file: Path) -> Settings:
        """Those of Ann's server."""
        assert token_file.exists()
        arn = identities.role_arn(ANN)
        tenancy = Tenancy(ROOT, ANN)
        return Settings(tmp_path / "home", tmp_path / "state", tenancy=tenancy, role_arn=arn)

    def test_the_server_works_with_the_user_s_session(self, settings: Settings) -> None:
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

    def test_the_token_alone_reaches_no_more(self, identities: Identities) -> None:
        """A kernel can ask with the token for a session without a policy: the role is Ann's."""
        token = identities.issuer.token("ann")
        assert outcome(identities.assume, BOB, token) == "denied"
        s3 = identities.client(identities.assume(ANN, token))
        s3.put_object(Bucket=ROOT.bucket, Key=f"org/data/{ANN}/b", Body=b"1")
        for key in (f"org/data/{BOB}/b", f"org/data/{ANN}x/b", f"org/notebooks/{BOB}/b", "other"):
            assert outcome(s3.put_object, Bucket=ROOT.bucket, Key=key, Body=b"1") == "denied"
            assert outcome(s3.get_object, Bucket=ROOT.bucket, Key=key) == "denied"

    def test_doctor_tries_the_token_without_a_policy(self, settings: Settings) -> None:
        """A role of the customer's own passes."""
        finding = within_reach(settings)
        assert finding.state == "ok", finding

    def test_doctor_tries_keys_that_were_left(
        self, settings: Settings, identities: Identities, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The deployment's keys in the server's environment are found, and what they reach."""
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, identities.environment[name])
        finding = within_reach(settings)
        assert finding.state == "failed"
        assert "the environment (AWS_ACCESS_KEY_ID)" in finding.message, finding
        assert "list everybody's notebooks" in finding.message

    def test_a_session_assumes_no_role(self, identities: Identities) -> None:
        """Neither the other's nor its own: the roles trust the provider's tokens, and no user."""
        held = identities.assume(ANN, identities.issuer.token("ann"))
        sts = client(identities.environment, held, "sts")
        for customer in (ANN, BOB):
            asked = {"RoleArn": identities.role_arn(customer), "RoleSessionName": "again"}
            assert outcome(sts.assume_role, **asked) == "denied"

    @pytest.mark.parametrize("claims", [{"aud": "other"}, {"sub": "ann "}, {"sub": "Ann"}])
    def test_a_token_for_somebody_or_something_else(
        self, identities: Identities, claims: dict[str, str]
    ) -> None:
        """The audience and the subject are compared as they are written."""
        token = identities.issuer.token("ann", 600, **claims)
        with pytest.raises(ClientError):
            identities.assume(ANN, token)

    def test_another_customer_s_role(self, identities: Identities, settings: Settings) -> None:
        """A user who names another customer and role in the configuration gets no session."""
        other = Tenancy(ROOT, BOB)
        forged = replace(settings, tenancy=other, role_arn=identities.role_arn(BOB))
        scope = Scope.of_areas(ROOT, other.permissions, "write")
        with pytest.raises(AccessDenied):
            source_of(forged).vend(scope, 900)

    def test_a_token_that_expired_is_said_and_a_new_one_is_taken(
        self, settings: Settings, identities: Identities, token_file: Path
    ) -> None:
        """The file is read for each session, since whoever writes it renews it."""
        tenancy = settings.require_tenancy()
        source = source_of(settings)
        scope = Scope.of_areas(ROOT, tenancy.permissions, "write")
        token_file.write_text(identities.issuer.token("ann", seconds=-30))
        with pytest.raises((CredentialsError, AccessDenied)) as caught:
            source.vend(scope, 900)
        assert "token" in caught.value.message
        assert identities.issuer.token("ann")[:20] not in caught.value.message
        token_file.write_text(identities.issuer.token("ann"))
        assert source.vend(scope, 900).session_token

    def test_a_token_of_somebody_else_s_issuer(self, settings: Settings, token_file: Path) -> None:
        """What the issuer did not sign is no identity."""
        forger = Issuer()
        with running_issuer() as other:
            forger.url = other.url
            token_file.write_text(forger.token("ann"))
            scope = Scope.of_areas(ROOT, settings.require_tenancy().permissions, "write")
            with pytest.raises((CredentialsError, AccessDenied)):
                source_of(settings).vend(scope, 900)

    def test_a_token_in_the_issuer_s_name(
        self, settings: Settings, identities: Identities, token_file: Path
    ) -> None:
        """Whoever claims to be the issuer, and signs with another key, is found out."""
        forger = Issuer()
        forger.url = identities.issuer.url
        token_file.write_text(forger.token("ann"))
        scope = Scope.of_areas(ROOT, settings.require_tenancy().permissions, "write")
        with pytest.raises(StorageError):
            source_of(settings).vend(scope, 900)
