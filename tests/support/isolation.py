"""What two customers can do to each other with vended sessions, asked of a real store.

One suite for every store that has STS. What a session is allowed is not read from its policy but
from the permission table; what a store cannot do, or does wrong, stands in ``Behaviour`` and is
asserted in both directions, so that the table of differences stays true.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.attempts import (
    ACTIONS,
    COPIES,
    MAIN_ACTIONS,
    READS,
    WRITES,
    Attempt,
    Outcome,
    content,
    outcome,
    raw,
)
from support.ground import CUSTOMERS, PAIR, PREFIX, Ground, Place, client, folder_of, places
from support.handed import Kind

from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.errors import AccessDenied, OutsideArea
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope

RIGHTS: dict[Kind, Mapping[str, object]] = {
    "kernels": ACTIONS,
    "server": ACTIONS,
    "ingest": READS | COPIES | WRITES,
    "readers": READS,
}
"""What each kind of session may do where it may do anything."""


def expected(ground: Ground, customer: str, kind: Kind, action: str, place: Place) -> Outcome:
    """What the permission table says."""
    if action not in RIGHTS[kind] or action in ground.behaviour.refused_for_sessions:
        return "denied"
    if place.path is None:
        return "denied"
    if kind in {"ingest", "readers"}:
        folder = StoragePath.parse(folder_of(customer)).segments
        return "allowed" if place.path.segments[: len(folder)] == folder else "denied"
    with suppress(OutsideArea):
        access = PermissionTable(customer).access(place.path)
        return "allowed" if access.upload and access.mutate else "denied"
    return "denied"


def check_everywhere(ground: Ground, s3: Any, customer: str, kind: Kind, action: str) -> None:
    """Try one action with a session at every place. Raises AssertionError where it is a wrong one.

    What is denied must not have changed anything either.
    """
    home = PREFIX + folder_of(customer)[1:]
    found, told, changed = {}, {}, []
    for place in places(ground, customer, near=kind in {"ingest", "readers"}):
        one = Attempt(ground, s3, place, home, f"{kind} {action}")
        ground.admin.put_object(**one.at, Body=b"old")
        where = f"{place.bucket == ground.bucket} {place.prefix}"
        found[where] = outcome(ACTIONS[action], one)
        told[where] = expected(ground, customer, kind, action, place)
        if told[where] == "denied" and content(one) != b"old":
            changed.append(where)
    assert found == told
    assert changed == []


class IsolationSuite:
    """The matrix: to be subclassed with a fixture ``ground`` for a store."""

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("kind", RIGHTS)
    @pytest.mark.parametrize("customer", PAIR)
    def test_matrix(self, ground: Ground, customer: str, kind: Kind, action: str) -> None:
        """Each action is allowed exactly where the permission table says, and denied elsewhere."""
        check_everywhere(ground, ground.session(customer, kind), customer, kind, action)

    @pytest.mark.parametrize("customer", CUSTOMERS)
    def test_every_customer_reaches_their_own(self, ground: Ground, customer: str) -> None:
        """Whatever a customer's name, their session works in their own folders and the shared."""
        s3 = ground.session(customer)
        for top, _ in PermissionTable(customer).areas:
            at = {"Bucket": ground.bucket, "Key": f"{top.key(ground.root)}mine"}
            s3.put_object(**at, Body=b"1")
            assert s3.get_object(**at)["Body"].read() == b"1"
            s3.delete_object(**at)

    @pytest.mark.parametrize("customer", CUSTOMERS[1:])
    def test_nobody_reaches_a_neighbour(self, ground: Ground, customer: str) -> None:
        """No other customer's session gets at anything of customer-a1, whatever their name."""
        s3 = ground.session(customer)
        home = f"{PREFIX}data/{customer}/"
        place = Place(ground.bucket, f"{PREFIX}data/customer-a1/", None)
        for action in MAIN_ACTIONS:
            one = Attempt(ground, s3, place, home, f"{customer} {action}")
            ground.admin.put_object(**one.at, Body=b"old")
            found = outcome(ACTIONS[action], one)
            assert (action, found) == (action, "denied")
            assert content(one) == b"old"

    def test_what_is_not_there(self, ground: Ground) -> None:
        """What names a neighbour has cannot be guessed at, unless the store is known to tell."""
        s3 = ground.session("customer-a1")
        with pytest.raises(ClientError) as caught:
            s3.head_object(Bucket=ground.bucket, Key=f"{PREFIX}data/customer-a1x/missing")
        told = caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
        assert told == ground.behaviour.tells_what_is_missing

    def test_upper_and_lower_case(self, ground: Ground) -> None:
        """Names that differ in case only are apart, unless the store is known to mix them up."""
        place = Place(ground.bucket, f"{PREFIX}data/customer-A1/", None)
        one = Attempt(ground, ground.session("customer-a1"), place, "", "case")
        ground.admin.put_object(**one.at, Body=b"old")
        found = outcome(READS["get"], one)
        assert (found == "denied") == ground.behaviour.tells_case

    @pytest.mark.parametrize("prefix", [None, "", PREFIX, f"{PREFIX}data", f"{PREFIX}data/c"])
    @pytest.mark.parametrize("operation", ["list_objects_v2", "list_multipart_uploads"])
    def test_nothing_above_is_listed(
        self, ground: Ground, operation: str, prefix: str | None
    ) -> None:
        """Who else there is cannot be found out by listing: without a prefix, or a shorter one."""
        s3 = ground.session("customer-a1")
        asked = {} if prefix is None else {"Prefix": prefix}
        for more in ({}, {"Delimiter": "/"}):
            listing = {"Bucket": ground.bucket, **asked, **more}
            assert outcome(getattr(s3, operation), **listing) == "denied"

    @pytest.mark.parametrize(
        ("operation", "more"),
        [
            ("create_bucket", {"Bucket": "iso-new"}),
            ("delete_bucket", {}),
            ("get_bucket_policy", {}),
            ("put_bucket_policy", {"Policy": "{}"}),
            ("delete_bucket_policy", {}),
            ("get_bucket_acl", {}),
            ("put_bucket_acl", {"ACL": "public-read"}),
            ("get_bucket_lifecycle_configuration", {}),
            ("list_object_versions", {}),
            ("get_bucket_versioning", {}),
        ],
    )
    def test_the_bucket_itself(self, ground: Ground, operation: str, more: dict[str, str]) -> None:
        """A session can neither look at how the bucket is set up nor change it."""
        s3 = ground.session("customer-a1")
        asked = {"Bucket": ground.bucket, **more}
        assert outcome(getattr(s3, operation), **asked) == "denied"

    @pytest.mark.parametrize(
        ("operation", "more"),
        [
            ("get_object_acl", {}),
            ("put_object_acl", {"ACL": "public-read"}),
            ("get_object_tagging", {}),
            ("put_object_tagging", {"Tagging": {"TagSet": []}}),
            ("delete_object_tagging", {}),
        ],
    )
    @pytest.mark.parametrize("customer", ["customer-a1", "customer-a1x"])
    def test_what_no_session_may(
        self, ground: Ground, customer: str, operation: str, more: dict[str, Any]
    ) -> None:
        """ACLs and tags are not to be had, nor can a session make its own object public."""
        at = {"Bucket": ground.bucket, "Key": f"{PREFIX}data/{customer}/acl"}
        ground.admin.put_object(**at, Body=b"old")
        s3 = ground.session("customer-a1")
        assert outcome(getattr(s3, operation), **at, **more) == "denied"

    def test_buckets_are_not_shown(self, ground: Ground) -> None:
        """The list of buckets is refused, or empty."""
        s3 = ground.session("customer-a1")
        with suppress(ClientError):
            assert s3.list_buckets()["Buckets"] == []

    @pytest.mark.parametrize("trick", ["..", "%2e%2e", ".%2e", "..%5c..", "%252e%252e"])
    def test_no_way_around_by_a_path(self, ground: Ground, trick: str) -> None:
        """Dot segments, plain or encoded, lead nobody to a neighbour's object."""
        theirs = f"{PREFIX}data/customer-a1x/file"
        ground.admin.put_object(Bucket=ground.bucket, Key=theirs, Body=b"secret")
        s3 = ground.session("customer-a1")
        tried = f"{PREFIX}data/customer-a1/{{}}/customer-a1x/file"
        for method, operation in (("GET", "get_object"), ("PUT", "put_object")):
            asked = {"Bucket": ground.bucket, "Key": tried.format("DOTS")}
            url = s3.generate_presigned_url(operation, Params=asked).replace("DOTS", trick)
            assert b"secret" not in raw(method, url)
            asked["Key"] = tried.format(trick)
            url = s3.generate_presigned_url(operation, Params=asked)
            assert b"secret" not in raw(method, url)
        body = ground.admin.get_object(Bucket=ground.bucket, Key=theirs)["Body"].read()
        assert body == b"secret"

    @pytest.mark.parametrize("name", ["..\\customer-a1x\\new", "..%2fcustomer-a1x%2fnew", "/new"])
    def test_no_way_around_by_a_name(self, ground: Ground, name: str) -> None:
        """A key that a store rewrites does not end up in a neighbour's folder."""
        neighbour = f"{PREFIX}data/customer-a1x/"
        s3 = ground.session("customer-a1")
        with suppress(ClientError):
            key = f"{PREFIX}data/customer-a1/{name}"
            s3.put_object(Bucket=ground.bucket, Key=key, Body=b"evil")
        listed = ground.admin.list_objects_v2(Bucket=ground.bucket, Prefix=neighbour)
        assert not any(one["Key"].endswith("new") for one in listed.get("Contents", []))

    @pytest.mark.parametrize(
        "source",
        [
            "{bucket}/{prefix}data/customer-a1/../customer-a1x/secret",
            "{bucket}/{prefix}data/customer-a1/%2e%2e/customer-a1x/secret",
            "/{bucket}/{prefix}data/customer-a1x/secret",
            "{bucket}//{prefix}data/customer-a1x/secret",
            "{bucket}/{prefix}data/customer-a1x/secret?versionId=null",
        ],
    )
    def test_no_way_around_by_a_copy(self, ground: Ground, source: str) -> None:
        """A copy's source is checked as it is resolved: nothing of a neighbour is copied."""
        secret = f"{PREFIX}data/customer-a1x/secret"
        ground.admin.put_object(Bucket=ground.bucket, Key=secret, Body=b"secret")
        own = {"Bucket": ground.bucket, "Key": f"{PREFIX}data/customer-a1/stolen"}
        ground.admin.delete_object(**own)
        s3 = ground.session("customer-a1")
        with suppress(ClientError):
            s3.copy_object(**own, CopySource=source.format(bucket=ground.bucket, prefix=PREFIX))
        listed = ground.admin.list_objects_v2(Bucket=ground.bucket, Prefix=own["Key"])
        assert listed["KeyCount"] == 0

    def test_no_session_from_a_session(self, ground: Ground) -> None:
        """A session cannot assume its role anew without its policy, but where that is known."""
        scope = Scope.of_areas(ground.root, PermissionTable("customer-a1"), "write")
        held = ground.vend("customer-a1")
        environment = {
            "AWS_ENDPOINT_URL": ground.environment["AWS_ENDPOINT_URL"],
            "AWS_ACCESS_KEY_ID": held.access_key_id,
            "AWS_SECRET_ACCESS_KEY": held.secret_access_key,
            "AWS_SESSION_TOKEN": held.session_token,
        }
        again = AssumeRole(open_client(environment), ground.role_arn, "again")
        if ground.behaviour.session_assumes_again:
            assert again.vend(scope, 900).session_token
        else:
            with pytest.raises(AccessDenied):
                again.vend(scope, 900)

    @pytest.mark.parametrize(
        ("operation", "asked"),
        [
            ("list_users", {}),
            ("create_access_key", {}),
            ("create_user", {"UserName": "mallory"}),
            ("create_role", {"RoleName": "mallory", "AssumeRolePolicyDocument": "{}"}),
        ],
    )
    def test_no_administration(self, ground: Ground, operation: str, asked: dict[str, str]) -> None:
        """A session makes no users, roles and keys where the store answers IAM too."""
        held = ground.vend("customer-a1")
        with pytest.raises(ClientError):
            getattr(client(ground.environment, held, "iam"), operation)(**asked)

    def test_key_ids(self, ground: Ground) -> None:
        """A session learns of no long-lived key, unless the store is known to show their ids."""
        held = ground.vend("customer-a1")
        shown: list[Any] = []
        with suppress(ClientError):
            iam = client(ground.environment, held, "iam")
            shown = iam.list_access_keys()["AccessKeyMetadata"]
        assert bool(shown) == ground.behaviour.shows_key_ids
