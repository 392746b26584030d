"""A server that speaks enough S3 for the sync, over a store in memory, and fails on demand."""

from __future__ import annotations

import base64
import hashlib
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from support.stub_server import Reply, Request, Stub, stub_server

from wherobots_storage.errors import (
    ConcurrentChange,
    InvalidInput,
    NoSuchUpload,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    StorageError,
)
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ByteRange, ObjectInfo, Part

BUCKET = "test"
_ERRORS: list[tuple[type[StorageError], int, str]] = [
    (NoSuchUpload, 404, "NoSuchUpload"),
    (NotFound, 404, "NoSuchKey"),
    (PreconditionFailed, 412, "PreconditionFailed"),
    (ConcurrentChange, 409, "ConditionalRequestConflict"),
    (RangeNotSatisfiable, 416, "InvalidRange"),
    (InvalidInput, 400, "InvalidRequest"),
]


def refusal(status: int, code: str) -> Reply:
    """An error as S3 words it."""
    body = f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode()
    return Reply(status, body, {"Content-Type": "application/xml"})


class Call:
    """A request, taken apart: which operation it is, on which key."""

    def __init__(self, request: Request) -> None:
        parts = urlsplit(request.path)
        self.request = request
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        self.key = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
        self.name = self._name()

    def _name(self) -> str:
        method, query = self.request.method, self.query
        if not self.key:
            listing = "list_uploads" if "uploads" in query else "list_page"
            return {"POST": "delete_many", "HEAD": "check"}.get(method, listing)
        if "uploads" in query:
            return "create_multipart"
        if "uploadId" in query:
            names = {"PUT": "upload_part", "POST": "complete_multipart"}
            return (names | {"DELETE": "abort_multipart", "GET": "list_parts"})[method]
        return "copy" if "x-amz-copy-source" in self.headers else method.lower()


class StubS3:
    """The server; ``store`` is what it holds.

    ``before`` sees every call and may answer in the store's place; ``after`` sees the call and its
    answer when the work is done, and gives the answer that is sent. ``calls`` counts operations.
    """

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.store = MemoryStore(BUCKET)
        self.calls: Counter[str] = Counter()
        self.before: Callable[[Call], Reply | None] = lambda _: None
        self.after: Callable[[Call, Reply], Reply] = lambda _, reply: reply
        self._lock = threading.Lock()
        stub.answer = self._answer

    def heal(self) -> None:
        """Fail no more, and count anew."""
        self.before = lambda _: None
        self.after = lambda _, reply: reply
        self.calls.clear()

    def environment(self) -> dict[str, str]:
        """The variables with which an AWS SDK talks to it."""
        return self.stub.environment()

    def _answer(self, request: Request) -> Reply:
        call = Call(request)
        with self._lock:
            self.calls[call.name] += 1
        reply = self.before(call)
        if reply is None:
            try:
                reply = getattr(self, f"_{call.name}")(call)
            except StorageError as error:
                reply = _refuse(error)
        self.stub.requests.clear()  # The bodies of a whole home would stay in memory.
        return self.after(call, reply)

    def _check(self, _: Call) -> Reply:
        return Reply()

    def _list_page(self, call: Call) -> Reply:
        query = call.query
        page = self.store.list_page(
            query.get("prefix", ""),
            cursor=query.get("continuation-token"),
            start_after=query.get("start-after", ""),
            limit=int(query.get("max-keys", "1000")),
        )
        entries = "".join(_entry(info) for info in page.entries if isinstance(info, ObjectInfo))
        more = page.cursor is not None
        token = f"<NextContinuationToken>{escape(page.cursor or '')}</NextContinuationToken>"
        return _xml(
            "ListBucketResult",
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{token if more else ''}{entries}",
        )

    def _head(self, call: Call) -> Reply:
        info = self.store.head(call.key)
        return Reply(200, b"", _facts(info), length=info.size)

    def _get(self, call: Call) -> Reply:
        span = call.headers.get("range")
        chosen = None
        if span is not None:
            first, _, last = span.removeprefix("bytes=").partition("-")
            chosen = ByteRange(int(first), int(last) + 1 if last else None)
        with self.store.get(call.key, byte_range=chosen, if_match=_if_match(call)) as body:
            content = b"".join(body.chunks())
            headers = _facts(body.info)
            if chosen is not None:
                stop = chosen.start + len(content)
                headers["Content-Range"] = f"bytes {chosen.start}-{stop - 1}/{body.info.size}"
            return Reply(200 if chosen is None else 206, content, headers)

    def _put(self, call: Call) -> Reply:
        digest = call.headers.get("content-md5")
        if digest is not None and digest != _md5(call.request.body):
            return refusal(400, "BadDigest")
        etag = self.store.put(
            call.key,
            call.request.body,
            metadata=_metadata(call),
            content_type=call.headers.get("content-type"),
            if_none_match="if-none-match" in call.headers,
            if_match=_if_match(call),
        )
        return Reply(200, b"", {"ETag": f'"{etag}"'})

    def _delete(self, call: Call) -> Reply:
        self.store.delete(call.key, if_match=_if_match(call))
        return Reply(204)

    def _delete_many(self, call: Call) -> Reply:
        root = ET.fromstring(call.request.body)  # noqa: S314 - our own client's
        self.store.delete_many([found.text or "" for found in root.iterfind(".//{*}Key")])
        return _xml("DeleteResult", "")

    def _copy(self, call: Call) -> Reply:
        headers = call.headers
        replaced = headers.get("x-amz-metadata-directive") == "REPLACE"
        etag = self.store.copy(
            _source_key(call),
            call.key,
            source_if_match=headers.get("x-amz-copy-source-if-match"),
            if_none_match="if-none-match" in headers,
            metadata=_metadata(call) if replaced else None,
        )
        return _xml("CopyObjectResult", f"<ETag>&quot;{etag}&quot;</ETag>")

    def _create_multipart(self, call: Call) -> Reply:
        upload_id = self.store.create_multipart(call.key, metadata=_metadata(call))
        return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")

    def _upload_part(self, call: Call) -> Reply:
        body, number = call.request.body, int(call.query["partNumber"])
        upload_id = call.query["uploadId"]
        copied = "x-amz-copy-source" in call.headers
        if copied:
            body = self._source(call)
        etag = self.store.upload_part(call.key, upload_id, number, body, size=len(body))
        if copied:
            return _xml("CopyPartResult", f"<ETag>&quot;{etag}&quot;</ETag>")
        return Reply(200, b"", {"ETag": f'"{etag}"'})

    def _source(self, call: Call) -> bytes:
        """The bytes of a part that is copied."""
        headers = call.headers
        first, _, last = headers["x-amz-copy-source-range"].removeprefix("bytes=").partition("-")
        etag = headers.get("x-amz-copy-source-if-match")
        span = ByteRange(int(first), int(last) + 1)
        with self.store.get(_source_key(call), byte_range=span, if_match=etag) as body:
            return b"".join(body.chunks())

    def _list_parts(self, call: Call) -> Reply:
        parts = self.store.list_parts(call.key, call.query["uploadId"])
        now = _iso(datetime.now(UTC).timestamp())
        listed = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{part.etag}</ETag>"
            f"<Size>{part.size}</Size><LastModified>{now}</LastModified></Part>"
            for part in parts
        )
        return _xml("ListPartsResult", f"<IsTruncated>false</IsTruncated>{listed}")

    def _complete_multipart(self, call: Call) -> Reply:
        root = ET.fromstring(call.request.body)  # noqa: S314 - our own client's
        parts = [
            Part(int(_text(part, "PartNumber")), _text(part, "ETag").strip('"'), 0)
            for part in root.iterfind(".//{*}Part")
        ]
        etag = self.store.complete_multipart(
            call.key,
            call.query["uploadId"],
            parts,
            if_none_match="if-none-match" in call.headers,
            if_match=_if_match(call),
        )
        return _xml("CompleteMultipartUploadResult", f"<ETag>&quot;{etag}&quot;</ETag>")

    def _abort_multipart(self, call: Call) -> Reply:
        self.store.abort_multipart(call.key, call.query["uploadId"])
        return Reply(204)

    def _list_uploads(self, call: Call) -> Reply:
        uploads = self.store.list_uploads(call.query.get("prefix", ""))
        listed = "".join(
            f"<Upload><Key>{escape(it.key)}</Key><UploadId>{it.upload_id}</UploadId>"
            f"<Initiated>{_iso(it.initiated)}</Initiated></Upload>"
            for it in uploads
        )
        return _xml("ListMultipartUploadsResult", f"<IsTruncated>false</IsTruncated>{listed}")


@contextmanager
def stub_s3() -> Iterator[StubS3]:
    """The server, on a free port of loopback."""
    with stub_server() as stub:
        yield StubS3(stub)


def _refuse(error: StorageError) -> Reply:
    for kind, status, code in _ERRORS:
        if isinstance(error, kind):
            return refusal(status, code)
    raise error


def _source_key(call: Call) -> str:
    return unquote(call.headers["x-amz-copy-source"]).lstrip("/").removeprefix(f"{BUCKET}/")


def _if_match(call: Call) -> str | None:
    found = call.headers.get("if-match")
    return found.strip('"') if found is not None else None


def _metadata(call: Call) -> dict[str, str]:
    prefix = "x-amz-meta-"
    return {
        name.removeprefix(prefix): value
        for name, value in call.headers.items()
        if name.startswith(prefix)
    }


def _facts(info: ObjectInfo) -> dict[str, str]:
    own: Mapping[str, str] = {f"x-amz-meta-{name}": it for name, it in info.metadata.items()}
    when = formatdate(info.last_modified, usegmt=True)
    return {"ETag": f'"{info.etag}"', "Last-Modified": when, **own}


def _entry(info: ObjectInfo) -> str:
    return (
        f"<Contents><Key>{quote(info.key, safe='/')}</Key><Size>{info.size}</Size>"
        f"<ETag>&quot;{info.etag}&quot;</ETag>"
        f"<LastModified>{_iso(info.last_modified)}</LastModified></Contents>"
    )


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _text(element: ET.Element, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return (found.text or "") if found is not None else ""


def _xml(name: str, content: str) -> Reply:
    body = f'<?xml version="1.0"?><{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    return Reply(200, f"{body}{content}</{name}>".encode(), {"Content-Type": "application/xml"})
