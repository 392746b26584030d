"""An object store in memory, with S3's rules: for tests, and as the port's plainest reading."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from wherobots_storage.errors import (
    InvalidInput,
    NoSuchUpload,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    UploadInterrupted,
)
from wherobots_storage.objectstore.content import PartBody
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.limits import check_metadata, check_part_number
from wherobots_storage.objectstore.memory_body import MemoryBody
from wherobots_storage.objectstore.pages import Cursor, roll_up
from wherobots_storage.objectstore.store import (
    MIN_PART_BYTES,
    ByteRange,
    CommonPrefix,
    DeleteFailure,
    ListPage,
    ObjectInfo,
    Part,
    Upload,
)

DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 answers for an object that was put without a type (PutObject reference)."""


@dataclass(slots=True)
class _Stored:
    info: ObjectInfo
    body: bytes


@dataclass(slots=True)
class _Pending:
    upload: Upload
    metadata: Mapping[str, str]
    content_type: str
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)


class MemoryStore:
    """One bucket in memory; satisfies ``ObjectStore``."""

    def __init__(self, bucket: str = "test") -> None:
        self._bucket = bucket
        self._objects: dict[str, _Stored] = {}
        self._uploads: dict[str, _Pending] = {}
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    def check(self) -> None:
        """Nothing can be wrong with this bucket."""

    def list_page(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        cursor: str | None = None,
        start_after: str = "",
        limit: int = 1000,
    ) -> ListPage:
        """See ``ObjectStore.list_page``."""
        if not 1 <= limit <= 1000:  # noqa: PLR2004 - S3's own bounds
            raise InvalidInput("A page of a listing has 1 to 1,000 entries.")
        token = "" if cursor is None else Cursor.read(cursor, prefix, delimiter).token
        with self._lock:
            infos = [self._objects[key].info for key in self._objects]
        entries = roll_up(infos, prefix, delimiter, token=token, start_after=start_after)
        page = tuple(itertools.islice(entries, limit + 1))
        if len(page) <= limit:
            return ListPage(page, None)
        last = page[limit - 1]
        token = last.prefix if isinstance(last, CommonPrefix) else last.key
        return ListPage(page[:limit], Cursor(prefix, delimiter, token).write())

    def head(self, key: str) -> ObjectInfo:
        """See ``ObjectStore.head``."""
        check_key(key)
        with self._lock:
            return self._find(key).info

    def get(
        self, key: str, *, byte_range: ByteRange | None = None, if_match: str | None = None
    ) -> MemoryBody:
        """See ``ObjectStore.get``."""
        check_key(key)
        with self._lock:
            stored = self._find(key)
        if if_match is not None and stored.info.etag != if_match:
            raise PreconditionFailed(f"{key} is not the version that was asked for.")
        if byte_range is None:
            return MemoryBody(stored.info, stored.body)
        if byte_range.start >= stored.info.size:
            raise RangeNotSatisfiable(f"{key} has only {stored.info.size:,} bytes.")
        return MemoryBody(stored.info, stored.body[byte_range.start : byte_range.stop])

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
        check_metadata(metadata or {})
        data = _collect(body, size)
        with self._lock:
            self._check_conditions(key, if_none_match, if_match)
            etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
            self._store(key, data, etag, metadata or {}, content_type)
            return etag

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        with self._lock:
            self._check_conditions(key, if_none_match=False, if_match=if_match)
            self._objects.pop(key, None)

    def delete_many(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """See ``ObjectStore.delete_many``."""
        with self._lock:
            for key in keys:
                self._objects.pop(key, None)
        return []

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
        with self._lock:
            source = self._find(source_key)
            if source_if_match is not None and source.info.etag != source_if_match:
                raise PreconditionFailed(f"{source_key} has changed meanwhile.")
            self._check_conditions(key, if_none_match, if_match=None)
            kept = source.info.metadata if metadata is None else metadata
            etag = hashlib.md5(source.body, usedforsecurity=False).hexdigest()
            self._store(key, source.body, etag, kept, source.info.content_type)
            return etag

    def create_multipart(
        self,
        key: str,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> str:
        """See ``ObjectStore.create_multipart``."""
        check_key(key)
        with self._lock:
            upload = Upload(key, f"upload-{next(self._ids)}", time.time())
            self._uploads[upload.upload_id] = _Pending(
                upload, check_metadata(metadata or {}), content_type or DEFAULT_CONTENT_TYPE
            )
            return upload.upload_id

    def upload_part(
        self, key: str, upload_id: str, number: int, body: PartBody, *, size: int
    ) -> str:
        """See ``ObjectStore.upload_part``."""
        check_part_number(number)
        with self._lock:
            self._pending(key, upload_id)
        data = _collect(body, size)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            self._pending(key, upload_id).parts[number] = Part(number, etag, len(data)), data
        return etag

    def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """See ``ObjectStore.list_parts``."""
        with self._lock:
            parts = self._pending(key, upload_id).parts
            return [parts[number][0] for number in sorted(parts)]

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
        with self._lock:
            pending = self._pending(key, upload_id)
            bodies = _chosen(pending, parts)
            self._check_conditions(key, if_none_match, if_match)
            digests = b"".join(bytes.fromhex(part.etag) for part in parts)
            digest = hashlib.md5(digests, usedforsecurity=False).hexdigest()
            etag = f"{digest}-{len(parts)}"
            self._store(key, b"".join(bodies), etag, pending.metadata, pending.content_type)
            del self._uploads[upload_id]
            return etag

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """See ``ObjectStore.abort_multipart``."""
        check_key(key)
        with self._lock:
            self._uploads.pop(upload_id, None)

    def list_uploads(self, prefix: str) -> list[Upload]:
        """See ``ObjectStore.list_uploads``."""
        with self._lock:
            uploads = [pending.upload for pending in self._uploads.values()]
        found = [upload for upload in uploads if upload.key.startswith(prefix)]
        return sorted(found, key=lambda upload: (upload.key.encode(), upload.initiated))

    def close(self) -> None:
        """Nothing to give up."""

    def age(self, key: str, last_modified: float) -> None:
        """Set an object's time of change: a test's way to have old objects."""
        with self._lock:
            stored = self._find(key)
            stored.info = replace(stored.info, last_modified=last_modified)

    def _find(self, key: str) -> _Stored:
        if key not in self._objects:
            raise NotFound(f"There is no object {key!r}.")
        return self._objects[key]

    def _pending(self, key: str, upload_id: str) -> _Pending:
        check_key(key)
        pending = self._uploads.get(upload_id)
        if pending is None or pending.upload.key != key:
            raise NoSuchUpload("This upload is unknown, finished or aborted.")
        return pending

    def _check_conditions(self, key: str, if_none_match: bool, if_match: str | None) -> None:
        stored = self._objects.get(key)
        if if_none_match and stored is not None:
            raise PreconditionFailed(f"{key!r} exists already.")
        if if_match is None:
            return
        if stored is None:
            raise NotFound(f"There is no object {key!r}.")
        if stored.info.etag != if_match:
            raise PreconditionFailed(f"{key!r} has changed meanwhile.")

    def _store(
        self,
        key: str,
        data: bytes,
        etag: str,
        metadata: Mapping[str, str],
        content_type: str | None,
    ) -> None:
        kept = MappingProxyType({name.lower(): value for name, value in metadata.items()})
        # S3 keeps whole seconds in HTTP dates; tests of the callers should meet the same.
        now = float(int(time.time()))
        kind = content_type or DEFAULT_CONTENT_TYPE
        self._objects[key] = _Stored(ObjectInfo(key, len(data), etag, now, kept, kind), data)


def _collect(body: PartBody, size: int | None) -> bytes:
    if isinstance(body, bytes):
        data = body
    elif size is None:
        raise InvalidInput("The size of a streamed body must be given.")
    else:
        data = b"".join(map(bytes, body))
    if size is not None and len(data) != size:
        raise UploadInterrupted(f"The body has {len(data):,} bytes instead of {size:,}.")
    return data


def _chosen(pending: _Pending, parts: Sequence[Part]) -> list[bytes]:
    """The bodies of ``parts``, checked as CompleteMultipartUpload checks them."""
    numbers = [part.number for part in parts]
    if not parts or numbers != sorted(set(numbers)):
        raise InvalidInput("The parts of an upload must be given in order, at least one.")
    bodies = []
    for part in parts:
        known, data = pending.parts.get(part.number, (None, b""))
        if known is None or known.etag != part.etag:
            raise InvalidInput(f"Part {part.number} of the upload has not arrived as it was said.")
        if part is not parts[-1] and len(data) < MIN_PART_BYTES:
            raise InvalidInput(f"Part {part.number} is too small: all but the last need 5 MiB.")
        bodies.append(data)
    return bodies
