"""What an administrator sets up in the object store, as documents: roles, bucket and its rules.

The documents are made of the same permission table as every session's policy. What they differ
in from store to store was measured: SeaweedFS 4.48 keeps roles in a file of its own, Ceph's gateway
(16) takes no principal tag in a resource, and knows no external ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.namespace.customer import MAX_NAME
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import CUSTOMER, PermissionTable
from wherobots_storage.namespace.policy import (
    LIST_ACTIONS,
    OBJECT_ACTIONS,
    VERSION,
    Document,
    bucket_arn,
    longest_customer,
    statements,
)

Store = Literal["aws", "ceph", "seaweedfs"]

TAG = "customer"
"""The session tag that carries the customer's folder name, where all users share one role."""

ABORT_DAYS = 7
"""After how many days the parts of an unfinished upload are freed: they are billed, and unseen."""

_ROLE = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
"""IAM's characters of a role's name (IAM API reference, CreateRole)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the documents are for.

    ``customer``: one customer's folder name, or None for one role that serves everybody.
    ``principal``: who may assume the role: an ARN, or on SeaweedFS and Ceph a user's name.
    ``identity_provider``: ``principal`` is an OpenID Connect provider instead: its ARN, or on
    SeaweedFS its name in the configuration. ``subject`` is then the one identity of the
    customer's, the ``sub`` claim of its token.
    ``kms_key``: the ARN of the key with which the bucket encrypts, on AWS, if it is one's own.
    ``origins``: web origins that may read with presigned URLs; the panel itself needs none.
    """

    store: Store
    root: Root
    principal: str
    role: str = "wherobots-storage"
    customer: str | None = None
    identity_provider: bool = False
    subject: str | None = None
    kms_key: str | None = None
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises InvalidConfiguration for what would be no role, or anybody's."""
        if not _ROLE.fullmatch(self.role):
            raise InvalidConfiguration(f"{self.role!r} cannot be a role's name.")
        if not self.principal or "*" in self.principal:
            message = "Name the one principal that may assume the role; a '*' would let anybody."
            raise InvalidConfiguration(message)
        if self.kms_key is not None and self.store != "aws":
            message = "Only AWS asks for a right to a KMS key: leave it out for other stores."
            raise InvalidConfiguration(message)
        if self.identity_provider:
            self._check_identity()

    def _check_identity(self) -> None:
        """Whoever has a token can assume the role without a session policy: it must be theirs."""
        if self.customer is not None and (not self.subject or "*" in self.subject):
            message = (
                "Name the customer's identity, the 'sub' claim of its tokens (--subject): without "
                "it every identity of the provider could assume this customer's role."
            )
            raise InvalidConfiguration(message)
        if self.customer is None and self.store != "aws":
            message = (
                "One role for all cannot keep the identities of a provider apart here: each could "
                "assume it without a session policy. Print a role for each customer (--subject)."
            )
            raise InvalidConfiguration(message)

    @property
    def partition(self) -> str:
        """The partition of the principal's ARN; ``aws`` when it is a plain name."""
        head, _, rest = self.principal.partition(":")
        return rest.partition(":")[0] if head == "arn" and rest else "aws"

    @property
    def bucket(self) -> str:
        """The bucket's ARN."""
        return bucket_arn(self.root.bucket, self.partition)


def documents(deployment: Deployment) -> Document:
    """Every document by its name, and ``notes``: sentences on what has to be known about them.

    The names are ``permissionPolicy``, ``trustPolicy``, ``bucketPolicy``, ``lifecycle``; ``cors``
    where origins are given; ``iamConfiguration`` on SeaweedFS.
    """
    found: Document = {
        "permissionPolicy": permission_policy(deployment),
        "trustPolicy": trust_policy(deployment),
        "bucketPolicy": bucket_policy(deployment),
        "lifecycle": lifecycle(deployment),
    }
    if deployment.origins:
        found["cors"] = cors(deployment)
    if deployment.store == "seaweedfs":
        found["iamConfiguration"] = _iam_configuration(deployment, found)
    return found | {"notes": notes(deployment)}


def permission_policy(deployment: Deployment) -> Document:
    """What the role itself may: the most that any of its sessions can have."""
    prefix = deployment.root.prefix
    if deployment.customer is not None:
        table = PermissionTable(deployment.customer)
        prefixes = tuple(top.key(deployment.root) for top, _ in table.areas)
    elif deployment.store == "aws":
        # A session without the tag has no value for the variable, and the statement is void.
        table = PermissionTable(CUSTOMER)
        variable = f"${{aws:PrincipalTag/{TAG}}}"
        prefixes = tuple(
            prefix + top.display[1:].replace(CUSTOMER, variable) for top, _ in table.areas
        )
    else:
        prefixes = (prefix,)
    found = statements(deployment.bucket, prefixes, "write", deployment.kms_key)
    if deployment.store == "ceph":
        found.append(_nothing_told(deployment))
    return {"Version": VERSION, "Statement": found}


def trust_policy(deployment: Deployment) -> Document:
    """Who may assume the role, and with which tag."""
    tagged = deployment.store == "aws" and deployment.customer is None
    if deployment.identity_provider:
        kind, actions = "Federated", ["sts:AssumeRoleWithWebIdentity"]
    else:
        kind, actions = "AWS", ["sts:AssumeRole"]
    statement: Document = {
        "Effect": "Allow",
        "Principal": {kind: [_principal(deployment)]},
        "Action": [*actions, "sts:TagSession"] if tagged else actions,
    }
    if tagged:
        # A tag of another form ('shared', say) would make other folders of the tree one's own.
        statement["Condition"] = {"StringLike": {f"aws:RequestTag/{TAG}": ["customer-*"]}}
    elif deployment.identity_provider:
        statement["Condition"] = {"StringEquals": {_subject_key(deployment): deployment.subject}}
    return {"Version": VERSION, "Statement": [statement]}


def bucket_policy(deployment: Deployment) -> Document:
    """Nobody without TLS, and the role nowhere but in its tree, whatever else is allowed."""
    everything = [deployment.bucket, f"{deployment.bucket}/*"]
    # Denied everything, an administrator of SeaweedFS without TLS cannot even take the policy back.
    named = [*OBJECT_ACTIONS["write"], *LIST_ACTIONS["write"]]
    # Ceph's gateway (16) has the key in a request with TLS only.
    operator = "BoolIfExists" if deployment.store == "ceph" else "Bool"
    insecure = {
        "Sid": "OnlyWithTLS",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"] if deployment.store == "aws" else named,
        "Resource": everything,
        "Condition": {operator: {"aws:SecureTransport": "false"}},
    }
    found: list[Document] = [insecure]
    if deployment.store == "aws" and deployment.root.prefix:
        found.append(_only_the_tree(deployment))
    return {"Version": VERSION, "Statement": found}


def lifecycle(deployment: Deployment) -> Document:
    """Frees the parts of unfinished uploads (S3 user guide, AbortIncompleteMultipartUpload)."""
    rule = {
        "ID": "wherobots-storage-unfinished-uploads",
        "Status": "Enabled",
        "Filter": {"Prefix": deployment.root.prefix},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
    }
    return {"Rules": [rule]}


def cors(deployment: Deployment) -> Document:
    """For notebooks' own web pages with presigned URLs: read only, from the named origins."""
    rule = {
        "AllowedOrigins": list(deployment.origins),
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": ["range"],
        "ExposeHeaders": ["ETag", "Content-Range", "Accept-Ranges"],
        "MaxAgeSeconds": 3600,
    }
    return {"CORSRules": [rule]}


def notes(deployment: Deployment) -> list[str]:
    """What has to be known about the documents, a sentence or two each."""
    found = ["The bucket policy refuses plain http: leave it out where the store has no TLS."]
    longest = longest_customer(deployment.root, deployment.partition, deployment.kms_key)
    if longest < len(deployment.customer or "x" * MAX_NAME):
        found.append(
            "A session's policy has room for 2,048 characters. With this root, customers' names of "
            f"over {longest} characters have no session for all their folders."
        )
    if deployment.kms_key is not None:
        found.append(
            "The KMS key's own policy must let the account's policies decide (that of a new key "
            "does), or name the role. Set WHEROBOTS_STORAGE_KMS_KEY where sessions are made, too."
        )
    if deployment.customer is None and deployment.store == "aws":
        found.append(
            f"The role serves everybody: each session must carry the tag '{TAG}' with the "
            "customer's folder name. Only who may be trusted with every folder may assume it."
        )
    elif deployment.customer is None:
        found.append(
            "The role reaches the whole tree, and the session policy alone narrows it: only who "
            "may be trusted with every folder may assume it."
        )
    if deployment.store == "ceph" and deployment.identity_provider:
        found.append(
            "Ceph's gateway (measured with 16) does not compare the provider's thumbprint: whoever "
            "answers at the issuer's URL is believed, so it must be https. Its first key counts, "
            "and has to come with its certificate (x5c)."
        )
    elif deployment.store == "ceph":
        found.append(
            "Ceph's gateway (measured with 16) takes a session for the user who asked for it, so "
            "that every session can assume the role anew, without its session policy. Between "
            "users this is no boundary: use web identity (--identity-provider)."
        )
    if deployment.store == "seaweedfs":
        found.append(
            "SeaweedFS (measured with 4.48) does not tell upper from lower case in a policy: use "
            "customers' names in lower case only, as names from a hub are. Leave its IAM read-only "
            "(the default): a session could delete the keys of whoever asked for it."
        )
    return found


def _principal(deployment: Deployment) -> str:
    name = deployment.principal
    if name.startswith("arn:") or deployment.identity_provider:
        return name
    if deployment.store == "ceph":
        return f"arn:aws:iam:::user/{name}"
    if deployment.store == "seaweedfs":
        # The account that SeaweedFS gives the identities of its configuration file.
        return f"arn:aws:iam::000000000000:user/{name}"
    raise InvalidConfiguration(f"On AWS the principal is an ARN; {name!r} is none.")


def _subject_key(deployment: Deployment) -> str:
    """The condition key of the token's subject (IAM user guide, "Available keys for OIDC").

    SeaweedFS has one name for all providers (measured with 4.48).
    """
    if deployment.store == "seaweedfs":
        return "oidc:sub"
    return f"{deployment.principal.partition('oidc-provider/')[2]}:sub"


def _nothing_told(deployment: Deployment) -> Document:
    """No word on whether a file is missing, whatever a session's own policy allows.

    Ceph's gateway (16) asks that policy alone whether it may tell, as if for a listing without a
    prefix, so that the names of others' files could be guessed at; a denial of the role goes first.
    """
    return {
        "Effect": "Deny",
        "Action": ["s3:ListBucket"],
        "Resource": [deployment.bucket],
        "Condition": {"Null": {"s3:prefix": "true"}},
    }


def _only_the_tree(deployment: Deployment) -> Document:
    account = deployment.principal.split(":")[4:5]
    if account == [""] or not account:
        raise InvalidConfiguration("The principal's ARN names no account.")
    role = f"arn:{deployment.partition}:iam::{account[0]}:role/{deployment.role}"
    return {
        "Sid": "OnlyItsTree",
        "Effect": "Deny",
        "Principal": {"AWS": [role]},
        "Action": ["s3:*"],
        "NotResource": [deployment.bucket, f"{deployment.bucket}/{deployment.root.prefix}*"],
    }


def _iam_configuration(deployment: Deployment, found: Document) -> Document:
    """The part of SeaweedFS's ``-s3.iam.config`` file that makes the role."""
    role = {
        "roleName": deployment.role,
        "roleArn": f"arn:aws:iam::role/{deployment.role}",
        "trustPolicy": found["trustPolicy"],
        "attachedPolicies": [deployment.role],
    }
    policy = {"name": deployment.role, "document": found["permissionPolicy"]}
    return {"policies": [policy], "roles": [role]}
