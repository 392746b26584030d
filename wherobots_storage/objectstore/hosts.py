"""Endpoints as they may be told: without the user's name and password that a URL can hold."""

from __future__ import annotations

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
