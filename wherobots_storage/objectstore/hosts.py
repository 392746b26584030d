"""Endpoints: how they may be told, without a login that a URL can hold, and what they give away."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def without_login(url: str) -> str:
    """The URL without what stands before an ``@`` in its host.

    Nothing is lost by it: neither botocore nor urllib3 sends that part (botocore 1.43, urllib3
    2.5; S3 has signatures instead). Kept, it would be in the words of every error.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]  # It is no URL, which is told elsewhere.
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def is_in_the_clear(url: str) -> bool:
    """Whether what is sent to a URL can be read on the way: plain http to another machine."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        # By name; "localhost" and what ends in it never leaves a machine (RFC 6761, 6.3).
        return host != "localhost" and not host.endswith(".localhost")
