"""Two customers' ground on a store: its buckets, its role, the vended sessions, the places."""

from __future__ import annotations

import string
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from support.handed import Kind, handed_out

from wherobots_storage.credentials.source import MIN_SECONDS, Credentials, CredentialSource
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope, compact
from wherobots_storage.settings import Tenancy

PREFIX = "my org+é/"
"""A root with a space, a plus and a letter beyond ASCII: each has broken a policy somewhere."""

ODD_USERS = ("A1", "a.1", "a1*", "ü😀", "../a1", "a1/x", "${aws:username}", "-a1", " ")
"""Users of a hub whose encoded names are neighbours of ``customer-a1``."""

EVERY_CHARACTER = (
    string.punctuation + " ",
    string.ascii_uppercase,
    "".join(chr(code) for code in (*range(32), 127)),
    "\x80\u07ff\u0800\uffff\U00010000\U0010ffff",
)
"""Users of a hub: together every character of ASCII that is encoded, and UTF-8's bounds."""

EXPLICIT = ("customer-a1", "customer-a1x", "customer-a", "customer-a.1", "customer-ab1")
CUSTOMERS = (
    *EXPLICIT,
    "customer-a_1",
    "customer-a-1",
    f"customer-{string.ascii_lowercase}{string.digits}._-",
    f"customer-{string.ascii_uppercase}",
    *(customer_from_user(user) for user in (*ODD_USERS, *EVERY_CHARACTER)),
)
"""Names given and names encoded: together they have every character that either may have."""

PAIR = EXPLICIT[:2]
"""The two customers whose sessions try everything, neighbours by prefix."""


RENEWED_SECONDS = MIN_SECONDS / 3
"""The age at which a session is no longer given to another test."""


def folder_of(customer: str) -> str:
    """The folder that a customer's ingest credentials are for, as a display path."""
    return f"/data/{customer}/in coming/"


@dataclass(frozen=True)
class Behaviour:
    """Where a store departs from AWS, as it was measured."""

    refused_for_sessions: frozenset[str] = frozenset()
    """Actions that it refuses to every session, also where the policy allows them."""
    tells_case: bool = True
    """Whether a policy for ``customer-a1`` does not reach ``customer-A1``."""
    session_assumes_again: bool = False
    """Whether a session can assume its role anew, without its session policy."""
    tells_what_is_missing: bool = False
    """Whether a session finds out by a 404 that a neighbour has no file of a name."""
    shows_key_ids: bool = False
    """Whether a session can list the ids (not the secrets) of the keys it was made with."""


@dataclass
class Ground:
    """A store with two buckets, a role that reaches everything, and what sessions are made of.

    ``make_source`` gives the source of a customer's sessions, where that is not the role, assumed
    with the administrator's keys.
    """

    environment: Mapping[str, str]
    role_arn: str
    bucket: str
    other_bucket: str
    behaviour: Behaviour
    make_source: Callable[[str], CredentialSource] | None = None
    _sessions: dict[tuple[str, str], tuple[float, Any]] = field(default_factory=dict)

    @property
    def root(self) -> Root:
        """The organisation's root in the bucket."""
        return Root(self.bucket, PREFIX)

    @cached_property
    def admin(self) -> Any:
        """The store's administrator: prepares what sessions try, and looks what they did."""
        return client(self.environment)

    def source(self, customer: str) -> CredentialSource:
        """Where a customer's sessions come from."""
        if self.make_source is not None:
            return self.make_source(customer)
        return AssumeRole(open_client(self.environment), self.role_arn, "test")

    def vend(self, customer: str) -> Credentials:
        """A new session of a customer's, for all their areas."""
        scope = Scope.of_areas(self.root, PermissionTable(customer), "write")
        return self.source(customer).vend(scope, MIN_SECONDS)

    def session(self, customer: str, kind: Kind = "server") -> Any:
        """An S3 client with a session as it is handed out; one for each customer and kind.

        Another when that has lived for a while: all of the matrix may take longer than a session.
        """
        key, now = (customer, kind), time.monotonic()
        if key not in self._sessions or now - self._sessions[key][0] > RENEWED_SECONDS:
            tenancy = Tenancy(self.root, customer)
            held = handed_out(kind, self.source(customer), tenancy, folder_of(customer))
            self._sessions[key] = now, client(self.environment, held)
        return self._sessions[key][1]


def client(
    environment: Mapping[str, str],
    credentials: Credentials | None = None,
    service: str = "s3",
    **more: Any,
) -> Any:
    """A client that asks once, with the given session's keys or the administrator's.

    ``more`` is for botocore's configuration.
    """
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
        **more,
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


def places(ground: Ground, customer: str, *, near: bool = False) -> Iterator[Place]:
    """Every kind of place: own, shared, other customers', above the areas, beside the root.

    ``near``: of the other customers the nearest only.
    """
    inside = ["data/shared/", "notebooks/shared/", "spark-logs/", "", "data/", "notebooks/"]
    others = PAIR if near else EXPLICIT
    inside += [f"{area}/{other}/" for other in others for area in ("data", "notebooks")]
    folder = folder_of(customer)
    inside += [folder[1:], folder[1:-1] + "x/", folder[1:] + "deeper/"]
    for relative in inside:
        yield Place(ground.bucket, PREFIX + relative, StoragePath.from_relative(relative))
    own = f"data/{customer}/"
    for prefix in ("", own, f"other/{own}", PREFIX[:-1] + "x/"):
        yield Place(ground.bucket, prefix, None)
    yield Place(ground.other_bucket, PREFIX + own, None)


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
    named = {"RoleName": f"role-{uuid.uuid4().hex[:12]}"}
    role = iam.create_role(**named, Path="/", AssumeRolePolicyDocument=compact(trust))
    iam.put_role_policy(**named, PolicyName="permission", PolicyDocument=compact(permission))
    return str(role["Role"]["Arn"])
