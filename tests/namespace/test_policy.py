from __future__ import annotations

import json
import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherobots_storage.errors import InvalidPath, OutsideArea, ReadOnlyFolder, TooLarge
from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.namespace.paths import MAX_KEY_BYTES, Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import (
    MAX_SESSION_POLICY,
    Rights,
    Scope,
    compact,
    longest_customer,
)

ROOT = Root("bucket", "org/")
TABLE = PermissionTable("customer-a1")
RIGHTS: tuple[Rights, ...] = get_args(Rights)

segments = st.text(
    st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=40
).filter(lambda text: text not in {".", ".."})


def folder(path: str, rights: Rights = "upload", root: Root = ROOT) -> Scope:
    """The scope of a folder by its display path."""
    return Scope.of_folder(root, TABLE, StoragePath.parse(path), rights)


def allowed(scope: Scope) -> dict[str, Any]:
    """The policy's statements by what they are about."""
    objects, listing, denial = json.loads(scope.policy())["Statement"]
    return {"objects": objects, "listing": listing, "denial": denial}


def matches(pattern: str, text: str) -> bool:
    """Whether a policy's pattern matches, as IAM reads it: case counts, '*' also takes '/'."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def test_a_folder_for_uploads() -> None:
    """A folder's policy allows list, get, put and multipart in it, and nothing else."""
    assert json.loads(folder("/data/customer-a1/in/").policy()) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "s3:GetObject",
                    "s3:PutObject",
                    "s3:AbortMultipartUpload",
                    "s3:ListMultipartUploadParts",
                ],
                "Resource": ["arn:aws:s3:::bucket/org/data/customer-a1/in/*"],
            },
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket"],
                "Resource": ["arn:aws:s3:::bucket"],
                "Condition": {"StringLike": {"s3:prefix": ["org/data/customer-a1/in/*"]}},
            },
            {"Effect": "Deny", "Action": ["sts:*"], "Resource": ["*"]},
        ],
    }


def test_all_writable_areas() -> None:
    """The policy for all areas names the table's five folders, each ending in '/*'."""
    found = allowed(Scope.of_areas(ROOT, TABLE, "write"))
    prefixes = [
        "org/data/customer-a1/*",
        "org/data/shared/*",
        "org/notebooks/customer-a1/*",
        "org/notebooks/shared/*",
        "org/spark-logs/*",
    ]
    assert found["listing"]["Condition"]["StringLike"]["s3:prefix"] == prefixes
    assert found["objects"]["Resource"] == [f"arn:aws:s3:::bucket/{one}" for one in prefixes]


@pytest.mark.parametrize(
    ("rights", "puts", "deletes"),
    [("read", False, False), ("upload", True, False), ("write", True, True)],
)
def test_rights(rights: Rights, puts: bool, deletes: bool) -> None:
    """Each kind of rights allows reading; only upload and write put, only write deletes."""
    actions = allowed(folder("/data/shared/", rights))["objects"]["Action"]
    assert "s3:GetObject" in actions
    assert ("s3:PutObject" in actions) == puts
    assert ("s3:DeleteObject" in actions) == deletes


@pytest.mark.parametrize("rights", RIGHTS)
def test_no_action_has_a_wildcard(rights: Rights) -> None:
    """What a session may do is spelt out: no right comes along that nobody meant."""
    found = allowed(Scope.of_areas(ROOT, TABLE, rights))
    assert not any("*" in action for action in found["objects"]["Action"])
    assert not any("*" in action for action in found["listing"]["Action"])


@pytest.mark.parametrize("rights", RIGHTS)
def test_no_session_makes_another(rights: Rights) -> None:
    """Every policy denies STS, so that a session cannot shed its own policy."""
    denial = {"Effect": "Deny", "Action": ["sts:*"], "Resource": ["*"]}
    assert allowed(folder("/spark-logs/", rights))["denial"] == denial


def test_a_folder_without_its_slash_is_the_folder() -> None:
    """The closing slash is added, so that no neighbour by prefix is reached."""
    assert folder("/data/customer-a1") == folder("/data/customer-a1/")


@pytest.mark.parametrize("path", ["/", "/data/", "/notebooks/"])
@pytest.mark.parametrize("rights", RIGHTS)
def test_read_only_folders_are_refused(path: str, rights: Rights) -> None:
    """A folder that only leads to areas has no credentials of its own, not even to read."""
    with pytest.raises(ReadOnlyFolder, match="read-only"):
        folder(path, rights)


@pytest.mark.parametrize(
    "path",
    ["/data/customer-a1x/", "/data/customer-b/", "/notebooks/customer-b/", "/other/"],
)
def test_folders_of_others_are_refused(path: str) -> None:
    """Nobody gets credentials for a folder outside their areas."""
    with pytest.raises(OutsideArea):
        folder(path, "read")


def test_the_agents_own_folder_is_refused() -> None:
    """The home's trash and lease are not handed out as a folder of their own."""
    with pytest.raises(OutsideArea):
        folder("/notebooks/customer-a1/.wherobots/")


@pytest.mark.parametrize("name", ["a*", "what?", "${aws:username}", "*", "b/*"])
def test_wildcards_in_a_path_are_refused(name: str) -> None:
    """A path that a policy would read as a pattern is refused, with what to do."""
    with pytest.raises(InvalidPath, match="Rename the folder"):
        folder(f"/data/shared/{name}/")


def test_a_plain_dollar_is_allowed() -> None:
    """Only '${' begins a variable; a dollar sign alone is a character like others."""
    found = allowed(folder("/data/shared/us$/"))
    assert found["objects"]["Resource"] == ["arn:aws:s3:::bucket/org/data/shared/us$/*"]


def test_dot_segments_are_refused() -> None:
    """Keys with dot segments exist, but no credentials are made for them."""
    path = StoragePath.exact("/data/shared/../customer-b/")
    with pytest.raises(InvalidPath):
        Scope.of_folder(ROOT, TABLE, path, "read")


def test_other_partitions() -> None:
    """China and GovCloud have ARNs of their own."""
    text = folder("/data/shared/").policy("aws-us-gov")
    assert "arn:aws-us-gov:s3:::bucket/org/data/shared/*" in text


def test_compact_json_is_ascii_without_a_space() -> None:
    """Characters beyond ASCII, and spaces inside names, are written as escapes."""
    text = compact({"key": ["ä b", "c\u2028", "😀"]})
    assert re.fullmatch(r"[!-~]+", text)
    assert json.loads(text) == {"key": ["ä b", "c\u2028", "😀"]}


@given(segments, st.sampled_from(RIGHTS))
def test_a_folders_policy_reaches_exactly_the_folder(name: str, rights: Rights) -> None:
    """Whatever a folder is called, its policy names it literally, in ASCII, or is refused."""
    path = StoragePath.parse("/data/customer-a1/").child(name, is_folder=True)
    try:
        found = allowed(Scope.of_folder(ROOT, TABLE, path, rights))
    except InvalidPath:
        assert "*" in name or "?" in name or "${" in name
        return
    key = f"org/data/customer-a1/{name}/"
    [resource] = found["objects"]["Resource"]
    assert matches(resource, f"arn:aws:s3:::bucket/{key}a")
    assert not matches(resource, f"arn:aws:s3:::bucket/{key[:-1]}")
    assert not matches(resource, f"arn:aws:s3:::bucket/{key[:-1]}x/a")
    assert found["listing"]["Condition"]["StringLike"]["s3:prefix"] == [f"{key}*"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_no_user_name_brings_a_wildcard(user: str) -> None:
    """A hub's user name, however odd, stands literally in the policy."""
    table = PermissionTable(customer_from_user(user))
    for resource in allowed(Scope.of_areas(ROOT, table, "write"))["objects"]["Resource"]:
        assert resource.endswith("/*")
        assert not re.search(r"[*?$]", resource[:-1])


@pytest.mark.parametrize("rights", RIGHTS)
@pytest.mark.parametrize(
    ("bucket", "prefix", "customer"),
    [
        ("wbts-wbc-m97rcg45xi", "42ly7mi0p1/", "customer-" + "x" * 246),
        ("b" * 63, "p" * 63 + "/", "customer-" + "x" * 64),
        ("b" * 63, "", "customer-" + "-f0-9f-98-80" * 15),
    ],
    ids=["longest name from a hub", "longest explicit name", "a hub's emoji"],
)
def test_long_names_fit(bucket: str, prefix: str, customer: str, rights: Rights) -> None:
    """All areas fit for the longest names where the others are not the longest too."""
    scope = Scope.of_areas(Root(bucket, prefix), PermissionTable(customer), rights)
    assert len(scope.policy()) <= MAX_SESSION_POLICY


KEY = "arn:aws:kms:ap-southeast-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"


@pytest.mark.parametrize(
    ("rights", "actions"),
    [
        ("read", ["kms:Decrypt"]),
        ("upload", ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("write", ["kms:Decrypt", "kms:GenerateDataKey"]),
    ],
)
def test_a_bucket_with_a_key_of_one_s_own(rights: Rights, actions: list[str]) -> None:
    """A session has the right to the bucket's KMS key, and to no other, beside all it had."""
    scope = folder("/data/customer-a1/", rights)
    plain = json.loads(scope.policy())["Statement"]
    *before, key, denial = json.loads(scope.policy(kms_key=KEY))["Statement"]
    assert [*before, denial] == plain
    assert key == {"Effect": "Allow", "Action": actions, "Resource": [KEY]}


@pytest.mark.parametrize(("prefix", "customer"), [(85, 73), (107, 18)])
def test_with_a_key_long_names_fit(prefix: int, customer: int) -> None:
    """As long as is documented: a key's statement takes sixteen characters of a root's prefix."""
    root = Root("b" * 20, "p" * prefix + "/")
    assert longest_customer(root, "aws", KEY) >= customer
    table = PermissionTable(f"customer-{'x' * (customer - 9)}")
    for rights in RIGHTS:
        text = Scope.of_areas(root, table, rights).policy("aws", KEY)
        assert len(text) <= MAX_SESSION_POLICY
        assert " " not in text


@pytest.mark.parametrize("rights", RIGHTS)
def test_the_longest_prefix_fits_one_folder(rights: Rights) -> None:
    """One folder's policy fits for the longest customer below the longest prefix."""
    customer = "customer-" + "x" * 246
    root = Root("b" * 63, "p" * 255 + "/")
    path = StoragePath.parse(f"/notebooks/{customer}/")
    scope = Scope.of_folder(root, PermissionTable(customer), path, rights)
    assert len(scope.policy()) <= MAX_SESSION_POLICY


def test_too_long_areas_say_what_to_do() -> None:
    """Where all areas cannot be named in 2,048 characters, the error offers a folder."""
    root = Root("b" * 63, "p" * 255 + "/")
    with pytest.raises(TooLarge, match=r"Ask for credentials for one folder") as caught:
        Scope.of_areas(root, TABLE, "write").policy()
    assert caught.value.path is None


def test_too_long_a_folder_says_what_to_do() -> None:
    """A folder deep down whose name does not fit twice is refused with its path."""
    path = "/data/shared/" + "d" * (MAX_KEY_BYTES - len("org/data/shared/") - 1) + "/"
    with pytest.raises(TooLarge, match=r"shorter path.* holds it") as caught:
        folder(path).policy()
    assert caught.value.path == path
