"""Many small transfers at once: a few threads, each with a connection of its own.

A transfer takes half of the CPU that it takes with awscrt's S3 client, and a quarter or less of
what it takes with boto3 (measured on SeaweedFS: a PUT 0.39, 0.70 and 1.4 ms, a GET 0.36, 0.65 and
2.1 ms). URLs, credentials and errors are the S3 adapter's own.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from wherobots_storage.errors import StoreUnavailable, TooLarge
from wherobots_storage.objectstore.absent import absence_told
from wherobots_storage.objectstore.answers import error_of
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.headers import object_headers
from wherobots_storage.objectstore.limits import check_size
from wherobots_storage.objectstore.pool import Bell, BoundedPool
from wherobots_storage.objectstore.s3_errors import make, understood
from wherobots_storage.objectstore.store import (
    MAX_PUT_BYTES,
    MORE_THAN_ASKED,
    FetchedObject,
    PutRequest,
)
from wherobots_storage.objectstore.syntax import write_head
from wherobots_storage.objectstore.wire import Answer, Oversize
from wherobots_storage.objectstore.wires import Wires, etag_of, object_info

IN_FLIGHT = 32
GOOD_STATUSES = frozenset({200, 204, 206})
T = TypeVar("T")
_MOST_OF_AN_ANSWER = 1024**2
"""The answer to a put is empty, or an error of some hundred bytes."""


@dataclass(frozen=True, slots=True)
class Errand(Generic[T]):
    """A request, and how its answer is read; ``most``: how many bytes its body may have."""

    method: str
    key: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    most: int
    read: Callable[[Answer], T]
    names_a_version: bool
    """Whether a store that does not tell may mean with its refusal that there is none."""


class WireTransfers:
    """``BulkTransfers`` over the connection of an S3 store, which stays the caller's.

    Each is done on a thread, with whatever that takes: new connections, patience, new keys.
    """

    def __init__(self, connection: Connection, in_flight: int = IN_FLIGHT) -> None:
        self._connection = connection
        self._wires = Wires(connection)
        self._pool = BoundedPool(in_flight)
        bell = Bell()
        self.drive, self.wake = bell.drive, bell.wake

    @property
    def in_flight(self) -> int:
        """How many transfers run at once at the most."""
        return self._pool.in_flight

    @property
    def busy(self) -> int:
        """How many run now."""
        return self._pool.busy

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future gives its ETag."""
        return self.submit(lambda: self.put_errand(request))

    def submit_get(
        self, key: str, *, if_match: str | None = None, most: int = sys.maxsize
    ) -> Future[FetchedObject]:
        """Read a small object whole."""
        return self.submit(lambda: self.get_errand(key, if_match, most))

    def submit(self, make: Callable[[], Errand[T]]) -> Future[T]:
        """Do what ``put_errand`` or ``get_errand`` makes; what making it raises is the future's."""
        return self._pool.submit(lambda: self._do(make()))

    def close(self) -> None:
        """Wait for what is under way and give connections up."""
        self._pool.close()
        self._wires.close()

    def put_errand(self, request: PutRequest) -> Errand[str]:
        """What ``submit_put`` does. Raises a StorageError."""
        check_size(len(request.body), len(request.body), MAX_PUT_BYTES)
        headers = object_headers(
            request.metadata, request.content_type, request.if_none_match, request.if_match
        )
        # SeaweedFS makes an empty object of a body that never came, unless there is a hash.
        md5 = hashlib.md5(request.body, usedforsecurity=False).digest()
        headers["content-md5"] = base64.b64encode(md5).decode("ascii")
        headers["content-length"] = str(len(request.body))
        known = request.if_match is not None
        path, most = self._wires.path(request.key), _MOST_OF_AN_ANSWER
        return Errand("PUT", request.key, path, headers, request.body, most, _put_etag, known)

    def get_errand(self, key: str, if_match: str | None, most: int) -> Errand[FetchedObject]:
        """What ``submit_get`` does. Raises a StorageError."""
        headers = {} if if_match is None else {"if-match": if_match}
        read = partial(_fetched, key)
        return Errand("GET", key, self._wires.path(key), headers, b"", most, read, True)

    def signed_head(self, errand: Errand[T]) -> bytes:
        """A request up to its body. Raises a StorageError."""
        return write_head(errand.method, errand.path, self._sign(errand))

    def lend(self) -> socket.socket | None:
        """An open connection on which nothing is under way, for good; or None."""
        wire = self._wires.take_idle()
        return wire.detach() if wire is not None else None

    def _do(self, errand: Errand[T]) -> T:
        told: AbstractContextManager[None] = nullcontext()
        if errand.names_a_version:
            told = absence_told(self._connection, errand.key)
        with told:
            answer = self._connection.persistently(lambda: self._once(errand))
        with understood(self._connection.where):
            return errand.read(answer)

    def _sign(self, errand: Errand[T]) -> Mapping[str, str]:
        return self._wires.sign(errand.method, errand.path, errand.headers)

    def _once(self, errand: Errand[T]) -> Answer:
        where = self._connection.where
        signed = self._sign(errand)
        try:
            with self._wires.taken() as wire:
                answer = wire.exchange(
                    errand.method, errand.path, signed, errand.body, most=errand.most
                )
        except Oversize as error:
            if errand.method == "PUT":
                raise make(StoreUnavailable, where, type(error).__name__) from None
            raise TooLarge(MORE_THAN_ASKED) from None
        if answer.status not in GOOD_STATUSES:
            raise error_of(answer.status, answer.body, answer.headers, where)
        return answer


def _put_etag(answer: Answer) -> str:
    return etag_of(answer.headers)


def _fetched(key: str, answer: Answer) -> FetchedObject:
    return FetchedObject(object_info(key, answer.headers, len(answer.body)), answer.body)
