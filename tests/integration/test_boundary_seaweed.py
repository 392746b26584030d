"""What `doctor` finds with policies that are too wide, at work on SeaweedFS."""

from __future__ import annotations

from typing import Any

import pytest

from wherobots_storage.commands.checks_isolation import Beyond
from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.renewing import Sessions
from wherobots_storage.credentials.source import MIN_SECONDS
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import (
    LIST_ACTIONS,
    OBJECT_ACTIONS,
    VERSION,
    Scope,
    bucket_arn,
    compact,
)
from wherobots_storage.objectstore.connect import open_store
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.settings import Tenancy

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("seaweed_environment")]

OWN = "org/data/customer-a1"


class Pasted(Scope):
    """A scope whose policy somebody has written by hand."""

    __slots__ = ()

    written: dict[str, tuple[str, ...]]

    def policy(self, partition: str = "aws", kms_key: str | None = None) -> str:
        """Objects below some patterns, listings by others."""
        del kms_key
        arn = bucket_arn(self.bucket, partition)
        objects, listings = type(self).written["objects"], type(self).written["listings"]
        found: list[dict[str, Any]] = [
            {
                "Effect": "Allow",
                "Action": list(OBJECT_ACTIONS["write"]),
                "Resource": [f"{arn}/{pattern}" for pattern in objects],
            },
            {
                "Effect": "Allow",
                "Action": list(LIST_ACTIONS["write"]),
                "Resource": [arn],
                "Condition": {"StringLike": {"s3:prefix": list(listings)}},
            },
        ]
        return compact({"Version": VERSION, "Statement": found})


def reached(
    seaweed: EmbeddedStore,
    bucket: str,
    objects: tuple[str, ...],
    listings: tuple[str, ...],
) -> list[str]:
    """What doctor says of a session of customer-a1's with a policy of these patterns."""
    written = type("Written", (Pasted,), {"written": {"objects": objects, "listings": listings}})
    scope = written(bucket, (f"{OWN}/",), "write", "pasted")
    role = AssumeRole(open_client(), seaweed.role_arn, "pasted")
    store = open_store(bucket, renew=Sessions(CachedSource(role), scope, MIN_SECONDS))
    try:
        tenancy = Tenancy(Root(bucket, "org/"), "customer-a1")
        return Beyond(tenancy, store).reached()
    finally:
        store.close()


def test_a_policy_as_it_should_be(seaweed: EmbeddedStore, bucket: str) -> None:
    """With the slash before the wildcard nothing of anybody else's is found to be open."""
    assert reached(seaweed, bucket, (f"{OWN}/*",), (f"{OWN}/*",)) == []


def test_a_policy_without_the_slash(seaweed: EmbeddedStore, bucket: str) -> None:
    """``customer-a1*`` reaches ``customer-a1x``: everything that it allows there is told."""
    assert reached(seaweed, bucket, (f"{OWN}*",), (f"{OWN}*",)) == [
        f"{verb} another customer's data" for verb in ("list", "read", "delete", "write")
    ]


@pytest.mark.parametrize("pattern", [f"{OWN}*", f"{OWN}"])
def test_a_listing_alone_without_the_slash(
    seaweed: EmbeddedStore, bucket: str, pattern: str
) -> None:
    """Where only the listings are too wide, that is told: by a pattern, or by the bare name."""
    found = reached(seaweed, bucket, (f"{OWN}/*",), (pattern, f"{OWN}/*"))
    assert found[0] == "list another customer's data"
    # Who may list is told of a file that is not there; nothing is read, and nothing changed.
    assert set(found) <= {found[0], "read another customer's data"}
