"""Two customers' ground on a store: its buckets, its role, the vended sessions, the places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Rights, Scope, compact

PREFIX = "my org+é/"
"""A root with a space, a plus and a letter beyond ASCII: each has broken a policy somewhere."""

ODD_USERS = ("A1", "a.1", "a1*", "ü😀", "../a1", "a1/x", "${aws:username}", "-a1", " ")
"""Users of a hub whose encoded names are neighbours of ``customer-a1``."""

EXPLICIT = ("customer-a1", "customer-a1x", "customer-a", "customer-a.1", "customer-ab1")
CUSTOMERS = (
    *EXPLICIT,
    "customer-a_1",
    "customer-a-1",
    *(customer_from_user(user) for user in ODD_USERS),
)

FOLDER = "/data/customer-a1/in coming/"


@dataclass(frozen=True)
class Behaviour:
    """Where a store departs from AWS, as it was measured."""

    refused_for_sessions: frozenset[str] = frozenset()
    """Actions that it refuses to every session, also where the policy allows them."""
    tells_case: bool = True
    """Whether a policy for ``customer-a1`` does not reach ``customer-A1``."""
    session_assumes_again: bool = False
    """Whether a session can assume its role anew, without its session policy."""
    shows_key_ids: bool = False
    """Whether a session can list the ids (not the secrets) of the keys it was made with."""


@dataclass
class Ground:
    """A store with two buckets, a role that reaches everything, and what sessions are made of."""

    environment: Mapping[str, str]
    role_arn: str
    bucket: str
    other_bucket: str
    behaviour: Behaviour
    _sessions: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def root(self) -> Root:
        """The organisation's root in the bucket."""
        return Root(self.bucket, PREFIX)

    @cached_property
    def admin(self) -> Any:
        """The store's administrator: prepares what sessions try, and looks what they did."""
        return client(self.environment)

    def scope(self, customer: str, kind: str) -> Scope:
        """What the session of a kind reaches: all areas, or one folder."""
        table = PermissionTable(customer)
        if kind == "areas":
            return Scope.of_areas(self.root, table, "write")
        rights: Rights = "read" if kind == "readers" else "upload"
        return Scope.of_folder(self.root, table, StoragePath.parse(FOLDER), rights)

    def vend(self, scope: Scope) -> Credentials:
        """New credentials for a scope."""
        return AssumeRole(open_client(self.environment), self.role_arn, "test").vend(scope, 900)

    def session(self, customer: str, kind: str) -> Any:
        """An S3 client with a vended session; one for each customer and kind."""
        key = (customer, kind)
        if key not in self._sessions:
            credentials = self.vend(self.scope(customer, kind))
            self._sessions[key] = client(self.environment, credentials)
        return self._sessions[key]


def client(
    environment: Mapping[str, str], credentials: Credentials | None = None, service: str = "s3"
) -> Any:
    """A client that asks once, with the given session's keys or the administrator's."""
    keys = {
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
    }
    if credentials is not None:
        keys = {
            "aws_access_key_id": credentials.access_key_id,
            "aws_secret_access_key": credentials.secret_access_key,
            "aws_session_token": credentials.session_token,
        }
    config = Config(
        signature_version="s3v4" if service == "s3" else "v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        retries={"total_max_attempts": 1},
    )
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        config=config,
        **keys,
    )


@dataclass(frozen=True)
class Place:
    """A folder that sessions try, as a key prefix, and the display path if it is in the tree."""

    bucket: str
    prefix: str
    path: StoragePath | None


def places(ground: Ground, customers: Sequence[str]) -> Iterator[Place]:
    """Every kind of place: own, shared, these customers', above the areas, beside the root."""
    inside = ["data/shared/", "notebooks/shared/", "spark-logs/", "", "data/", "notebooks/"]
    inside += [f"{area}/{customer}/" for customer in customers for area in ("data", "notebooks")]
    inside += [FOLDER[1:], FOLDER[1:-1] + "x/", FOLDER[1:] + "deeper/"]
    for relative in inside:
        yield Place(ground.bucket, PREFIX + relative, StoragePath.from_relative(relative))
    for prefix in ("", "data/customer-a1/", "other/data/customer-a1/", PREFIX[:-1] + "x/"):
        yield Place(ground.bucket, prefix, None)
    yield Place(ground.other_bucket, f"{PREFIX}data/customer-a1/", None)


EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}],
}


def prepare_role(
    environment: Mapping[str, str],
    trust: Mapping[str, Any],
    permission: Mapping[str, Any] = EVERYTHING,
) -> str:
    """Make a role by the store's IAM, and return its ARN."""
    iam = client(environment, service="iam")
    named = {"RoleName": "isolation"}
    role = iam.create_role(**named, Path="/", AssumeRolePolicyDocument=compact(trust))
    iam.put_role_policy(**named, PolicyName="permission", PolicyDocument=compact(permission))
    return str(role["Role"]["Arn"])
