"""The S3 adapter: ``ObjectStore`` over boto3, for AWS and every compatible server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from wherobots_storage.errors import (
    InvalidInput,
    NoSuchBucket,
    NoSuchUpload,
    NotFound,
    StorageError,
    TooLarge,
    UploadInterrupted,
)
from wherobots_storage.objectstore.bodies import ExactBody, StreamedBody
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.deletes import delete_many
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.listing import MAX_LIMIT, Listing, list_page
from wherobots_storage.objectstore.s3_copy import Copy, copy
from wherobots_storage.objectstore.s3_errors import translated
from wherobots_storage.objectstore.store import (
    MAX_METADATA_BYTES,
    MAX_PART_BYTES,
    MAX_PARTS,
    MAX_PUT_BYTES,
    ByteRange,
    DeleteFailure,
    ListPage,
    ObjectInfo,
    Part,
    Upload,
)


class S3Store:
    """One bucket of S3; satisfies ``ObjectStore``."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._client = connection.client
        self._where = connection.where

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.connection.bucket

    def check(self) -> None:
        """See ``ObjectStore.check``."""
        try:
            with translated(self._where):
                self._client.head_bucket(Bucket=self.bucket)
        except NotFound:
            message = f"There is no bucket {self.bucket} at {self._where.host}."
            raise NoSuchBucket(f"{message} Check the name and the endpoint.") from None
        except StorageError:
            # An answer to HEAD has no body to say why: a listing of one key has.
            list_page(self.connection, Listing("", limit=1))

    def list_page(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        cursor: str | None = None,
        start_after: str = "",
        limit: int = MAX_LIMIT,
    ) -> ListPage:
        """See ``ObjectStore.list_page``."""
        listing = Listing(prefix, delimiter, cursor, start_after, limit)
        return list_page(self.connection, listing)

    def head(self, key: str) -> ObjectInfo:
        """See ``ObjectStore.head``."""
        check_key(key)
        try:
            with translated(self._where):
                answer = self._client.head_object(Bucket=self.bucket, Key=key)
        except NotFound:
            raise
        except StorageError:
            # HEAD says only the status; a read of one byte is refused with the reason.
            with closing(self.get(key, byte_range=ByteRange(0, 1))):
                pass
            raise
        return _info(key, answer, int(answer["ContentLength"]))

    def get(
        self, key: str, *, byte_range: ByteRange | None = None, if_match: str | None = None
    ) -> StreamedBody:
        """See ``ObjectStore.get``."""
        check_key(key)
        more: dict[str, Any] = {}
        if byte_range is not None:
            last = "" if byte_range.stop is None else byte_range.stop - 1
            more["Range"] = f"bytes={byte_range.start}-{last}"
        if if_match is not None:
            more["IfMatch"] = if_match
        with translated(self._where):
            answer = self._client.get_object(Bucket=self.bucket, Key=key, **more)
        length = int(answer["ContentLength"])
        size = int(answer.get("ContentRange", f"/{length}").rpartition("/")[2])
        return StreamedBody(_info(key, answer, size), length, answer["Body"], self._where)

    def put(
        self,
        key: str,
        body: bytes | Iterable[bytes],
        *,
        size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> str:
        """See ``ObjectStore.put``."""
        check_key(key)
        conditions = _conditions(if_none_match, if_match)
        facts = _facts(metadata, content_type)
        if isinstance(body, bytes):
            _check_size(len(body) if size is None else size, len(body), MAX_PUT_BYTES)
            with translated(self._where):
                answer = self._client.put_object(
                    Bucket=self.bucket, Key=key, Body=body, **conditions, **facts
                )
            return answer["ETag"].strip('"')
        if size is None:
            raise InvalidInput("The size of a streamed body must be given.")
        _check_size(size, size, MAX_PUT_BYTES)
        url = self.connection.url("put_object", Key=key)
        return self._stream(url, body, size, _headers(conditions, facts))

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        with translated(self._where):
            self._client.delete_object(
                Bucket=self.bucket, Key=key, **_conditions(if_none_match=False, if_match=if_match)
            )

    def delete_many(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """See ``ObjectStore.delete_many``."""
        return delete_many(self.connection, keys)

    def copy(
        self,
        source_key: str,
        key: str,
        *,
        source_if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """See ``ObjectStore.copy``."""
        check_key(source_key)
        check_key(key)
        source = self.head(source_key)
        job = Copy(source, key, source_if_match, if_none_match, metadata)
        return copy(self.connection, job)

    def create_multipart(
        self,
        key: str,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> str:
        """See ``ObjectStore.create_multipart``."""
        check_key(key)
        with translated(self._where):
            answer = self._client.create_multipart_upload(
                Bucket=self.bucket, Key=key, **_facts(metadata, content_type)
            )
        return answer["UploadId"]

    def upload_part(
        self, key: str, upload_id: str, number: int, body: bytes | Iterable[bytes], *, size: int
    ) -> str:
        """See ``ObjectStore.upload_part``."""
        check_key(key)
        if not 1 <= number <= MAX_PARTS:
            raise InvalidInput(f"A part's number is 1 to {MAX_PARTS:,}.")
        pieces = [body] if isinstance(body, bytes) else body
        _check_size(size, len(body) if isinstance(body, bytes) else size, MAX_PART_BYTES)
        url = self.connection.url("upload_part", Key=key, UploadId=upload_id, PartNumber=number)
        try:
            return self._stream(url, pieces, size, {})
        except NotFound:
            raise NoSuchUpload("This upload is unknown: finished, or given up.") from None

    def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore.list_parts``."""
        check_key(key)
        parts: list[Part] = []
        pages = self._client.get_paginator("list_parts")
        with translated(self._where):
            for page in pages.paginate(Bucket=self.bucket, Key=key, UploadId=upload_id):
                for part in page.get("Parts", []):
                    etag = part["ETag"].strip('"')
                    parts.append(Part(part["PartNumber"], etag, part["Size"]))
        return parts

    def complete_multipart(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[Part],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> str:
        """See ``ObjectStore.complete_multipart``."""
        check_key(key)
        if not parts:
            raise InvalidInput("An upload needs at least one part.")
        listed: Any = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with translated(self._where):
            answer = self._client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": listed},
                **_conditions(if_none_match, if_match),
            )
        return answer["ETag"].strip('"')

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore.abort_multipart``."""
        check_key(key)
        try:
            with translated(self._where):
                self._client.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except (NoSuchUpload, NotFound):
            return

    def list_uploads(self, prefix: str) -> list[Upload]:
        """See ``ObjectStore.list_uploads``."""
        uploads: list[Upload] = []
        pages = self._client.get_paginator("list_multipart_uploads")
        with translated(self._where):
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for upload in page.get("Uploads", []):
                    initiated = upload["Initiated"].timestamp()
                    uploads.append(Upload(upload["Key"], upload["UploadId"], initiated))
        return uploads

    def close(self) -> None:
        """See ``ObjectStore.close``."""
        self.connection.close()

    def _stream(
        self, url: str, body: Iterable[bytes], size: int, headers: Mapping[str, str]
    ) -> str:
        exact = ExactBody(body, size)
        try:
            answer = self.connection.stream(url, exact, size, headers)
        except StorageError:
            if exact.error is not None:
                # What the caller's own iterable raised is the truth, not how the wire saw it.
                raise exact.error from None
            raise
        return {name.lower(): value for name, value in answer.items()}["etag"].strip('"')


def _info(key: str, answer: Any, size: int) -> ObjectInfo:  # noqa: ANN401 - two TypedDicts
    return ObjectInfo(
        key=key,
        size=size,
        etag=answer["ETag"].strip('"'),
        last_modified=answer["LastModified"].timestamp(),
        metadata={name.lower(): value for name, value in answer.get("Metadata", {}).items()},
        content_type=answer.get("ContentType", ""),
    )


def _conditions(if_none_match: bool, if_match: str | None) -> dict[str, Any]:
    """The conditional parameters. ETags go without quotes: Ceph RGW 16 takes no others."""
    chosen: dict[str, Any] = {}
    if if_none_match:
        chosen["IfNoneMatch"] = "*"
    if if_match is not None:
        chosen["IfMatch"] = if_match
    return chosen


def _facts(metadata: Mapping[str, str] | None, content_type: str | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if metadata:
        _check_metadata(metadata)
        chosen["Metadata"] = dict(metadata)
    if content_type:
        chosen["ContentType"] = content_type
    return chosen


def _check_metadata(metadata: Mapping[str, str]) -> None:
    for name, value in metadata.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            message = f"The metadata {name!r} must be printable ASCII."
            raise InvalidInput(message)
    if sum(len(name) + len(value) for name, value in metadata.items()) > MAX_METADATA_BYTES:
        raise TooLarge("An object's metadata may have 2,048 bytes in all.")


def _headers(conditions: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """The same parameters, as headers of a request that is sent by hand."""
    names = {"IfNoneMatch": "If-None-Match", "IfMatch": "If-Match"}
    headers = {names[name]: value for name, value in conditions.items()}
    for name, value in facts.get("Metadata", {}).items():
        headers[f"x-amz-meta-{name}"] = value
    if "ContentType" in facts:
        headers["Content-Type"] = facts["ContentType"]
    return headers


def _check_size(announced: int, actual: int, most: int) -> None:
    if announced != actual:
        raise UploadInterrupted(f"The body has {actual:,} bytes instead of {announced:,}.")
    if announced > most:
        raise TooLarge(f"{announced:,} bytes at once are more than S3 takes ({most:,}).")
