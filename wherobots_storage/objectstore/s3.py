"""The S3 adapter: ``ObjectStore`` over boto3, for AWS and every compatible server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from typing import Any

from wherobots_storage.errors import (
    InvalidInput,
    NoSuchBucket,
    NoSuchUpload,
    NotFound,
    RangeNotSatisfiable,
    StorageError,
)
from wherobots_storage.objectstore.absent import absence_told
from wherobots_storage.objectstore.bodies import ExactBody, StreamedBody
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.content import KnownBody, PartBody
from wherobots_storage.objectstore.deletes import delete_many
from wherobots_storage.objectstore.headers import object_headers
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.limits import check_metadata, check_part_number, check_size
from wherobots_storage.objectstore.listing import MAX_LIMIT, Listing, list_page
from wherobots_storage.objectstore.s3_copy import Copy, copy
from wherobots_storage.objectstore.s3_errors import understood
from wherobots_storage.objectstore.store import (
    MAX_PART_BYTES,
    MAX_PUT_BYTES,
    ByteRange,
    DeleteFailure,
    ListPage,
    ObjectInfo,
    Part,
    Upload,
)
from wherobots_storage.objectstore.streams import Streams, WireBody

BUFFERED_BYTES = 1024**2
"""Streams up to this size are read first and sent with a hash, and again when that can help."""


class S3Store:
    """One bucket of S3; satisfies ``ObjectStore``."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._client = connection.client
        self._where = connection.where
        # botocore knows every kind of proxy setting.
        self._streams = None if connection.is_proxied else Streams(connection)

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.connection.bucket

    def check(self) -> None:
        """See ``ObjectStore.check``."""
        try:
            self.connection.call(self._client.head_bucket)
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
            answer = self.connection.call(self._client.head_object, Key=key)
        except NotFound:
            raise
        except StorageError:
            # HEAD says only the status; a read of one byte is refused with the reason, tells a
            # missing key from a forbidden one, or is granted with new credentials.
            with suppress(RangeNotSatisfiable), closing(self.get(key, byte_range=ByteRange(0, 1))):
                pass
            answer = self.connection.call(self._client.head_object, Key=key)
        with understood(self._where):
            return _info(key, answer, int(answer["ContentLength"]))

    def get(
        self, key: str, *, byte_range: ByteRange | None = None, if_match: str | None = None
    ) -> StreamedBody | WireBody:
        """See ``ObjectStore.get``."""
        check_key(key)
        if self._streams is not None:
            return self._streams.get(key, byte_range, if_match)
        more: dict[str, Any] = {}
        if byte_range is not None:
            last = "" if byte_range.stop is None else byte_range.stop - 1
            more["Range"] = f"bytes={byte_range.start}-{last}"
        if if_match is not None:
            more["IfMatch"] = if_match
        with absence_told(self.connection, key):
            answer = self.connection.call(self._client.get_object, Key=key, **more)
        with understood(self._where):
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
        headers = object_headers(metadata, content_type, if_none_match, if_match)
        if size is None and not isinstance(body, bytes):
            raise InvalidInput("The size of a streamed body must be given.")
        total = len(body) if size is None and isinstance(body, bytes) else size or 0
        url = self.connection.url("put_object", Key=key)
        known = nullcontext() if if_match is None else absence_told(self.connection, key)
        with known:
            return self._send(url, body, total, MAX_PUT_BYTES, headers)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        conditions = _conditions(if_none_match=False, if_match=if_match)
        self.connection.call(self._client.delete_object, Key=key, **conditions)

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
        answer = self.connection.call(
            self._client.create_multipart_upload, Key=key, **_facts(metadata, content_type)
        )
        with understood(self._where):
            return answer["UploadId"]

    def upload_part(
        self, key: str, upload_id: str, number: int, body: PartBody, *, size: int
    ) -> str:
        """See ``ObjectStore.upload_part``."""
        check_key(key)
        check_part_number(number)
        url = self.connection.url("upload_part", Key=key, UploadId=upload_id, PartNumber=number)
        with _missing_is_upload():
            if isinstance(body, KnownBody):
                check_size(size, size, MAX_PART_BYTES)
                if self._streams is not None:
                    return self._streams.put_part(key, upload_id, number, body, size)
                return self.connection.persistently(
                    lambda: self._send(url, map(bytes, body), size, MAX_PART_BYTES)
                )
            return self._send(url, body, size, MAX_PART_BYTES)

    def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore.list_parts``.

        SeaweedFS lists every body that came under a number: of these, the latest is the part.
        """
        check_key(key)
        latest: dict[int, tuple[float, int, Part]] = {}
        pages = self._client.get_paginator("list_parts").paginate

        def listed(**names: Any) -> list[Any]:  # noqa: ANN401 - boto3's
            return [part for page in pages(**names) for part in page.get("Parts", [])]

        with _missing_is_upload():
            parts = self.connection.call(listed, Key=key, UploadId=upload_id)
        with understood(self._where):
            for part in parts:
                number, size = part["PartNumber"], part["Size"]
                moment = part["LastModified"].timestamp()
                found = (moment, size, Part(number, part["ETag"].strip('"'), size))
                latest[number] = max(found, latest.get(number, found), key=lambda it: it[:2])
        return [latest[number][2] for number in sorted(latest)]

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
        # With if_match it may be the object that is missing.
        missing = nullcontext() if if_match is not None else _missing_is_upload()
        with missing:
            answer = self.connection.call(
                self._client.complete_multipart_upload,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": listed},
                **_conditions(if_none_match, if_match),
            )
        # Ceph RGW 16 answers with an empty ETag.
        return answer.get("ETag", "").strip('"') or self.head(key).etag

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore.abort_multipart``."""
        check_key(key)
        try:
            self.connection.call(self._client.abort_multipart_upload, Key=key, UploadId=upload_id)
        except (NoSuchUpload, NotFound):
            return

    def list_uploads(self, prefix: str) -> list[Upload]:
        """See ``ObjectStore.list_uploads``.

        Without encoding-type=url, which SeaweedFS says it did and did not do: a key with
        characters that XML cannot hold is misspelt here.
        """
        pages = self._client.get_paginator("list_multipart_uploads").paginate

        def listed(**names: Any) -> list[Any]:  # noqa: ANN401 - boto3's
            return [upload for page in pages(**names) for upload in page.get("Uploads", [])]

        found = self.connection.call(listed, Prefix=prefix)
        with understood(self._where):
            return [Upload(it["Key"], it["UploadId"], it["Initiated"].timestamp()) for it in found]

    def close(self) -> None:
        """See ``ObjectStore.close``."""
        if self._streams is not None:
            self._streams.close()
        self.connection.close()

    def _send(
        self,
        url: str,
        body: bytes | Iterable[bytes],
        size: int,
        most: int,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """PUT a body of ``size`` bytes and return the ETag; a small one as bytes, with a hash.

        Without ``headers`` it is a part.
        """
        if isinstance(body, bytes):
            check_size(size, len(body), most)
        else:
            check_size(size, size, most)
        exact = ExactBody(() if isinstance(body, bytes) else body, size)
        if not isinstance(body, bytes) and size <= BUFFERED_BYTES:
            body = b"".join(exact)
        if not isinstance(body, bytes):
            answer = self.connection.stream(url, exact, size, headers or {})
        elif headers is None:
            answer = self.connection.put_part(url, body)
        else:
            answer = self.connection.put(url, body, headers)
        with understood(self._where):
            return answer["etag"].strip('"')


@contextmanager
def _missing_is_upload() -> Iterator[None]:
    """In an operation on an upload, a 404 without a code means that the upload is gone."""
    try:
        yield
    except NoSuchBucket:
        raise
    except NotFound as error:
        raise NoSuchUpload("This upload is unknown: finished, or given up.") from error


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
        chosen["Metadata"] = check_metadata(metadata)
    if content_type:
        chosen["ContentType"] = content_type
    return chosen
