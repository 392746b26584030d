"""The XML of S3's answers, read with the standard library's C parser."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.s3_errors import Where, from_answer

MAX_ERROR_BYTES = 64 * 1024


def error_of(status: int, content: bytes, headers: Mapping[str, str], where: Where) -> StorageError:
    """The error of an answer that is none of the good ones; its body may be anything."""
    lower = {name.lower(): value for name, value in headers.items()}
    code, region = _code_and_region(content)
    region = region or lower.get("x-amz-bucket-region", "")
    return from_answer(code, status, where, bucket_region=region or None)


def _code_and_region(content: bytes) -> tuple[str, str]:
    if not content or len(content) > MAX_ERROR_BYTES:
        return "", ""
    try:
        root = ET.fromstring(content)  # noqa: S314 - expat expands no external entities
    except ET.ParseError:
        return "", ""
    return _text(root, "Code"), _text(root, "Region")


def _text(root: ET.Element, name: str) -> str:
    found = root.find(f".//{{*}}{name}")
    return (found.text or "").strip() if found is not None else ""
