"""Many small transfers at once: a few threads, each with a connection of its own.

A transfer takes half of the CPU that it takes with awscrt's S3 client, and a quarter or less of
what it takes with boto3 (measured on SeaweedFS: a PUT 0.39, 0.70 and 1.4 ms, a GET 0.36, 0.65 and
2.1 ms). URLs, credentials and errors are the S3 adapter's own.
"""

from __future__ import annotations

import base64
import hashlib
import ssl
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

from botocore.httpsession import get_cert_path

from wherobots_storage.errors import StoreTimeout, StoreUnavailable, TooLarge
from wherobots_storage.objectstore.absent import absence_told
from wherobots_storage.objectstore.answers import error_of
from wherobots_storage.objectstore.connection import USER_AGENT, Connection
from wherobots_storage.objectstore.headers import object_headers
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.limits import check_size
from wherobots_storage.objectstore.pool import BoundedPool
from wherobots_storage.objectstore.s3_errors import make, translated, understood
from wherobots_storage.objectstore.signing import Signer
from wherobots_storage.objectstore.store import (
    MAX_PUT_BYTES,
    MORE_THAN_ASKED,
    FetchedObject,
    ObjectInfo,
    PutRequest,
)
from wherobots_storage.objectstore.wire import Answer, Endpoint, Garbled, Oversize, Slow, Wire

IN_FLIGHT = 32
_META = "x-amz-meta-"
_MOST_OF_AN_ANSWER = 1024**2
"""The answer to a put is empty, or an error of some hundred bytes."""


class WireTransfers:
    """``BulkTransfers`` over the connection of an S3 store, which stays the caller's."""

    def __init__(self, connection: Connection, in_flight: int = IN_FLIGHT) -> None:
        self._connection = connection
        parts = urlsplit(connection.url("put_object", Key="k"))
        self._host = parts.netloc
        self._base = parts.path.removesuffix("k")
        self._endpoint = _endpoint(connection, parts.scheme, parts.hostname or "", parts.port)
        self._signer = Signer(connection.region)
        self._pool = BoundedPool(in_flight)
        self._local = threading.local()
        self._wires: list[Wire] = []

    @property
    def in_flight(self) -> int:
        """How many transfers run at once at the most."""
        return self._pool.in_flight

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future gives its ETag."""
        return self._pool.submit(lambda: self._put(request))

    def submit_get(
        self, key: str, *, if_match: str | None = None, most: int = sys.maxsize
    ) -> Future[FetchedObject]:
        """Read a small object whole."""
        return self._pool.submit(lambda: self._get(key, if_match, most))

    def close(self) -> None:
        """Wait for what is under way and give connections up."""
        self._pool.close()
        for wire in self._wires:
            wire.close()

    def _put(self, request: PutRequest) -> str:
        check_size(len(request.body), len(request.body), MAX_PUT_BYTES)
        headers = object_headers(
            request.metadata, request.content_type, request.if_none_match, request.if_match
        )
        # SeaweedFS makes an empty object of a body that never came, unless there is a hash.
        md5 = hashlib.md5(request.body, usedforsecurity=False).digest()
        headers["content-md5"] = base64.b64encode(md5).decode("ascii")
        headers["content-length"] = str(len(request.body))
        known = nullcontext() if request.if_match is None else self._absence_told(request.key)
        with known:
            answer = self._exchange(
                "PUT", request.key, headers, request.body, most=_MOST_OF_AN_ANSWER
            )
        with understood(self._connection.where):
            return _etag(answer.headers)

    def _get(self, key: str, if_match: str | None, most: int) -> FetchedObject:
        headers = {} if if_match is None else {"if-match": if_match}
        with self._absence_told(key):
            answer = self._exchange("GET", key, headers, most=most)
        with understood(self._connection.where):
            return FetchedObject(_info(key, answer), answer.body)

    def _absence_told(self, key: str) -> AbstractContextManager[None]:
        return absence_told(self._connection, key)

    def _exchange(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        most: int,
    ) -> Answer:
        check_key(key)
        path = self._base + quote(key, safe="/~")
        return self._connection.persistently(lambda: self._once(method, path, headers, body, most))

    def _once(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, most: int
    ) -> Answer:
        where = self._connection.where
        with translated(where):
            keys = self._connection.credentials()
        lower = {name.lower(): value for name, value in headers.items()}
        lower |= {"host": self._host, "user-agent": USER_AGENT}
        try:
            signed = self._signer.sign(method, path, lower, keys)
            answer = self._wire().exchange(method, path, signed, body, most=most)
        except Oversize as error:
            if method == "PUT":
                raise make(StoreUnavailable, where, type(error).__name__) from None
            raise TooLarge(MORE_THAN_ASKED) from None
        except Slow as error:
            raise make(StoreTimeout, where, type(error).__name__) from None
        except (OSError, Garbled) as error:
            raise make(StoreUnavailable, where, type(error).__name__) from None
        if answer.status not in {200, 204, 206}:
            raise error_of(answer.status, answer.body, answer.headers, where)
        return answer

    def _wire(self) -> Wire:
        wire: Wire | None = getattr(self._local, "wire", None)
        if wire is None:
            wire = self._local.wire = Wire(self._endpoint)
            self._wires.append(wire)
        return wire


def _endpoint(connection: Connection, scheme: str, host: str, port: int | None) -> Endpoint:
    """Where to connect, trusting the certificates that botocore trusts."""
    tls = None
    if scheme == "https":
        bundle = connection.verify if isinstance(connection.verify, str) else get_cert_path(True)
        tls = ssl.create_default_context(cafile=str(bundle))
    standard = 80 if tls is None else 443
    seconds = connection.timeouts
    return Endpoint(host, port or standard, tls, seconds.connect, seconds.read)


def _etag(headers: Mapping[str, str]) -> str:
    return headers["etag"].strip('"')


def _info(key: str, answer: Answer) -> ObjectInfo:
    headers = answer.headers
    return ObjectInfo(
        key=key,
        size=len(answer.body),
        etag=_etag(headers),
        last_modified=parsedate_to_datetime(headers["last-modified"]).timestamp(),
        metadata={
            name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)
        },
        content_type=headers.get("content-type", ""),
    )
