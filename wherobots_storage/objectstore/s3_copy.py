"""Copies on the store's side: in one request up to 5 GB, in parts beyond.

Ceph's gateway 16 refuses to copy parts to every temporary session (measured): there the parts go
through this machine, streamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from wherobots_storage.errors import AccessDenied, NotSupported, PreconditionFailed
from wherobots_storage.objectstore.bodies import ExactBody, StreamedBody
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.limits import check_metadata
from wherobots_storage.objectstore.s3_errors import translated, understood
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

    @property
    def replaces(self) -> str | None:
        """The ETag that the target has to have: of a copy onto itself, the source's.

        The source's condition holds for what is read, and not until the copy is written.
        """
        return self.source_if_match if self.key == self.source.key else None


def copy(connection: Connection, job: Copy, *, most: int = MAX_COPY_BYTES) -> str:
    """Copy, and return the new ETag. Raises PreconditionFailed, ConcurrentChange, NotFound."""
    if job.source_if_match is not None and job.source.etag != job.source_if_match:
        raise PreconditionFailed("The object to copy has changed meanwhile.")
    if job.source.size > most:
        return _copy_in_parts(connection, job)
    more: dict[str, Any] = {}
    if job.source_if_match is not None:
        more["CopySourceIfMatch"] = job.source_if_match
    if job.metadata is not None:
        more |= {"MetadataDirective": "REPLACE", "Metadata": check_metadata(job.metadata)}
        more["ContentType"] = job.source.content_type
    more |= {"Key": job.key, "CopySource": _source(connection, job)}
    try:
        answer = connection.call(connection.client.copy_object, **more, **_conditions(job))
    except NotSupported:
        # Not every store has a condition for the target; the source's is known everywhere.
        if job.replaces is None:
            raise
        answer = connection.call(connection.client.copy_object, **more)
    with understood(connection.where):
        return answer["CopyObjectResult"]["ETag"].strip('"')


def _conditions(job: Copy) -> dict[str, Any]:
    """What the target has to be: a name that is free, or the version that is replaced."""
    if job.if_none_match:
        return {"IfNoneMatch": "*"}
    return {} if job.replaces is None else {"IfMatch": job.replaces}


def _source(connection: Connection, job: Copy) -> Any:  # noqa: ANN401 - boto3's union
    return {"Bucket": connection.bucket, "Key": job.source.key}


def part_ranges(size: int, part_bytes: int) -> list[tuple[int, int]]:
    """First and last byte of each part: as many as S3 takes at most, each of the same size."""
    step = max(part_bytes, -(-size // MAX_PARTS))
    return [(start, min(start + step, size) - 1) for start in range(0, size, step)]


def _copy_in_parts(connection: Connection, job: Copy) -> str:
    metadata = job.source.metadata if job.metadata is None else job.metadata
    names: dict[str, Any] = {"Key": job.key}
    client = connection.client
    upload = connection.call(
        client.create_multipart_upload,
        **names,
        Metadata=dict(metadata),
        ContentType=job.source.content_type,
    )
    with understood(connection.where):
        names["UploadId"] = upload["UploadId"]
    try:
        parts = _parts(connection, job, names)
        _check_target(connection, job)
        answer = connection.call(
            client.complete_multipart_upload,
            **names,
            MultipartUpload={"Parts": parts},
            **_conditions(job),
        )
    except BaseException:
        connection.call(client.abort_multipart_upload, **names)
        raise
    # Ceph's gateway 16 answers with an empty ETag.
    with understood(connection.where):
        return answer["ETag"].strip('"') or _etag(connection, job.key)


def _check_target(connection: Connection, job: Copy) -> None:
    """Look what is there: copying parts takes long, and not every store takes a condition."""
    if job.replaces is not None and _etag(connection, job.key) != job.replaces:
        raise PreconditionFailed("The object changed while its parts were being copied.")


def _etag(connection: Connection, key: str) -> str:
    answer = connection.call(connection.client.head_object, Key=key)
    return answer["ETag"].strip('"')


def _parts(connection: Connection, job: Copy, names: dict[str, Any]) -> Any:  # noqa: ANN401
    ranges = list(enumerate(part_ranges(job.source.size, PART_BYTES), start=1))
    work = _copy_part
    found: list[Any] = []
    for number, (first, last) in ranges:
        try:
            etag = work(connection, job, names, _Range(number, first, last))
        except AccessDenied:
            if found or work is _relay_part:
                raise
            work = _relay_part
            etag = work(connection, job, names, _Range(number, first, last))
        found.append({"PartNumber": number, "ETag": etag})
    return found


@dataclass(frozen=True, slots=True)
class _Range:
    """A part of the source: its number, and its first and last byte."""

    number: int
    first: int
    last: int


def _copy_part(connection: Connection, job: Copy, names: dict[str, Any], part: _Range) -> str:
    answer = connection.call(
        connection.client.upload_part_copy,
        **names,
        PartNumber=part.number,
        CopySource=_source(connection, job),
        CopySourceRange=f"bytes={part.first}-{part.last}",
        # Between two parts the source may change: all must come of one version.
        CopySourceIfMatch=job.source.etag,
    )
    with understood(connection.where):
        return answer["CopyPartResult"]["ETag"]


def _relay_part(connection: Connection, job: Copy, names: dict[str, Any], part: _Range) -> str:
    """Read a part and send it on as it comes; again from its beginning while that can help."""
    where = {"Key": job.key, "UploadId": names["UploadId"], "PartNumber": part.number}
    url = connection.url("upload_part", **where)
    size = part.last - part.first + 1

    def relay() -> str:
        with translated(connection.where):
            answer = connection.client.get_object(
                Bucket=connection.bucket,
                Key=job.source.key,
                Range=f"bytes={part.first}-{part.last}",
                IfMatch=job.source.etag,
            )
        body = StreamedBody(job.source, size, answer["Body"], connection.where)
        with closing(body):
            return connection.stream(url, ExactBody(body.chunks(), size), size, {})["etag"]

    return connection.persistently(relay)
