"""The headers of a PUT: metadata, type and conditions."""

from __future__ import annotations

from collections.abc import Mapping

from wherobots_storage.objectstore.limits import check_metadata


def object_headers(
    metadata: Mapping[str, str] | None,
    content_type: str | None,
    if_none_match: bool,
    if_match: str | None,
) -> dict[str, str]:
    """The headers of a new object. Raises InvalidInput and TooLarge for metadata that cannot go.

    ETags go without quotes: Ceph RGW 16 takes no others, every other server takes both.
    """
    headers = {
        f"x-amz-meta-{name}": value for name, value in check_metadata(metadata or {}).items()
    }
    if content_type:
        headers["Content-Type"] = content_type
    if if_none_match:
        headers["If-None-Match"] = "*"
    if if_match is not None:
        headers["If-Match"] = if_match
    return headers
