"""botocore's HTTP session, whose answers have an end: none may trickle for ever.

Its own timeout is for the next byte, so that an answer of which a byte comes now and then is waited
for without a limit: a listing, a part's, or that of a HEAD, whose headers alone can take an hour.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore.session
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SLOWEST = 10_000.0
"""Bytes a second that an answer must come with: a byte now and then is none."""

WORK_SECONDS = 900.0
WORK = {"CompleteMultipartUpload", "CopyObject", "UploadPartCopy"}
"""What the store works on for minutes, sending a blank now and then meanwhile (Amazon S3 API
reference, CompleteMultipartUpload), and how long that is waited for."""

SERVICES = ("sts", "sso", "sso-oidc", "signin")
"""Where botocore's credential providers ask (its credentials module), as its events call them."""

_SOCKET_OPTIONS: Any = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]
_BUFFER = 8192
_granted = threading.local()


class _Answer(RawIOBase):
    """What one answer is read from.

    The wait for its first byte is the socket's affair. From then on it may be waited for as long in
    all; what comes gives time back, but never more than that. The time of its reader does not
    count. Raises TimeoutError, and ConnectionResetError at its end when that is ``unforeseen``.
    """

    def __init__(self, raw: RawIOBase, seconds: float, *, unforeseen: bool) -> None:
        self._raw = raw
        self._most = self._left = seconds
        self._begun = False
        self._unforeseen = unforeseen

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Wait for bytes; 0 of them at the end."""
        began = monotonic()
        got: int | None = self._raw.readinto(buffer)
        if not got:
            if self._unforeseen:
                raise ConnectionResetError
            return got
        if self._begun:
            self._left -= monotonic() - began
            if self._left < 0:
                raise TimeoutError
            self._left = min(self._left + got / SLOWEST, self._most)
        self._begun = True
        return got

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _Socket:
    """A connected socket whose answers are waited for, but not for ever."""

    def __init__(self, plain: socket.socket) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._plain, name)

    def makefile(self, mode: str, buffering: int = _BUFFER) -> RawIOBase | BufferedReader:
        """What an answer is read from, by http.client; without a buffer, by botocore."""
        raw: Any = self._plain.makefile(mode, 0)  # type: ignore[call-overload]
        seconds = getattr(_granted, "seconds", None) or self._plain.gettimeout()
        # botocore, reading what comes before the answer proper, never sees an end.
        answer = _Answer(raw, seconds or float("inf"), unforeseen=not buffering)
        return BufferedReader(answer, buffering) if buffering else answer


class _Connection(AWSHTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _Socket(self.sock)


class _SecureConnection(AWSHTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _Socket(self.sock)


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class PatientSession(URLLib3Session):
    """A session of botocore's over such connections. Thread-safe."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - botocore's own
        super().__init__(socket_options=_SOCKET_OPTIONS, **options)
        # For those to proxies, and for all others.
        self._pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        manager: Any = vars(self)["_manager"]
        manager.pool_classes_by_scheme = self._pool_classes_by_scheme

    def send_for_client(
        self, request: AWSPreparedRequest, event_name: str, **_: object
    ) -> AWSResponse:
        """Send a client's request; a handler of botocore's event before-send."""
        if event_name.rpartition(".")[2] not in WORK:
            return self.send(request)
        with _grant(WORK_SECONDS):
            return self.send(request)


class _Hosts:
    """A patient session for each host that one botocore session's clients ask. Thread-safe."""

    def __init__(self, verify: bool | str, connect: float, read: float) -> None:
        self._verify = verify
        self._timeout: Any = (connect, read)
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], PatientSession] = {}

    def send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse:
        """Send a client's request; a handler of botocore's event before-send."""
        return self._session_for(request.url).send_for_client(request, event_name)

    def _session_for(self, url: str) -> PatientSession:
        parts = urlsplit(url)
        with self._lock:
            found = self._sessions.get((parts.scheme, parts.netloc))
            if found is None:
                found = self._sessions[parts.scheme, parts.netloc] = PatientSession(
                    verify=self._verify, proxies=get_environ_proxies(url), timeout=self._timeout
                )
        return found


def make_patient(session: botocore.session.Session, *, connect: float, read: float) -> None:
    """Have clients of what gives credentials, made from ``session`` later, send so.

    Also those that botocore makes itself on its way to them. Times are in seconds.
    """
    verify: bool | str = session.get_config_variable("ca_bundle") or True
    send: Any = _Hosts(verify, connect, read).send
    for service in SERVICES:
        # By name: botocore calls all that are registered, and what is sent twice is done twice.
        session.register(f"before-send.{service}", send)


@contextmanager
def _grant(seconds: float) -> Iterator[None]:
    _granted.seconds = seconds
    try:
        yield
    finally:
        _granted.seconds = None
