"""What a key must be before it is sent in a URL."""

from __future__ import annotations

from wherobots_storage.errors import InvalidPath

MAX_KEY_BYTES = 1024


def has_dot_segment(key: str) -> bool:
    """Whether a segment of the key is exactly ``.`` or ``..``.

    HTTP libraries and proxies resolve such segments in a URL's path (RFC 3986, 5.2.4), so that
    ``a/../b`` would reach the object ``b``. Such keys travel in bodies and queries only.
    """
    return any(segment in {".", ".."} for segment in key.split("/"))


def check_key(key: str) -> str:
    """Return a key that may stand in a URL's path.

    Raises InvalidPath when it is empty, too long for S3, no Unicode text, or has dot segments.
    """
    if not key:
        raise InvalidPath("An object's key cannot be empty.")
    if has_dot_segment(key):
        message = "A key with a segment that is exactly '.' or '..' can only be listed and deleted."
        raise InvalidPath(message)
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise InvalidPath("A key must be valid Unicode text.") from error
    if size > MAX_KEY_BYTES:
        raise InvalidPath(f"The key has {size:,} bytes; object stores take 1,024. Shorten it.")
    return key
