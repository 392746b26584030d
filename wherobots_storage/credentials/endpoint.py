"""Credentials for kernels and terminals: the SDKs' container provider, served on loopback.

Every AWS SDK asks ``AWS_CONTAINER_CREDENTIALS_FULL_URI`` by itself, shows the token that is in
``AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE``, and asks again before what it got expires (AWS SDKs
reference guide, "Container credential provider"). A web page must not: the port is guarded against
pages that send requests there (Origin, Sec-Fetch-Site) or rebind a name to it (Host), besides the
token, which only this user's processes can read.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from concurrent.futures import Executor
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from wherobots_storage.audit import tell
from wherobots_storage.credentials.source import Credentials, CredentialSource
from wherobots_storage.errors import StorageError
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.repeats import Repeats

PATH = "/credentials"
LIFETIME = 3600
"""Seconds that credentials live unless configured otherwise: a chained role has no more."""

IDLE_SECONDS = 5
"""How long a client may take to send its request: SDKs give up after 2 seconds themselves."""

MAX_HEADER_BYTES = 8192
_TOKEN_BYTES = 32
_HOST = "127.0.0.1"


class CredentialsEndpoint:
    """Serves one scope's credentials on a port of its own.

    ``start`` and ``stop`` are called on the event loop; ``bind`` may come before there is one:
    who asks meanwhile is answered after ``start``. ``source`` is asked for each request, in
    ``executor``: put a CachedSource there. ``token_file`` is written by ``bind``, mode 0600, and
    removed at the end. ``user`` is the customer, for the audit log.
    """

    def __init__(
        self,
        source: CredentialSource,
        scope: Scope,
        token_file: Path,
        executor: Executor,
        *,
        user: str,
        seconds: int = LIFETIME,
    ) -> None:
        self._source = source
        self._scope = scope
        self._token_file = token_file
        self._executor = executor
        self._user = user
        self._seconds = seconds
        self._server: HTTPServer | None = None
        self._sockets: list[socket.socket] = []
        self._token = b""
        self._port = 0
        self._refusals = Repeats()

    @property
    def url(self) -> str:
        """Where the SDKs ask. The endpoint must have been bound."""
        return f"http://{_HOST}:{self._port}{PATH}"

    def environment(self) -> dict[str, str]:
        """The variables by which SDKs find the endpoint; static keys beside them would win."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.url,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self._token_file),
        }

    def bind(self) -> None:
        """Listen on a free port. Raises OSError, also when the token cannot be written."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        _write_token(self._token_file, token)
        self._token = token.encode("ascii")
        self._sockets = bind_sockets(0, _HOST)
        self._port = int(self._sockets[0].getsockname()[1])

    def start(self) -> None:
        """Answer, and listen first if that is to be done. Raises as ``bind``."""
        if not self._sockets:
            self.bind()
        given = {"endpoint": self, "token": self._token, "port": self._port}
        application = Application(
            [(PATH, _Handler, given), (r".*", _Handler, given)], log_function=_log_nothing
        )
        self._server = HTTPServer(
            application,
            no_keep_alive=True,
            idle_connection_timeout=IDLE_SECONDS,
            body_timeout=IDLE_SECONDS,
            max_header_size=MAX_HEADER_BYTES,
            max_body_size=0,
            max_buffer_size=4 * MAX_HEADER_BYTES,
        )
        self._server.add_sockets(self._sockets)

    async def stop(self) -> None:
        """Stop listening, end what is open and remove the token. Never raises."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()
            await server.close_all_connections()
        for listening in self._sockets:
            listening.close()
        self._sockets = []
        with contextlib.suppress(OSError):
            self._token_file.unlink()

    async def vend(self) -> Credentials:
        """Ask the source, off the event loop. Raises StorageError."""
        return await IOLoop.current().run_in_executor(
            self._executor, self._source.vend, self._scope, self._seconds
        )

    def told(self, event: str, **facts: object) -> None:
        """Write a line to the audit log."""
        level = logging.INFO if event == "credentials-vended" else logging.WARNING
        about = {"user": self._user, "scope": self._scope.name}
        tell(event, {**about, **facts}, level=level)

    def told_refusal(self, reason: str) -> None:
        """Write a line, unless there was one like it a moment ago: any page can cause these."""
        more = self._refusals.take(reason)
        if more is not None:
            self.told("credentials-refused", reason=reason, **more)


class _Handler(RequestHandler):
    """``GET /credentials``, and a refusal for everything else."""

    def initialize(self, endpoint: CredentialsEndpoint, token: bytes, port: int) -> None:
        self._endpoint = endpoint
        self._token = token
        self._hosts = {f"{_HOST}:{port}", f"localhost:{port}"}

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def prepare(self) -> None:
        reason = self._refusal()
        if reason is not None:
            self._endpoint.told_refusal(reason)
            # The reason stays here: who is refused learns nothing about what was right.
            self._fail(HTTPStatus.FORBIDDEN, "access-denied", "This is not for you.")
        elif self.request.path != PATH:
            self._fail(HTTPStatus.NOT_FOUND, "not-found", "There is nothing here.")
        elif self.request.method != "GET":
            self._fail(HTTPStatus.METHOD_NOT_ALLOWED, "invalid-input", "Only GET is known here.")

    def compute_etag(self) -> None:
        """No ETag: it would be a hash of secrets."""

    async def get(self) -> None:
        """The credentials in the container provider's form."""
        try:
            found = await self._endpoint.vend()
        except StorageError as error:
            self._endpoint.told("credentials-failed", code=error.code)
            status = (
                HTTPStatus.SERVICE_UNAVAILABLE
                if error.retryable
                else HTTPStatus.INTERNAL_SERVER_ERROR
            )
            self._fail(status, error.code, error.message)
            return
        facts = {"accessKeyId": found.access_key_id, "expires": found.expires}
        self._endpoint.told("credentials-vended", **facts)
        self.finish(json.dumps(_document(found)))

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - tornado's own
        """What tornado itself refuses, or a defect: the same shape, without a traceback."""
        self.finish(json.dumps({"code": "storage-error", "message": f"HTTP {status_code}"}))

    def _fail(self, status: HTTPStatus, code: str, message: str) -> None:
        self.set_status(status)
        self.finish(json.dumps({"code": code, "message": message}))

    def _refusal(self) -> str | None:
        """Why the request is refused, in a word for the log; None when it is not."""
        headers: Mapping[str, str] = self.request.headers
        if not _is_loopback(self.request.remote_ip):
            return "peer"
        if "Origin" in headers or "Sec-Fetch-Site" in headers:
            return "browser"
        if headers.get("Host", "").lower() not in self._hosts:
            return "host"
        shown = headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._token):
            return "token"
        return None


def _document(found: Credentials) -> dict[str, str]:
    return {
        "AccessKeyId": found.access_key_id,
        "SecretAccessKey": found.secret_access_key,
        "Token": found.session_token,
        "Expiration": found.expires,
    }


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _write_token(path: Path, token: str) -> None:
    """Write the token for its owner only, and without a line feed: SDKs send it as it stands."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    temporary.replace(path)


def _log_nothing(_: RequestHandler) -> None:
    """The audit log has what is to be known; tornado's own would repeat it."""
