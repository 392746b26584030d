"""Many small transfers at once on the AWS Common Runtime's S3 client.

It spends an eighth of boto3's CPU on a request, and takes any key and any header. URLs,
credentials and errors are the S3 adapter's own.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from awscrt import s3
from awscrt.auth import AwsCredentials, AwsCredentialsProvider
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientBootstrap, ClientTlsContext, TlsContextOptions
from botocore.httpsession import get_cert_path

from wherobots_storage.errors import StorageError, StoreUnavailable
from wherobots_storage.objectstore.answers import error_of
from wherobots_storage.objectstore.connection import POOL_CONNECTIONS, USER_AGENT, Connection
from wherobots_storage.objectstore.crt_errors import from_crt_error
from wherobots_storage.objectstore.headers import object_headers
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.limits import check_size
from wherobots_storage.objectstore.s3_errors import translated
from wherobots_storage.objectstore.store import (
    MAX_PUT_BYTES,
    FetchedObject,
    ObjectInfo,
    PutRequest,
)

_T = TypeVar("_T")

CLOSE_SECONDS = 10.0


class _Answer:
    """What arrives for one request; filled on the runtime's threads, one event at a time."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    def on_headers(self, status_code: int, headers: list[tuple[str, str]], **_: object) -> None:
        """A retried request answers anew: the last answer counts."""
        del status_code
        self.headers = {name.lower(): value for name, value in headers}

    def on_body(self, chunk: bytes, offset: int, **_: object) -> None:
        """A piece of the body, with its place."""
        self.body[offset : offset + len(chunk)] = chunk


class CrtTransfers:
    """``BulkTransfers`` over the connection of an S3 store, which stays the caller's."""

    def __init__(self, connection: Connection, in_flight: int = POOL_CONNECTIONS) -> None:
        self._connection = connection
        self._in_flight = in_flight
        self._slots = threading.BoundedSemaphore(in_flight)
        self._host = urlsplit(connection.url("put_object", Key="k")).netloc
        self._client: s3.S3Client | None = _make_client(connection, in_flight)

    @property
    def in_flight(self) -> int:
        """How many transfers run at once at the most."""
        return self._in_flight

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future gives its ETag."""

        def begin(future: Future[str]) -> None:
            check_key(request.key)
            check_size(len(request.body), len(request.body), MAX_PUT_BYTES)
            headers = object_headers(
                request.metadata, request.content_type, request.if_none_match, request.if_match
            )
            md5 = hashlib.md5(request.body, usedforsecurity=False).digest()
            headers["Content-MD5"] = base64.b64encode(md5).decode("ascii")
            headers["Content-Length"] = str(len(request.body))
            url = self._connection.url("put_object", Key=request.key)
            message = self._message("PUT", url, headers, request.body)
            self._send("PutObject", message, future, lambda answer: _etag(answer.headers))

        return self._submit(begin)

    def submit_get(self, key: str, *, if_match: str | None = None) -> Future[FetchedObject]:
        """Read a small object whole."""

        def begin(future: Future[FetchedObject]) -> None:
            check_key(key)
            headers = {} if if_match is None else {"If-Match": if_match}
            message = self._message("GET", self._connection.url("get_object", Key=key), headers)
            self._send("GetObject", message, future, lambda answer: self._fetched(key, answer))

        return self._submit(begin)

    def close(self) -> None:
        """Wait for what is under way and give connections up."""
        if self._client is None:
            return
        for _ in range(self._in_flight):
            self._slots.acquire()
        ended, self._client = self._client.shutdown_event, None
        ended.wait(CLOSE_SECONDS)

    def _submit(self, begin: Callable[[Future[_T]], None]) -> Future[_T]:
        self._slots.acquire()
        future: Future[_T] = Future()
        future.set_running_or_notify_cancel()
        try:
            begin(future)
        except StorageError as error:
            self._slots.release()
            future.set_exception(error)
        except BaseException:
            self._slots.release()
            raise
        return future

    def _message(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> HttpRequest:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        listed = [("Host", self._host), ("User-Agent", USER_AGENT), *headers.items()]
        stream = io.BytesIO(body) if method == "PUT" else None
        return HttpRequest(method, path, HttpHeaders(listed), stream)

    def _send(
        self,
        operation: str,
        message: HttpRequest,
        future: Future[_T],
        result: Callable[[_Answer], _T],
    ) -> None:
        with translated(self._connection.where):
            # Here, and not on the runtime's own thread: getting new credentials may take long.
            self._connection.credentials()
        answer = _Answer()

        def on_done(error: Exception | None, **facts: Any) -> None:  # noqa: ANN401 - awscrt's own
            self._finish(future, lambda: self._settle(future, answer, error, facts, result))

        if self._client is None:
            raise StoreUnavailable("The transfers are closed.")
        self._client.make_request(
            type=s3.S3RequestType.DEFAULT,
            operation_name=operation,
            request=message,
            on_headers=answer.on_headers,
            on_body=answer.on_body,
            on_done=on_done,
        )

    def _finish(self, future: Future[_T], settle: Callable[[], None]) -> None:
        """Free the slot before anybody who waits for the future can ask for the next one."""
        self._slots.release()
        try:
            settle()
        except Exception as error:  # noqa: BLE001 - nothing may be raised into the runtime
            future.set_exception(error)

    def _settle(
        self,
        future: Future[_T],
        answer: _Answer,
        error: Exception | None,
        facts: Mapping[str, Any],
        result: Callable[[_Answer], _T],
    ) -> None:
        where = self._connection.where
        if error is None:
            future.set_result(result(answer))
        elif facts.get("error_headers") is not None and facts.get("status_code"):
            body, headers = facts.get("error_body") or b"", dict(facts["error_headers"])
            future.set_exception(error_of(facts["status_code"], body, headers, where))
        elif isinstance(error, AwsCrtError):
            future.set_exception(from_crt_error(error.name, where))
        else:
            future.set_exception(error)

    def _fetched(self, key: str, answer: _Answer) -> FetchedObject:
        info = _info(key, answer.headers)
        if info.size != len(answer.body):
            raise StoreUnavailable(f"{self._connection.where.host} broke off in an object.")
        return FetchedObject(info, bytes(answer.body))


def _make_client(connection: Connection, in_flight: int) -> s3.S3Client:
    secure = urlsplit(connection.endpoint_url).scheme == "https"

    def current() -> AwsCredentials:
        found = connection.credentials()
        return AwsCredentials(found.access_key, found.secret_key, found.token)

    provider = AwsCredentialsProvider.new_delegate(current)
    tls = _tls_options(connection) if secure else None
    return s3.S3Client(
        bootstrap=ClientBootstrap.get_or_create_static_default(),
        region=connection.region,
        tls_mode=s3.S3RequestTlsMode.ENABLED if secure else s3.S3RequestTlsMode.DISABLED,
        tls_connection_options=tls,
        signing_config=s3.create_default_s3_signing_config(
            region=connection.region, credential_provider=provider
        ),
        max_active_connections_override=in_flight,
    )


def _tls_options(connection: Connection) -> Any:  # noqa: ANN401 - awscrt has no types
    """The certificates that botocore trusts: its own bundle, or AWS_CA_BUNDLE's."""
    options = TlsContextOptions()
    options.override_default_trust_store_from_path(None, _bundle(connection))
    return ClientTlsContext(options).new_connection_options()


def _bundle(connection: Connection) -> str:
    return connection.verify if isinstance(connection.verify, str) else str(get_cert_path(True))


def _etag(headers: Mapping[str, str]) -> str:
    return headers["etag"].strip('"')


def _info(key: str, headers: Mapping[str, str]) -> ObjectInfo:
    prefix = "x-amz-meta-"
    return ObjectInfo(
        key=key,
        size=int(headers["content-length"]),
        etag=_etag(headers),
        last_modified=parsedate_to_datetime(headers["last-modified"]).timestamp(),
        metadata={
            name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)
        },
        content_type=headers.get("content-type", ""),
    )
