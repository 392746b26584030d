"""Headers of a download: ranges in, a name that is safe to save under out. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from wherobots_storage.errors import RangeNotSatisfiable
from wherobots_storage.objectstore.store import ByteRange

_SINGLE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\s*", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9 !#$&+.^_`~()=@{}\[\],;'-]")


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The bytes that a ``Range`` header asks for; None for the whole object.

    A header of another unit, of several ranges or without sense is ignored, as RFC 9110 (14.2)
    allows. Raises RangeNotSatisfiable for a sound one that lies outside the object.
    """
    match = _SINGLE.fullmatch(header or "")
    if match is None or match.group(1) == match.group(2) == "":
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
        if int(last) == 0:
            start = size
    else:
        start = int(first)
        stop = size if not last else min(int(last) + 1, size)
        if last and int(last) < start:
            return None
    if start >= size:
        message = f"The file has {size:,} bytes; the range begins after them."
        raise RangeNotSatisfiable(message)
    return ByteRange(start, stop)


def content_disposition(name: str) -> str:
    """``attachment`` with the file's name: plain ASCII for old browsers, and RFC 5987's form.

    Quotes, backslashes, slashes and control characters become underscores in the first; the
    second carries the name itself, percent-encoded.
    """
    plain = _UNSAFE.sub("_", name).strip() or "download"
    return (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name or 'download', safe='')}"
    )
