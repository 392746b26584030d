"""The permission table as IAM documents: what a session of temporary credentials may reach.

A scope is a set of folders and the rights in them. Its policy names every folder literally and
ends each name in ``/*``: without the slash, ``customer-a1`` would reach ``customer-a1x``. Names
never carry a wildcard into it (``*``, ``?`` and ``${`` are a policy's own characters).

The JSON is ASCII without a space in it. AWS takes no character beyond U+00FF in a session policy
(STS API reference, AssumeRole), and Ceph's gateway does not decode the ``+`` that a form makes of
a space, so both are written as JSON's own escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wherobots_storage.errors import InvalidPath, ReadOnlyFolder, TooLarge
from wherobots_storage.namespace.customer import MAX_NAME, PREFIX
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable

MAX_SESSION_POLICY = 2048
"""The longest session policy in characters (STS API reference, AssumeRole: Policy)."""

VERSION = "2012-10-17"
"""The policy language's version; older ones know no variables."""

Rights = Literal["read", "upload", "write"]
"""``read``: list and get. ``upload``: also put, as ``aws s3 sync`` does. ``write``: also delete."""

_READ = ("s3:GetObject",)
_UPLOAD = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_DELETE = ("s3:DeleteObject",)

OBJECT_ACTIONS: Mapping[Rights, tuple[str, ...]] = {
    "read": _READ,
    "upload": (*_READ, *_UPLOAD),
    "write": (*_READ, *_UPLOAD, *_DELETE),
}
"""What may be done to objects. HEAD counts as GetObject; a multipart upload as PutObject, but for
its own two. ACLs, tags, versions and retention are nobody's business here."""

LIST_ACTIONS: Mapping[Rights, tuple[str, ...]] = {
    "read": ("s3:ListBucket",),
    "upload": ("s3:ListBucket",),
    "write": ("s3:ListBucket", "s3:ListBucketMultipartUploads"),
}
"""What may be listed, below the prefixes only. Unfinished uploads are for whoever clears them."""

KEY_ACTIONS: Mapping[Rights, tuple[str, ...]] = {
    "read": ("kms:Decrypt",),
    "upload": ("kms:Decrypt", "kms:GenerateDataKey"),
    "write": ("kms:Decrypt", "kms:GenerateDataKey"),
}
"""What SSE-KMS asks of who reads, and of who writes: the parts of an upload are read again (S3 user
guide, "Using server-side encryption with AWS KMS keys")."""

_WILDCARD = re.compile(r"[*?]|\$\{")

ALL = "all your folders"
"""The name of a scope of every place that a customer may write in."""

Document = dict[str, Any]
"""A policy, or a part of one, before it becomes JSON."""

NO_NEW_SESSION: Document = {"Effect": "Deny", "Action": ["sts:*"], "Resource": ["*"]}
"""Without it a session could assume its role again, this time without a session policy, wherever
the role trusts whoever asked for the session (SeaweedFS 4.48, measured)."""


def compact(document: object) -> str:
    """``document`` as JSON in ASCII without a single space, however its strings look."""
    # Between tokens there is none, so whatever is left stands inside a string.
    return json.dumps(document, separators=(",", ":")).replace(" ", "\\u0020")


def statements(
    bucket: str, prefixes: tuple[str, ...], rights: Rights, kms_key: str | None = None
) -> list[Document]:
    """The statements that allow ``rights`` below ``prefixes``, each ending with a slash.

    ``bucket`` is the bucket's ARN, ``kms_key`` that of the key with which it encrypts. The key
    opens no object to who may not get it: the store asks for both rights.
    """
    keys: list[Document] = []
    if kms_key is not None:
        keys = [{"Effect": "Allow", "Action": list(KEY_ACTIONS[rights]), "Resource": [kms_key]}]
    return [
        {
            "Effect": "Allow",
            "Action": list(OBJECT_ACTIONS[rights]),
            "Resource": [f"{bucket}/{prefix}*" for prefix in prefixes],
        },
        {
            "Effect": "Allow",
            "Action": list(LIST_ACTIONS[rights]),
            "Resource": [bucket],
            # A request without a prefix has no such key in it, and so is not allowed.
            "Condition": {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        },
        *keys,
        NO_NEW_SESSION,
    ]


def bucket_arn(bucket: str, partition: str = "aws") -> str:
    """A bucket's ARN; ``partition`` is ``aws``, ``aws-cn`` or ``aws-us-gov``."""
    return f"arn:{partition}:s3:::{bucket}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What temporary credentials may reach: folders of one bucket, and the rights in them.

    ``prefixes`` are keys that end with a slash; ``name`` says in a message what this is.
    """

    bucket: str
    prefixes: tuple[str, ...]
    rights: Rights
    name: str

    @classmethod
    def of_folder(
        cls, root: Root, table: PermissionTable, folder: StoragePath, rights: Rights
    ) -> Scope:
        """One folder in a writable area, and everything below it.

        Raises OutsideArea for a folder of nobody's or somebody else's, ReadOnlyFolder for one that
        only leads to areas, InvalidPath for a name that cannot stand in a policy.
        """
        path = folder.as_folder()
        _check_name(path)
        access = table.access(path)
        if not access.upload:
            message = f"Credentials cannot be made for {path.display}: {access.reason}"
            raise ReadOnlyFolder(message, path=path.display)
        return cls(root.bucket, (path.key(root),), rights, path.display)

    @classmethod
    def of_areas(cls, root: Root, table: PermissionTable, rights: Rights) -> Scope:
        """Every place that the customer may write in."""
        prefixes = tuple(top.key(root) for top, _ in table.areas)
        return cls(root.bucket, prefixes, rights, ALL)

    def policy(self, partition: str = "aws", kms_key: str | None = None) -> str:
        """The session policy as JSON. Raises TooLarge over 2,048 characters."""
        arn = bucket_arn(self.bucket, partition)
        found = statements(arn, self.prefixes, self.rights, kms_key)
        text = compact({"Version": VERSION, "Statement": found})
        if len(text) > MAX_SESSION_POLICY:
            raise TooLarge(self._too_long(len(text)), path=self._path())
        return text

    def _path(self) -> str | None:
        return self.name if len(self.prefixes) == 1 else None

    def _too_long(self, length: int) -> str:
        advice = (
            "Choose a folder with a shorter path, such as one that holds it."
            if len(self.prefixes) == 1
            else "Ask for credentials for one folder, or have the root's prefix or the customer's "
            "name shortened."
        )
        return (
            f"The names in the policy for {self.name} are too long: it would have {length:,} "
            f"characters, and object stores take {MAX_SESSION_POLICY:,}. {advice}"
        )


def longest_customer(root: Root, partition: str = "aws", kms_key: str | None = None) -> int:
    """How long a customer's folder name may be to have a session for all its folders.

    ``MAX_NAME`` where every name fits; 0 where none does, since the root is too long.
    """
    for length in range(MAX_NAME, len(PREFIX), -1):
        table = PermissionTable(PREFIX + "x" * (length - len(PREFIX)))
        try:
            Scope.of_areas(root, table, "write").policy(partition, kms_key)
        except TooLarge:
            continue
        return length
    return 0


def _check_name(path: StoragePath) -> None:
    if path.is_dotted:
        message = "Credentials cannot be made for a path with a '.' or '..' segment."
        raise InvalidPath(message, path=path.display)
    if _WILDCARD.search(path.display):
        message = (
            f"Credentials cannot be made for {path.display}: '*', '?' and '${{' mean other "
            "folders too in a policy. Rename the folder, or choose the one that holds it."
        )
        raise InvalidPath(message, path=path.display)
