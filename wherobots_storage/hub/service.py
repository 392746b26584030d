"""The service's HTTP: one route, for programs that show a token of the hub's."""

from __future__ import annotations

import logging
import re
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any

import msgspec
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import Application, RequestHandler

from wherobots_storage.audit import tell
from wherobots_storage.errors import InvalidInput, NoCredentials, StorageError
from wherobots_storage.handlers.statuses import status_of
from wherobots_storage.hub.vending import HubUser, HubUsers, HubVendor
from wherobots_storage.hub.wire import PATH, Asked, Refused
from wherobots_storage.namespace.policy import ALL
from wherobots_storage.repeats import Repeats

MAX_BODY_BYTES = 16 * 1024
MAX_HEADER_BYTES = 16 * 1024
IDLE_SECONDS = 15
_SCHEMES = frozenset({"token", "bearer"})


def make_application(
    prefix: str, users: HubUsers, vendor: HubVendor, executor: Executor
) -> Application:
    """The service below ``prefix``, which begins and ends with a slash."""
    given = {"users": users, "vendor": vendor, "executor": executor, "strangers": Repeats()}
    routes: list[Any] = [
        (re.escape(prefix + PATH), _CredentialsHandler, given),
        (r".*", _NothingHandler),
    ]
    return Application(routes, log_function=_log_nothing)


def make_server(application: Application) -> HTTPServer:
    """The application behind the limits that everybody has who can reach the port."""
    return HTTPServer(
        application,
        idle_connection_timeout=IDLE_SECONDS,
        body_timeout=IDLE_SECONDS,
        max_header_size=MAX_HEADER_BYTES,
        max_body_size=MAX_BODY_BYTES,
        max_buffer_size=2 * MAX_BODY_BYTES,
    )


class _Handler(RequestHandler):
    """One shape for refusals, and nothing that a browser could use."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def compute_etag(self) -> None:
        """No ETag: it would be a hash of secrets."""

    def check_xsrf_cookie(self) -> None:
        """No cookie is looked at here."""

    def write_error(self, status_code: int, **_: Any) -> None:  # noqa: ANN401 - tornado's own
        """What tornado itself refuses, or a defect: without a traceback."""
        self._answer(status_code, Refused("storage-error", f"HTTP {status_code}"))

    def _answer(self, status: int, body: msgspec.Struct) -> None:
        self.set_status(status)
        self.finish(msgspec.json.encode(body))


class _NothingHandler(_Handler):
    """Every other path."""

    def prepare(self) -> None:
        self._answer(HTTPStatus.NOT_FOUND, Refused("not-found", "There is nothing here."))


class _CredentialsHandler(_Handler):
    """``POST credentials``."""

    def initialize(
        self, users: HubUsers, vendor: HubVendor, executor: Executor, strangers: Repeats
    ) -> None:
        self._strangers = strangers
        self._users = users
        self._vendor = vendor
        self._executor = executor
        self._user: HubUser | None = None
        self._folder: str | None = None

    async def post(self) -> None:
        """Vend, or refuse; either is a line in the audit log."""
        try:
            asked, facts, body = await self._vend()
        except StorageError as error:
            self._tell_refusal(error)
            status = status_of(error)
            if isinstance(error, NoCredentials):
                status = HTTPStatus.UNAUTHORIZED
            self._answer(status, Refused(error.code, error.message))
            return
        tell("credentials-vended", {**facts, "access": asked.access})
        self._answer(HTTPStatus.OK, body)

    def _tell_refusal(self, error: StorageError) -> None:
        about: dict[str, object] = {"user": self._user.name if self._user else None}
        about["code"] = error.code
        if self._folder is not None:
            about["folder"] = self._folder
        if self._user is None:
            # Anybody can cause these, by the hub's proxy from far away.
            more = self._strangers.take(error.code)
            if more is None:
                return
            about |= more
        tell("credentials-refused", about, level=logging.WARNING)

    async def _vend(self) -> tuple[Asked, dict[str, object], msgspec.Struct]:
        if "Origin" in self.request.headers or "Sec-Fetch-Site" in self.request.headers:
            raise InvalidInput("Credentials are for servers, not for browsers.")
        token = self._token()
        self._user = await self._users.find(token) if token else None
        customer = self._vendor.customer(self._user)
        asked = self._asked()
        self._folder = ALL if asked.folder is None else asked.folder
        scope = self._vendor.scope(customer, asked)
        vended = await IOLoop.current().run_in_executor(
            self._executor, self._vendor.vend, customer, scope, asked.seconds
        )
        facts: dict[str, object] = {
            "user": self._user.name if self._user else None,
            "customer": customer,
            "scope": scope.name,
            "accessKeyId": vended.access_key_id,
            "expires": int(vended.expiration),
        }
        return asked, facts, vended

    def _token(self) -> str:
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        return token.strip() if scheme.lower() in _SCHEMES else ""

    def _asked(self) -> Asked:
        try:
            return msgspec.json.decode(self.request.body, type=Asked)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise InvalidInput("That is no request for credentials.") from None


def _log_nothing(_: RequestHandler) -> None:
    """The audit log has what is to be known; tornado's own would repeat it."""
