"""The base of every handler here: authentication, error shape, JSON in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from tornado import web

from wherobots_storage.audit import tell
from wherobots_storage.errors import (
    AccessDenied,
    InvalidInput,
    OutsideArea,
    ReadOnlyFolder,
    StorageError,
)
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.bodies import BodyHandler
from wherobots_storage.handlers.statuses import body_of, body_of_status, status_of
from wherobots_storage.namespace.paths import StoragePath

AUTH_RESOURCE = "wherobots_storage"
"""What an Authorizer is asked about, on every verb of every route."""

_FORBIDDEN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

SERVER_SIDE = 500
"""Statuses from here on are no fault of the request's."""

REFUSALS = (OutsideArea, ReadOnlyFolder, AccessDenied)
"""By the permission table, and by the store."""

T = TypeVar("T")


class StorageHandler(BodyHandler):
    """Answers JSON; a StorageError raised below becomes its status and the one error body."""

    auth_resource = AUTH_RESOURCE
    _audited_refusal = False

    def initialize(self, backend: Backend) -> None:
        """Take the collaborators; the routes pass them."""
        self.backend = backend

    async def admit(self) -> None:
        """Refuse strangers before anything else is done, whatever the verb.

        Each verb is decorated as well; this covers what happens before a verb is called, such as
        reading a body, and verbs that are not there.
        """
        await super().admit()
        if self.request.method != "OPTIONS" and not self.current_user:
            raise web.HTTPError(HTTPStatus.FORBIDDEN)

    def argument(self, name: str) -> str | None:
        """A query argument as it was sent, or None. Raises InvalidInput unless it is UTF-8.

        Tornado's ``get_argument`` strips spaces and replaces control characters; paths are data.
        """
        values = self.request.query_arguments.get(name)
        if not values:
            return None
        try:
            return bytes(values[-1]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"The argument {name!r} is not valid UTF-8.") from error

    def required(self, name: str) -> str:
        """A query argument that must be there. Raises InvalidInput."""
        value = self.argument(name)
        if value is None:
            raise InvalidInput(f"The argument {name!r} is missing.")
        return value

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """A query argument from ``low`` to ``high``. Raises InvalidInput."""
        text = self.argument(name)
        if text is None and default is not None:
            return default
        value = int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else -1  # noqa: PLR2004
        if not low <= value <= high:
            raise InvalidInput(f"The argument {name!r} must be a number from {low} to {high:,}.")
        return value

    def json_body(self, kind: type[T]) -> T:
        """The request's body as a structure of the wire. Raises InvalidInput."""
        body = self.body()
        if body is None:
            raise InvalidInput("The request's body is too long.")
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidInput(f"The request's body is not as expected: {error}.") from error

    async def call(self, path: StoragePath, call: Callable[[], T]) -> T:
        """Make a blocking call in a thread; an error of it names ``path`` if it names none."""
        try:
            return await self.backend.run(call)
        except StorageError as error:
            error.at(path.display)
            raise

    def audit(self, event: str, facts: Mapping[str, object], *, level: int = logging.INFO) -> None:
        """Write a line of the audit log; who asks, and whose tree it is, come with it."""
        self._audited_refusal = level > logging.INFO
        tenancy = self.backend.settings.tenancy
        who = {"user": self.user, "customer": tenancy.customer if tenancy else None}
        tell(event, who | dict(facts), level=level)

    @property
    def user(self) -> str | None:
        """The name by which the server knows who asks; None for a stranger."""
        return self.current_user.username if self.current_user else None

    def answer(self, value: object, status: int = HTTPStatus.OK) -> None:
        """Finish with a structure of the wire."""
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(msgspec.json.encode(value))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:  # noqa: ANN401
        """Give a StorageError the status that the table says; Tornado knows 500 only."""
        error = _error_in(kwargs)
        if isinstance(error, StorageError):
            status_code = status_of(error)
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:  # noqa: ANN401
        """Write the one shape of an error, also for what Jupyter and Tornado refuse."""
        error = _error_in(kwargs)
        if isinstance(error, StorageError):
            body = body_of(error)
        else:
            said = error.log_message if isinstance(error, web.HTTPError) else None
            body = body_of_status(status_code, said)
        self.set_header("Cache-Control", "no-store")
        self.finish(msgspec.json.encode(body))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:  # noqa: ANN401
        """Log a StorageError by its sentence; an accident with its trace, but without the request.

        Tornado's own logging prints the whole request, headers and cookies included.
        """
        where = f"{self.request.method} {self.request.path}"
        self._audit_refusal(value)
        if isinstance(value, StorageError):
            # What the user did wrong is told to the user; what failed below, to the operator too.
            level = logging.WARNING if status_of(value) >= SERVER_SIDE else logging.DEBUG
            self.log.log(level, "wherobots_storage: %s: %s: %s", where, value.code, value.message)
        elif isinstance(value, web.HTTPError):
            self.log.warning("wherobots_storage: %s: HTTP %d", where, value.status_code)
        else:
            self.log.error("wherobots_storage: %s failed", where, exc_info=(typ, value, tb))

    def _audit_refusal(self, error: object) -> None:
        """Write a line for what was refused, unless the handler has written one of its own."""
        if self._audited_refusal:
            return
        facts: dict[str, object] = {"method": self.request.method, "route": self.request.path}
        if isinstance(error, REFUSALS):
            facts |= {"path": error.path, "code": error.code}
        elif isinstance(error, web.HTTPError) and error.status_code in _FORBIDDEN:
            facts |= {"code": f"http-{error.status_code}"}
        else:
            return
        self.audit("access-refused", facts, level=logging.WARNING)


def _error_in(kwargs: dict[str, Any]) -> BaseException | None:
    info = kwargs.get("exc_info")
    return info[1] if info else None
