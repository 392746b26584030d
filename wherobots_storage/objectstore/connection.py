"""One bucket's way to its endpoint: botocore's client, and signed requests without its parser.

botocore's own request path cannot stream an unseekable body over plain HTTP, and spends 200 ms of
CPU on parsing 1,000 listed keys. What is sent here by hand still has its URL from botocore's
endpoint rules, its signature from it (in headers, so that no URL is a secret) and goes through its
HTTP session with its proxies and certificates. boto3 adds nothing to a client but file transfers
of its own, and costs a start half of botocore's time once more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import botocore
import botocore.session
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import NoCredentialsError
from botocore.utils import get_environ_proxies

from wherobots_storage.errors import (
    ExpiredCredentials,
    InvalidCredentials,
    StorageError,
    StoreUnavailable,
)
from wherobots_storage.objectstore.answers import error_of, without_illegal
from wherobots_storage.objectstore.bodies import ExactBody
from wherobots_storage.objectstore.hosts import without_login
from wherobots_storage.objectstore.pace import Pace
from wherobots_storage.objectstore.patience import PatientSession
from wherobots_storage.objectstore.renewal import Load, Provider, RenewableCredentials
from wherobots_storage.objectstore.s3_errors import Where, translated, understood

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

POOL_CONNECTIONS = 64
USER_AGENT = "wherobots-storage"
RENEWALS = 3
"""How often one request takes new keys: they may be rotated again while it is on its way."""
_PIECE_BYTES = 262_144

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a connection, and for the next byte either way, in seconds."""

    connect: float = 10
    read: float = 60


DEFAULT_TIMEOUTS = Timeouts()


UNSIGNED = "UNSIGNED-PAYLOAD"
"""What S3 takes in place of a body's hash: bodies that are streamed have none beforehand."""


class KnownPayload(S3SigV4Auth):
    """Signature v4 for a body whose SHA-256 is known already, or left out."""

    def __init__(self, credentials: Any, region: str, sha256: str = UNSIGNED) -> None:  # noqa: ANN401
        super().__init__(credentials, "s3", region)
        self._sha256 = sha256

    def payload(self, request: AWSRequest) -> str:  # noqa: ARG002 - botocore's signature
        """The body's SHA-256 in hexadecimal digits, or ``UNSIGNED``."""
        return self._sha256


def client_config(
    timeouts: Timeouts,
    *,
    custom_endpoint: bool,
    **more: Any,  # noqa: ANN401 - Config's own
) -> Config:
    """The settings of every client: no retries, which are ours; no trailers; 64 connections.

    Since botocore 1.36 a checksum trailer goes with each upload unless it is only sent
    "when_required": Ceph RGW 16 and others answer 411 to it.
    """
    # 'auto' would do for the client itself, but a URL made for AWS with it names the global
    # endpoint, which redirects; and a custom endpoint seldom has a DNS name per bucket.
    return Config(
        signature_version=more.pop("signature_version", "s3v4"),
        s3={"addressing_style": "path" if custom_endpoint else "virtual"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        max_pool_connections=POOL_CONNECTIONS,
        user_agent_extra=USER_AGENT,
        tcp_keepalive=True,
        **more,
    )


def _do_not_follow(context: dict[str, Any], **_: object) -> None:
    """Keep botocore from going after a bucket in another region: listings would not follow.

    Its search also never ends where a server redirects without naming a region.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


def _make_parseable(response_dict: dict[str, Any], **_: object) -> None:
    """Drop what XML cannot hold: answers quote the key, which may have control characters."""
    body = response_dict.get("body")
    if isinstance(body, bytes):
        response_dict["body"] = without_illegal(body)


class Connection:
    """The clients of one bucket. botocore's clients and HTTP sessions are thread-safe."""

    def __init__(
        self,
        bucket: str,
        session: botocore.session.Session,
        *,
        renew: Load | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        **client: Any,  # noqa: ANN401 - botocore's
    ) -> None:
        """``renew`` looks for credentials anew, and then all are looked for by it.

        ``client``: further arguments of botocore's ``create_client``, such as ``endpoint_url``.
        """
        self.bucket = bucket
        self.refuses_batches = False
        """Whether the store was found to refuse batch deletes, and to allow single ones."""
        self.timeouts = timeouts
        self.pace = Pace(POOL_CONNECTIONS)
        self._renewable = RenewableCredentials(renew) if renew is not None else None
        if self._renewable is not None:
            session.register_component("credential_provider", Provider(self._renewable))
        self._session = session
        urls = self._make_client(client, by_path=True, signed=False)
        found = str(urls.meta.endpoint_url)
        custom = ".amazonaws.com" not in (urlsplit(found).hostname or "")
        # A dot in a bucket's name breaks the certificate of its host name on AWS.
        by_path = custom or "." in bucket
        if by_path:
            client = client | {"endpoint_url": without_login(found)}
        if not custom or without_login(found) != found:
            urls = self._make_client(client, by_path=by_path, signed=False)
        self._urls: S3Client = urls
        self.client: S3Client = self._make_client(client, by_path=by_path, signed=True)
        self.client.meta.events.register_first("before-parse.s3", _make_parseable)
        self.client.meta.events.register("before-call.s3", _do_not_follow)
        self.region = str(self.client.meta.region_name)
        self.endpoint_url = str(self.client.meta.endpoint_url)
        self.where = Where(bucket, urlsplit(self.endpoint_url).netloc, self.region)
        self._credentials: Any = session.get_credentials()
        self.verify: bool | str = session.get_config_variable("ca_bundle") or True
        seconds: Any = (timeouts.connect, timeouts.read)
        proxies = get_environ_proxies(self.endpoint_url)
        self.is_proxied = bool(proxies)
        """Whether requests go through a proxy."""
        self._http = PatientSession(
            verify=self.verify,
            proxies=proxies,
            timeout=seconds,
            max_pool_connections=POOL_CONNECTIONS,
        )
        send: Any = self._http.send_for_client
        self.client.meta.events.register("before-send.s3", send)

    def _make_client(self, given: Mapping[str, Any], *, by_path: bool, signed: bool) -> S3Client:
        """Takes 25 ms of CPU; ``signed`` False: for URLs alone."""
        more = {} if signed else {"signature_version": botocore.UNSIGNED}
        config = client_config(self.timeouts, custom_endpoint=by_path, **more)
        made: Any = self._session.create_client("s3", config=config, **given)
        client: S3Client = made
        return client

    def credentials(self) -> Any:  # noqa: ANN401 - botocore's ReadOnlyCredentials
        """The session's credentials as they are now, refreshed if they must be.

        Raises botocore's NoCredentialsError.
        """
        found = self.found_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()

    def found_credentials(self) -> Any:  # noqa: ANN401 - botocore's Credentials, or ours
        """What the session found, with the name of its provider as ``method``; or None."""
        if self._renewable is not None:
            return self._renewable if self._renewable.is_found() else None
        if self._credentials is None:
            self._credentials = self._session.get_credentials()
        return self._credentials

    def url(self, operation: str, **parameters: Any) -> str:  # noqa: ANN401 - the operation's own
        """The URL of an operation on this bucket, without a signature."""
        with translated(self.where):
            return self._url(operation, **parameters)

    def resolve(self) -> None:
        """Find out whether requests have a URL at all: botocore's clients do so at the first.

        Raises botocore's EndpointResolutionError for an endpoint whose port is none, say.
        """
        self._url("list_objects_v2")

    def read(self, url: str) -> bytes:
        """GET a URL whole, tried again while that can help. Raises what ``translated`` does."""
        return self.persistently(lambda: self._read_once(url))

    def put(self, url: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        """PUT bytes and return the answer's headers; tried again while that can help.

        The MD5 goes along: SeaweedFS makes an empty object of a body that never came, unless
        there is a hash to compare with (measured with 4.48).
        """
        md5 = hashlib.md5(body, usedforsecurity=False).digest()
        sent = {**headers, "Content-MD5": base64.b64encode(md5).decode("ascii")}
        return self.persistently(lambda: self._put_once(url, _pieces(body), len(body), sent))

    def put_part(self, url: str, body: bytes) -> Mapping[str, str]:
        """PUT a part of an upload, like ``put``, with the body's SHA-256 in the signature.

        That has less than half of an MD5's cost, and a part that never came is refused without it.
        """
        sha256 = hashlib.sha256(body).hexdigest()
        return self.persistently(lambda: self._put_once(url, _pieces(body), len(body), {}, sha256))

    def stream(
        self, url: str, body: ExactBody, size: int, headers: Mapping[str, str]
    ) -> Mapping[str, str]:
        """PUT exactly ``size`` bytes in one go and return the answer's headers.

        Not tried again: the body can be read but once. Raises what the body's source raises.
        """
        body.prime()
        # The server may refuse before the body is sent; botocore's connection waits for it.
        sent = {**headers, "Expect": "100-continue"}
        try:
            return self._put_once(url, body, size, sent)
        except StorageError:
            if body.error is not None:
                # What the caller's own iterable raised is the truth, not how the wire saw it.
                raise body.error from None
            raise

    def call(self, operation: Callable[..., _T], **parameters: Any) -> _T:  # noqa: ANN401 - the SDK's
        """Do an operation of botocore's client on this bucket, again while that can help."""

        def once() -> _T:
            with translated(self.where), understood(self.where):
                return operation(Bucket=self.bucket, **parameters)

        return self.persistently(once)

    def persistently(self, work: Callable[[], _T]) -> _T:
        """Do ``work`` at the bucket's pace, again while the store is away or busy.

        Soon as well with new credentials, when the store no longer takes the old ones and
        their source has others.
        """
        return self.pace.persistently(lambda: self._with_new_keys(work))

    def _with_new_keys(self, work: Callable[[], _T]) -> _T:
        if self._renewable is None:
            return work()
        for _ in range(RENEWALS):
            with translated(self.where):
                keys = self.credentials()
            try:
                return work()
            except (ExpiredCredentials, InvalidCredentials):
                if not self._renewable.renew(keys):
                    raise
        return work()

    def close(self) -> None:
        """Close the pools."""
        self._http.close()
        self.client.close()
        self._urls.close()

    def _url(self, operation: str, **parameters: Any) -> str:  # noqa: ANN401 - as in url
        return self._urls.generate_presigned_url(
            operation, Params={"Bucket": self.bucket, **parameters}
        )

    def _put_once(
        self,
        url: str,
        body: Iterable[memoryview | bytes],
        size: int,
        headers: Mapping[str, str],
        sha256: str = UNSIGNED,
    ) -> Mapping[str, str]:
        sent = {**headers, "Content-Length": str(size), "User-Agent": USER_AGENT}
        with translated(self.where):
            answer = self._http.send(self._prepare("PUT", url, sent, body, sha256))
            self._check(answer, answer.content)
        return {name.lower(): value for name, value in answer.headers.items()}

    def _read_once(self, url: str) -> bytes:
        with translated(self.where):
            answer = self._http.send(self._prepare("GET", url, {"User-Agent": USER_AGENT}))
            content = answer.content
            self._check(answer, content)
        expected = answer.headers.get("Content-Length")
        if expected is not None and expected != str(len(content)):
            raise StoreUnavailable(f"{self.where.host} broke off in the middle of an answer.")
        return content

    def _prepare(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any = None,  # noqa: ANN401 - bytes, or an iterable of them
        sha256: str = UNSIGNED,
    ) -> AWSPreparedRequest:
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        KnownPayload(self.credentials(), self.region, sha256).add_auth(request)
        # Bytes, because botocore's connection compares Expect with bytes.
        signed: Any = {name: value.encode("ascii") for name, value in request.headers.items()}
        return AWSPreparedRequest(method, url, signed, body, stream_output=False)

    def _check(self, answer: AWSResponse, content: bytes) -> None:
        if answer.status_code not in {200, 204, 206}:
            raise error_of(answer.status_code, content, dict(answer.headers), self.where)


def _pieces(body: bytes) -> Iterator[memoryview]:
    """A body in pieces: the time that sending may take is for each of them, not for the whole.

    A body that is sent at once would have to be through within the connection's timeout (measured
    with botocore 1.43), which a large part on a slow line never is.
    """
    view = memoryview(body)
    for start in range(0, len(body), _PIECE_BYTES):
        yield view[start : start + _PIECE_BYTES]
