"""The XML of S3's answers, read with the standard library's C parser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.s3_errors import Where, from_answer

MAX_ERROR_BYTES = 64 * 1024

_ILLEGAL = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x0*(?:[0-8bcef]|1[0-9a-f]|fffe|ffff)"
    rb"|0*(?:[0-8]|1[124-9]|2[0-9]|3[01]));|\xef\xbf[\xbe\xbf]",
    re.IGNORECASE,
)
"""Characters that XML 1.0 has no place for, raw or as references, in UTF-8."""


def without_illegal(content: bytes) -> bytes:
    """An answer that a parser takes, though the key it quotes may have control characters."""
    return _ILLEGAL.sub(b"", content)


def error_of(status: int, content: bytes, headers: Mapping[str, str], where: Where) -> StorageError:
    """The error of an answer that is none of the good ones; its body may be anything."""
    lower = {name.lower(): value for name, value in headers.items()}
    code, region, said = _parts(content)
    region = region or lower.get("x-amz-bucket-region", "")
    return from_answer(code, status, where, bucket_region=region or None, said=said)


def _parts(content: bytes) -> tuple[str, str, str]:
    """An error's code, the bucket's region and the message, each empty where there is none."""
    if not content or len(content) > MAX_ERROR_BYTES:
        return "", "", ""
    try:
        root = ET.fromstring(without_illegal(content))  # noqa: S314 - expat expands no external entities
    except ET.ParseError:
        return "", "", ""
    return _text(root, "Code"), _text(root, "Region"), _text(root, "Message")


def _text(root: ET.Element, name: str) -> str:
    found = root.find(f".//{{*}}{name}")
    return (found.text or "").strip() if found is not None else ""
