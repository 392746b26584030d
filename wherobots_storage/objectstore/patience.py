"""botocore's HTTP session, whose answers have an end: none may trickle for ever.

Its own timeout is for the next byte, so that an answer of which a byte comes now and then is waited
for without a limit: a listing, a part's, or that of a HEAD, whose headers alone can take an hour.
"""

from __future__ import annotations

import socket
import threading
from typing import Any
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

from wherobots_storage.objectstore.sockets import AnswerSocket, grant

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


class _Connection(AWSHTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = AnswerSocket(self.sock)


class _SecureConnection(AWSHTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = AnswerSocket(self.sock)


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
        with grant(WORK_SECONDS):
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
