"""The embedded store's keys and configuration files, all of mode 0600."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wherobots_storage.errors import InvalidConfiguration


@dataclass(frozen=True, slots=True)
class Keys:
    """The secrets of one store: made on its first start, kept for its life."""

    access_key: str
    secret_key: str
    signing_key: str

    @classmethod
    def make(cls) -> Keys:
        """New, random keys."""
        signing = base64.b64encode(secrets.token_bytes(32)).decode("ascii")
        return cls("AKEMBEDDED" + secrets.token_hex(5).upper(), secrets.token_hex(20), signing)

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self.secret_key, self.signing_key


@dataclass(frozen=True, slots=True)
class Identity:
    """The names by which the store knows its administrator and the role for scoped sessions."""

    user: str = "wherobots-storage"
    role: str = "wherobots-storage-user"

    @property
    def role_arn(self) -> str:
        """The role's ARN; SeaweedFS wants it without an account."""
        return f"arn:aws:iam::role/{self.role}"

    @property
    def user_arn(self) -> str:
        """The administrator's ARN, in the account that SeaweedFS gives to all its users."""
        return f"arn:aws:iam::000000000000:user/{self.user}"


IDENTITY = Identity()


def write_config(folder: Path) -> Keys:
    """Write ``s3.json`` and ``iam.json`` with the folder's keys, which are made when missing.

    Raises InvalidConfiguration when the folder's own keys cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = _load_or_make(folder / "keys.json")
    _write_private(folder / "s3.json", _identities(keys))
    _write_private(folder / "iam.json", _roles(keys))
    return keys


def _load_or_make(path: Path) -> Keys:
    if not path.exists():
        keys = Keys.make()
        _write_private(path, asdict(keys))
        return keys
    try:
        return Keys(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        message = f"The embedded store's keys in {path} cannot be read ({type(error).__name__})."
        raise InvalidConfiguration(message) from None


def _identities(keys: Keys) -> dict[str, Any]:
    pair = {"accessKey": keys.access_key, "secretKey": keys.secret_key}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    user = {"name": IDENTITY.user, "credentials": [pair], "actions": actions}
    return {"identities": [user | {"policyNames": ["everything"]}]}


def _roles(keys: Keys) -> dict[str, Any]:
    """One role with every right on S3: the session policy of each use narrows it."""
    everything = {"Effect": "Allow", "Action": ["s3:*", "sts:*"], "Resource": ["*"]}
    # Not "*": a session could then assume the role again, without the policy that narrows it.
    principal = {"AWS": [IDENTITY.user_arn]}
    trust = {"Effect": "Allow", "Principal": principal, "Action": ["sts:AssumeRole"]}
    sts = {
        "tokenDuration": "1h",
        "maxSessionLength": "12h",
        "issuer": "wherobots-storage",
        "signingKey": keys.signing_key,
    }
    role = {
        "roleName": IDENTITY.role,
        "roleArn": IDENTITY.role_arn,
        "trustPolicy": {"Version": "2012-10-17", "Statement": [trust]},
        "attachedPolicies": ["everything"],
    }
    document = {"Version": "2012-10-17", "Statement": [everything]}
    return {
        "sts": sts,
        "policies": [{"name": "everything", "document": document}],
        "roles": [role],
    }


def _write_private(path: Path, content: dict[str, Any]) -> None:
    """Replace a file at once, so that a crash never leaves half a key."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
    temporary.replace(path)
