"""Web identities of a real issuer, on SeaweedFS, with the roles as ``policy`` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.identities import (
    ANN,
    BOB,
    ROOT,
    Identities,
    IdentitySuite,
    role_name,
    subject,
    within_reach,
)
from support.issuer import NAME, running_issuer

from wherobots_storage.commands.checks_reach import ReachChecks
from wherobots_storage.credentials.stores import open_user_store
from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.objectstore import embedded_config
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.settings import Settings

pytestmark = pytest.mark.store


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Identities]:
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

    with running_issuer() as issuer, pytest.MonkeyPatch.context() as patch:

        def printed(keys: embedded_config.Keys) -> dict[str, Any]:
            found = made(keys)
            found["sts"]["providers"] = [issuer.provider]
            for customer in (ANN, BOB):
                deployment = Deployment(
                    "seaweedfs",
                    ROOT,
                    NAME,
                    role=role_name(customer),
                    customer=customer,
                    identity_provider=True,
                    subject=subject(customer),
                )
                for part, entries in documents(deployment)["iamConfiguration"].items():
                    found[part] = [*found[part], *entries]
            found["roles"].append(broad)
            return found

        patch.setattr(embedded_config, "_roles", printed)
        with EmbeddedStore(tmp_path_factory.mktemp("identities")) as running:
            running.create_bucket(ROOT.bucket)
            environment = running.environment()
            yield Identities(
                environment, issuer, lambda customer: f"arn:aws:iam::role/{role_name(customer)}"
            )


class TestSeaweedIdentities(IdentitySuite):
    """Web identities on SeaweedFS."""

    def test_doctor_tries_a_role_for_everybody(self, settings: Settings) -> None:
        """It fails whatever the server's own session has: a kernel can do without the policy."""
        finding = within_reach(replace(settings, role_arn="arn:aws:iam::role/everyone"))
        assert finding.state == "failed"
        assert "write another customer's data" in finding.message

    def test_doctor_knows_that_case_is_not_told_apart(self, settings: Settings) -> None:
        """Of SeaweedFS it is worth knowing, also where every name is in lower case."""
        store = open_user_store(settings)
        finding = ReachChecks(settings.require_tenancy(), store, True, ()).case()
        store.close()
        assert finding.state == "note"
        assert "customer-ANN" in finding.message
