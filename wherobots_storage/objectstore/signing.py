"""Signature version 4 for many requests to one endpoint, at a tenth of botocore's CPU.

Amazon S3 API reference, "Signature Calculations for the Authorization Header". The body is part
of it only where its hash is given, and path and query are taken as they are sent. Whose keys these
are, and when they are new, stays botocore's business.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol


class Keys(Protocol):
    """Botocore's frozen credentials."""

    access_key: str
    secret_key: str
    token: str | None


class _Frame(NamedTuple):
    """Of a request all but its method, its path and the signature."""

    headers: dict[str, str]
    """The headers that are signed."""
    rest: str
    """What follows the path in the request that is signed."""
    before: str
    """What precedes that request's hash in the text that is signed."""
    authorization: str
    """The header up to the signature."""


class Signer:
    """Signs requests for one region; may be called from several threads at once."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._latest: tuple[object, _Frame] = (None, _Frame({}, "", "", ""))
        self._known: tuple[tuple[str, str], hmac.HMAC] = (("", ""), _keyed(b""))

    def sign(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        keys: Keys,
        moment: float | None = None,
        *,
        query: str = "",
        sha256: str = "UNSIGNED-PAYLOAD",
    ) -> dict[str, str]:
        """The headers with what the signature adds, all of them signed.

        ``path`` is percent-encoded; ``headers`` have lower-case names, ``host`` among them.
        ``moment`` is in seconds since the epoch, and now unless it is given. ``query`` is
        percent-encoded too, its names in order; ``sha256`` is the body's, in hexadecimal digits.
        """
        stamp = _stamp(int(time.time() if moment is None else moment))
        frame = self._frame(tuple(headers.items()), keys, stamp, sha256)
        request = f"{method}\n{path}\n{query}{frame.rest}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        # A copy of a keyed state, as hmac.digest lets other threads run for a few microseconds'
        # work, and then waits for its turn.
        signature = self._key(keys.secret_key, stamp[:8]).copy()
        signature.update(f"{frame.before}{digest}".encode())
        authorization = f"{frame.authorization}{signature.hexdigest()}"
        return {**frame.headers, "authorization": authorization}

    def _frame(
        self, headers: tuple[tuple[str, str], ...], keys: Keys, stamp: str, sha256: str
    ) -> _Frame:
        """What goes around a request's path and signature: many requests of a second share it."""
        key = (headers, stamp, keys.access_key, keys.token, sha256)
        known, frame = self._latest
        if known != key:
            frame = self._make_frame(dict(headers), keys, stamp, sha256)
            self._latest = key, frame
        return frame

    def _make_frame(self, headers: dict[str, str], keys: Keys, stamp: str, sha256: str) -> _Frame:
        signed = {
            **headers,
            "x-amz-content-sha256": sha256,
            "x-amz-date": stamp,
        }
        if keys.token:
            signed["x-amz-security-token"] = keys.token
        names = sorted(signed)
        lines = "".join([f"{name}:{_plain(signed[name])}\n" for name in names])
        listed = ";".join(names)
        scope = f"{stamp[:8]}/{self._region}/s3/aws4_request"
        return _Frame(
            signed,
            rest=f"\n{lines}\n{listed}\n{sha256}",
            before=f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n",
            authorization=f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature=",
        )

    def _key(self, secret: str, day: str) -> hmac.HMAC:
        """The state of a signature with the signing key, which stays the same for a day."""
        # One tuple, read and written whole: a thread never sees one key's name with another's.
        known, state = self._known
        if known != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            state = _keyed(key)
            self._known = (secret, day), state
        return state


@lru_cache(maxsize=4)
def _stamp(moment: int) -> str:
    """The time of this second, which many requests share."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))


def _plain(value: str) -> str:
    """A value as it is signed: no spaces around it, and one at a time within."""
    return " ".join(value.split()) if " " in value or "\t" in value else value


def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")
