"""What a session tries at one place: every way to list, read, write, copy and delete."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import urllib3
from botocore.exceptions import ClientError
from support.ground import Ground, Place

Outcome = Literal["allowed", "denied"]


@dataclass
class Attempt:
    """One session at one place, with an object of the administrator's in it."""

    ground: Ground
    s3: Any
    place: Place
    home: str
    """A prefix in which the session may write: where stolen bytes would be copied to."""
    name: str

    @property
    def key(self) -> str:
        """The object that is tried."""
        return f"{self.place.prefix}{self.name}"

    @property
    def at(self) -> dict[str, str]:
        """The object as boto3's arguments."""
        return {"Bucket": self.place.bucket, "Key": self.key}

    @property
    def own(self) -> dict[str, str]:
        """An object of the session's own as boto3's arguments."""
        return {"Bucket": self.ground.bucket, "Key": f"{self.home}own-{self.name}"}

    def begin(self, at: Mapping[str, str]) -> str:
        """A multipart upload of the administrator's."""
        return str(self.ground.admin.create_multipart_upload(**at)["UploadId"])


def _multipart(one: Attempt) -> None:
    upload = {**one.at, "UploadId": one.s3.create_multipart_upload(**one.at)["UploadId"]}
    part = one.s3.upload_part(**upload, PartNumber=1, Body=b"new")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    one.s3.complete_multipart_upload(**upload, MultipartUpload=parts)


def _delete_many(one: Attempt) -> None:
    asked = {"Objects": [{"Key": one.key}]}
    answer = one.s3.delete_objects(Bucket=one.place.bucket, Delete=asked)
    for error in answer.get("Errors", []):
        assert error["Code"] == "AccessDenied"
        _check(403)


def _form(one: Attempt) -> None:
    post = one.s3.generate_presigned_post(**one.at)
    fields = {**post["fields"], "file": ("f", b"new")}
    _check(urllib3.request("POST", post["url"], fields=fields, retries=False).status)


def _presigned(method: str, operation: str, body: bytes | None = None) -> Callable[[Attempt], None]:
    def presigned(one: Attempt) -> None:
        url = one.s3.generate_presigned_url(operation, Params=one.at)
        _check(urllib3.request(method, url, body=body, retries=False).status)

    return presigned


def _presigned_list(one: Attempt) -> None:
    asked = {"Bucket": one.place.bucket, "Prefix": one.place.prefix}
    url = one.s3.generate_presigned_url("list_objects_v2", Params=asked)
    _check(urllib3.request("GET", url, retries=False).status)


def _check(status: int) -> None:
    if status not in {200, 204}:
        facts: Any = {"ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(facts, "HTTP")


def _upload_part(one: Attempt) -> None:
    upload_id = one.begin(one.at)
    one.s3.upload_part(**one.at, UploadId=upload_id, PartNumber=1, Body=b"new")


def _copy_part(one: Attempt) -> None:
    upload_id = one.begin(one.own)
    one.s3.upload_part_copy(**one.own, UploadId=upload_id, PartNumber=1, CopySource=one.at)


def _list_parts(one: Attempt) -> None:
    one.s3.list_parts(**one.at, UploadId=one.begin(one.at))


def _abort(one: Attempt) -> None:
    one.s3.abort_multipart_upload(**one.at, UploadId=one.begin(one.at))


def _copy_to(one: Attempt) -> None:
    one.ground.admin.put_object(**one.own, Body=b"new")
    one.s3.copy_object(**one.at, CopySource=one.own)


def _listing(operation: str) -> Callable[[Attempt], None]:
    def listing(one: Attempt) -> None:
        getattr(one.s3, operation)(Bucket=one.place.bucket, Prefix=one.place.prefix)

    return listing


READS: dict[str, Callable[[Attempt], None]] = {
    "list": _listing("list_objects_v2"),
    "list, old": _listing("list_objects"),
    "list, presigned": _presigned_list,
    "get": lambda one: one.s3.get_object(**one.at),
    "get, presigned": _presigned("GET", "get_object"),
    "head": lambda one: one.s3.head_object(**one.at),
    "head, presigned": _presigned("HEAD", "head_object"),
}
COPIES: dict[str, Callable[[Attempt], None]] = {
    "copy from": lambda one: one.s3.copy_object(**one.own, CopySource=one.at),
    "copy a part from": _copy_part,
}
WRITES: dict[str, Callable[[Attempt], None]] = {
    "put": lambda one: one.s3.put_object(**one.at, Body=b"new"),
    "put, presigned": _presigned("PUT", "put_object", b"new"),
    "put, by a form": _form,
    "copy to": _copy_to,
    "multipart": _multipart,
    "upload a part": _upload_part,
    "list parts": _list_parts,
    "abort": _abort,
}
DELETES: dict[str, Callable[[Attempt], None]] = {
    "delete": lambda one: one.s3.delete_object(**one.at),
    "delete, presigned": _presigned("DELETE", "delete_object"),
    "delete many": _delete_many,
    "list uploads": _listing("list_multipart_uploads"),
}
ACTIONS = READS | COPIES | WRITES | DELETES
MAIN_ACTIONS = ("list", "get", "copy from", "put", "multipart", "delete")
"""One of each kind, for the many names."""


def outcome(attempt: Callable[..., object], *given: object, **named: object) -> Outcome:
    """Whether a store let it be done. Any answer but yes or 403 is an error of the test."""
    try:
        attempt(*given, **named)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
            return "denied"
        raise
    return "allowed"


def raw(method: str, url: str) -> bytes:
    """Send a URL as it stands: every HTTP library would resolve its dot segments first."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    try:
        body = b"overwritten" if method == "PUT" else None
        connection.request(method, f"{parts.path}?{parts.query}", body=body)
        return connection.getresponse().read()
    finally:
        connection.close()


def content(one: Attempt) -> bytes:
    """What is in the object now, empty where there is none."""
    try:
        return bytes(one.ground.admin.get_object(**one.at)["Body"].read())
    except ClientError:
        return b""
