"""The port to an object store: one bucket, named operations, and the errors each may raise.

Every method blocks and is safe to call from several threads at once; callers on an event loop
run them in a thread. Any method may raise, besides what it names: AccessDenied, NoSuchBucket,
CredentialsError and its kinds, and StoreError and its kinds. Keys are full keys of the bucket
and are never normalised. ETags are opaque and travel without their quotes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

from wherobots_storage.objectstore.content import PartBody

MIN_PART_BYTES = 5 * 1024**2
MAX_PART_BYTES = 5 * 1024**3
MAX_PARTS = 10_000
MAX_PUT_BYTES = 5 * 1024**3
MAX_OBJECT_BYTES = 5 * 1024**4
MAX_DELETE_KEYS = 1000
MAX_METADATA_BYTES = 2048
"""Limits of S3 itself (Amazon S3 user guide: "Multipart upload limits", "Object metadata")."""

MORE_THAN_ASKED = "The object is larger than what there is room for."


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object. ``last_modified`` is in seconds since the epoch, UTC.

    ``metadata`` (lower-case names) and ``content_type`` are empty in listings, which S3 gives
    without them.
    """

    key: str
    size: int
    etag: str
    last_modified: float
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""


@dataclass(frozen=True, slots=True)
class CommonPrefix:
    """A folder in a listing with a delimiter: the keys that share ``prefix``, rolled up."""

    prefix: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a listing: entries in the order of the keys' bytes, and where to go on.

    ``cursor`` is opaque, and None at the end. A page may be shorter than asked for, even empty.
    """

    entries: tuple[ObjectInfo | CommonPrefix, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """An uploaded part of a multipart upload; ``number`` counts from 1, ``size`` is in bytes."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload in progress; ``initiated`` is in seconds since the epoch."""

    key: str
    upload_id: str
    initiated: float


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``start`` to ``stop`` (exclusive; None for the end) of an object."""

    start: int
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteFailure:
    """A key that a batch delete could not delete, and why."""

    key: str
    code: str
    message: str


class ObjectBody(Protocol):
    """The body of an object while it is read. Close it, read whole or not; it is a context manager.

    Reading may raise StoreUnavailable when the connection breaks, also at a body that ends early.
    """

    @property
    def info(self) -> ObjectInfo:
        """The object that is read; ``info.size`` is the whole object's, whatever the range."""
        ...

    @property
    def length(self) -> int:
        """How many bytes this body has: the range's, or the whole object's."""
        ...

    def chunks(self, size: int = 1024**2) -> Iterator[bytes]:
        """The bytes, in pieces of at most ``size``."""
        ...

    def close(self) -> None:
        """Give the connection up."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class ObjectStore(Protocol):
    """One bucket of an S3-compatible store."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        ...

    def check(self) -> None:
        """Ask for nothing but the bucket's existence. Raises NoSuchBucket, WrongRegion."""
        ...

    def list_page(
        self,
        prefix: str,
        *,
        delimiter: str = "",
        cursor: str | None = None,
        start_after: str = "",
        limit: int = 1000,
    ) -> ListPage:
        """One page of the keys under ``prefix``, in order of their bytes.

        With a ``delimiter``, keys with it after the prefix are rolled up to CommonPrefix entries.
        ``limit`` is 1 to 1,000. Raises InvalidInput for a cursor that is not of this listing.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """The object's facts and metadata. Raises NotFound."""
        ...

    def get(
        self, key: str, *, byte_range: ByteRange | None = None, if_match: str | None = None
    ) -> ObjectBody:
        """Begin to read an object. Raises NotFound, RangeNotSatisfiable, PreconditionFailed."""
        ...

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
        """Write an object whole and return its ETag.

        ``size`` in bytes is required for an iterable, and the body must have exactly that many:
        UploadInterrupted otherwise, and nothing is written. ``if_none_match``: only where no
        object is; ``if_match``: only over that ETag. Raises PreconditionFailed,
        ConcurrentChange, NotFound (``if_match`` on a missing key, on some stores), TooLarge.
        """
        ...

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Delete one object; a missing one is no error. Raises PreconditionFailed, NotFound."""
        ...

    def delete_many(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """Delete objects by exact key, in batches of 1,000; a missing one is no failure.

        The keys travel in the request's body, so that any key at all can be deleted.
        """
        ...

    def copy(
        self,
        source_key: str,
        key: str,
        *,
        source_if_match: str | None = None,
        if_none_match: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Copy within the bucket, on the store's side, and return the new ETag.

        The source's metadata goes along unless ``metadata`` replaces it. Objects over 5 GB are
        copied in parts. A copy onto itself replaces no other version than ``source_if_match``.
        Raises NotFound, PreconditionFailed, ConcurrentChange.
        """
        ...

    def create_multipart(
        self,
        key: str,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
    ) -> str:
        """Begin a multipart upload and return its id."""
        ...

    def upload_part(
        self, key: str, upload_id: str, number: int, body: PartBody, *, size: int
    ) -> str:
        """Send part ``number`` (from 1) of ``size`` bytes and return its ETag.

        An iterable is streamed: no more than a piece of it is held. One that is not a KnownBody
        is sent only once; what reading it raises is raised. Raises NoSuchUpload,
        UploadInterrupted when the body has not ``size`` bytes, TooLarge.
        """
        ...

    def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """The parts that have arrived, by number. Raises NoSuchUpload."""
        ...

    def complete_multipart(
        self,
        key: str,
        upload_id: str,
        parts: Sequence[Part],
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> str:
        """Make the object of its parts and return its ETag.

        Raises NoSuchUpload, PreconditionFailed, ConcurrentChange, InvalidInput for parts that
        the store does not have or that are too small.
        """
        ...

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Give an upload up and free its parts; one that is gone already is no error."""
        ...

    def list_uploads(self, prefix: str) -> list[Upload]:
        """The multipart uploads in progress under ``prefix``."""
        ...

    def close(self) -> None:
        """Give connections up; the store cannot be used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class PutRequest:
    """A small object to write: the arguments of ``ObjectStore.put`` with the body in memory."""

    key: str
    body: bytes
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    if_none_match: bool = False
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class FetchedObject:
    """An object read whole."""

    info: ObjectInfo
    body: bytes


class BulkTransfers(Protocol):
    """Many small transfers in flight at once. A future's exception is a StorageError.

    ``submit_*`` block while ``in_flight`` transfers are under way, which bounds the memory. The
    thread that hands transfers in is also the one that brings them forward: by ``drive``, by a
    future's ``result``, or by handing in more.
    """

    @property
    def in_flight(self) -> int:
        """How many transfers run at once at the most."""
        ...

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future gives its ETag. Errors as ``ObjectStore.put``."""
        ...

    def submit_get(
        self, key: str, *, if_match: str | None = None, most: int = sys.maxsize
    ) -> Future[FetchedObject]:
        """Read a small object whole; errors as ``ObjectStore.get``.

        TooLarge, and none of it is read, when it has over ``most`` bytes.
        """
        ...

    def drive(self, seconds: float) -> None:
        """Bring transfers forward until one has ended, ``wake`` is called or the time is over.

        It may also return sooner.
        """
        ...

    def wake(self) -> None:
        """End a ``drive`` that is under way on another thread, or else the next one."""
        ...

    def close(self) -> None:
        """Wait for what is under way and give connections up."""
        ...


def iterate_keys(
    store: ObjectStore, prefix: str, *, delimiter: str = ""
) -> Iterator[ObjectInfo | CommonPrefix]:
    """Every entry under ``prefix``, page by page; never more than one page in memory."""
    cursor: str | None = None
    while True:
        page = store.list_page(prefix, delimiter=delimiter, cursor=cursor)
        yield from page.entries
        cursor = page.cursor
        if cursor is None:
            return
