"""What the AWS SDKs of kernels and terminals find in their environment. Pure.

They ask the credentials endpoint by themselves when nothing that comes before it is set: so the
server's own keys go, and a region and an endpoint come, unless they are there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SERVER_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Every variable by which an SDK finds credentials (AWS SDKs and Tools reference guide,
"Environment variables list")."""

Changes = dict[str, str | None]
"""Variables to set, and to remove where the value is None."""


@dataclass(frozen=True, slots=True)
class SdkSetup:
    """What an SDK needs besides keys. ``endpoint_url`` is None for AWS itself.

    ``provider`` are the variables of the credentials endpoint; empty when there is none.
    """

    provider: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    endpoint_url: str | None = None
    config_file: str | None = None


def sdk_changes(base: Mapping[str, str], setup: SdkSetup) -> Changes:
    """What changes in ``base``, the server's own environment, for a process of the user's."""
    changes: Changes = {name: None for name in SERVER_KEYS if name in base}
    changes.update(setup.provider)
    if setup.region is not None:
        # botocore reads AWS_DEFAULT_REGION only, the other SDKs AWS_REGION.
        changes.update(_missing(base, "AWS_REGION", setup.region))
        changes.update(_missing(base, "AWS_DEFAULT_REGION", setup.region))
    if setup.endpoint_url is not None:
        if "AWS_ENDPOINT_URL" not in base:
            changes.update(_missing(base, "AWS_ENDPOINT_URL_S3", setup.endpoint_url))
        # Stores other than AWS may not know the checksums that newer SDKs send by themselves.
        changes.update(_missing(base, "AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"))
    if setup.config_file is not None:
        changes["AWS_CONFIG_FILE"] = setup.config_file
    return changes


def apply(base: Mapping[str, str], changes: Changes) -> dict[str, str]:
    """``base`` with the changes."""
    changed = {name: value for name, value in base.items() if name not in changes}
    changed.update({name: value for name, value in changes.items() if value is not None})
    return changed


def config_text(setup: SdkSetup) -> str:
    """An AWS configuration file with a ``[default]`` profile that needs no keys of its own.

    Code that names that profile fails where there is none; with this one SDKs go on to the
    credentials endpoint (botocore 1.43, measured).
    """
    lines = [
        "# Made by wherobots_storage, and made anew at each start of the server: put your own",
        "# profiles into ~/.aws/config. Once that is there, this file is no longer used.",
        "[default]",
    ]
    if setup.region is not None:
        lines.append(f"region = {setup.region}")
    if setup.endpoint_url is not None:
        lines.append(f"endpoint_url = {setup.endpoint_url}")
        lines.append("request_checksum_calculation = when_required")
    return "\n".join(lines) + "\n"


def _missing(base: Mapping[str, str], name: str, value: str) -> Changes:
    return {} if base.get(name) else {name: value}
