"""What `doctor` finds: one sentence a check, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from wherobots_storage.errors import StorageError

State = Literal["ok", "note", "warning", "failed", "skipped"]


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one check.

    ``note``: nothing is wrong, but something is worth knowing. ``warning``: it works, with less
    safety. ``failed``: it does not work. ``skipped``: an earlier failure makes it pointless.
    """

    check: str
    state: State
    message: str
    advice: str = ""


ADVICE: dict[str, str] = {
    "access-denied": "Ask the bucket's administrator for list, read, write and delete rights on "
    "your folders: data/customer-XXXX/, notebooks/customer-XXXX/ and the shared ones.",
    "clock-skew": "Set this machine's clock, for example by enabling NTP.",
    "expired-credentials": "Renew the credentials (aws sso login, say) and try again.",
    "invalid-credentials": "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
    "key-denied": "Set WHEROBOTS_STORAGE_KMS_KEY to the key's ARN where sessions are made (this "
    "server, or the hub's service), give the role what `wherobots-storage policy --for aws "
    "--kms-key ARN` prints, and let the key's own policy allow it; or encrypt with SSE-S3.",
    "no-credentials": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
    "no-such-bucket": "Check the bucket's name in WHEROBOTS_STORAGE_ROOT, or make the bucket.",
    "store-unavailable": "Check AWS_ENDPOINT_URL and the network from this machine.",
    "wrong-region": "Set AWS_REGION to the bucket's region.",
}
"""What to do about an error, by its code."""


def failed(check: str, error: StorageError) -> Finding:
    """The finding for a check that an error ended."""
    advice = ADVICE.get(error.code, "")
    return Finding(check=check, state="failed", message=error.message, advice=advice)


def checked(check: str, action: Callable[[], Finding]) -> Finding:
    """What ``action`` finds, an error of this package included."""
    try:
        return action()
    except StorageError as error:
        return failed(check, error)
