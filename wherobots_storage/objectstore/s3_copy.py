"""Copies on the store's side: in one request up to 5 GB, in parts beyond."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wherobots_storage.errors import PreconditionFailed
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.limits import check_metadata
from wherobots_storage.objectstore.s3_errors import translated
from wherobots_storage.objectstore.store import MAX_PARTS, ObjectInfo

MAX_COPY_BYTES = 5 * 1024**3
"""The largest source of one CopyObject (S3 API reference, CopyObject)."""

PART_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class Copy:
    """What is copied where, and under which conditions."""

    source: ObjectInfo
    key: str
    source_if_match: str | None
    if_none_match: bool
    metadata: Mapping[str, str] | None


def copy(connection: Connection, job: Copy, *, most: int = MAX_COPY_BYTES) -> str:
    """Copy, and return the new ETag. Raises PreconditionFailed, ConcurrentChange, NotFound."""
    if job.source_if_match is not None and job.source.etag != job.source_if_match:
        raise PreconditionFailed("The object to copy has changed meanwhile.")
    if job.source.size > most:
        return _copy_in_parts(connection, job)
    more: dict[str, Any] = {"IfNoneMatch": "*"} if job.if_none_match else {}
    if job.source_if_match is not None:
        more["CopySourceIfMatch"] = job.source_if_match
    if job.metadata is not None:
        more |= {"MetadataDirective": "REPLACE", "Metadata": check_metadata(job.metadata)}
        more["ContentType"] = job.source.content_type
    with translated(connection.where):
        answer = connection.client.copy_object(
            Bucket=connection.bucket, Key=job.key, CopySource=_source(connection, job), **more
        )
    return answer["CopyObjectResult"]["ETag"].strip('"')


def _source(connection: Connection, job: Copy) -> Any:  # noqa: ANN401 - boto3's union
    return {"Bucket": connection.bucket, "Key": job.source.key}


def part_ranges(size: int, part_bytes: int = PART_BYTES) -> list[tuple[int, int]]:
    """First and last byte of each part: as many as S3 takes at most, each of the same size."""
    step = max(part_bytes, -(-size // MAX_PARTS))
    return [(start, min(start + step, size) - 1) for start in range(0, size, step)]


def _copy_in_parts(connection: Connection, job: Copy) -> str:
    metadata = job.source.metadata if job.metadata is None else job.metadata
    names: dict[str, Any] = {"Bucket": connection.bucket, "Key": job.key}
    with translated(connection.where):
        upload = connection.client.create_multipart_upload(
            **names, Metadata=dict(metadata), ContentType=job.source.content_type
        )
    names["UploadId"] = upload["UploadId"]
    try:
        with translated(connection.where):
            parts = _copy_parts(connection, job, names)
            condition: Any = {"IfNoneMatch": "*"} if job.if_none_match else {}
            answer = connection.client.complete_multipart_upload(
                **names, MultipartUpload={"Parts": parts}, **condition
            )
    except BaseException:
        with translated(connection.where):
            connection.client.abort_multipart_upload(**names)
        raise
    return answer["ETag"].strip('"')


def _copy_parts(connection: Connection, job: Copy, names: dict[str, Any]) -> list[Any]:
    parts: list[Any] = []
    for number, (first, last) in enumerate(part_ranges(job.source.size), start=1):
        answer = connection.client.upload_part_copy(
            **names,
            PartNumber=number,
            CopySource=_source(connection, job),
            CopySourceRange=f"bytes={first}-{last}",
            # Between two parts the source may change: all must come of one version.
            CopySourceIfMatch=job.source.etag,
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    return parts
