"""The HTTP edge of the error tree: one table from StorageError to status, one shape of body."""

from __future__ import annotations

from http import HTTPStatus

from wherobots_storage import errors
from wherobots_storage.api.models import ErrorBody
from wherobots_storage.errors import StorageError

STATUSES: dict[type[StorageError], HTTPStatus] = {
    errors.StorageError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidInput: HTTPStatus.BAD_REQUEST,
    errors.InvalidPath: HTTPStatus.BAD_REQUEST,
    # The request is sound; it is the server's set-up that does not allow it.
    errors.InvalidConfiguration: HTTPStatus.CONFLICT,
    errors.NotConfigured: HTTPStatus.CONFLICT,
    errors.AccessError: HTTPStatus.FORBIDDEN,
    errors.ReadOnlyFolder: HTTPStatus.FORBIDDEN,
    errors.OutsideArea: HTTPStatus.FORBIDDEN,
    errors.AccessDenied: HTTPStatus.FORBIDDEN,
    errors.KeyDenied: HTTPStatus.FORBIDDEN,
    # Never 401: it is the server that the store does not know; the browser need not log in.
    errors.CredentialsError: HTTPStatus.BAD_GATEWAY,
    errors.NoCredentials: HTTPStatus.BAD_GATEWAY,
    errors.InvalidCredentials: HTTPStatus.BAD_GATEWAY,
    errors.ExpiredCredentials: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.NoSuchBucket: HTTPStatus.NOT_FOUND,
    errors.NoSuchUpload: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.AlreadyExists: HTTPStatus.CONFLICT,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.ConcurrentChange: HTTPStatus.CONFLICT,
    errors.DeletionsChanged: HTTPStatus.CONFLICT,
    errors.UploadInterrupted: HTTPStatus.BAD_REQUEST,
    errors.StoreError: HTTPStatus.BAD_GATEWAY,
    errors.StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreTimeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.SlowDown: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.WrongRegion: HTTPStatus.BAD_GATEWAY,
    errors.ClockSkew: HTTPStatus.BAD_GATEWAY,
    errors.RangeNotSatisfiable: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NotSupported: HTTPStatus.NOT_IMPLEMENTED,
    errors.UnexpectedAnswer: HTTPStatus.BAD_GATEWAY,
    errors.LocalError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.HomeMissing: HTTPStatus.CONFLICT,
    errors.DiskFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.LocalIOError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.AgentError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.AgentUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.AlreadyRunning: HTTPStatus.CONFLICT,
    errors.JournalError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Every class of the tree has its own line; a test fails when one is missing."""

_HTTP_CODES = {
    HTTPStatus.BAD_REQUEST: "invalid-input",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too-large",
}


def status_of(error: StorageError) -> int:
    """The HTTP status of an error: its class's, or its nearest known base's."""
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return int(STATUSES[kind])
    return int(HTTPStatus.INTERNAL_SERVER_ERROR)


def body_of(error: StorageError) -> ErrorBody:
    """The error as it travels."""
    return ErrorBody(
        code=error.code, message=error.message, path=error.path, retryable=error.retryable
    )


def body_of_status(status: int, message: str | None) -> ErrorBody:
    """The body for an answer that is no StorageError: Jupyter's own refusals, and accidents."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        shown = "Something went wrong in the server; its log has the details."
        return ErrorBody(code="internal-error", message=shown)
    try:
        known = HTTPStatus(status)
    except ValueError:
        return ErrorBody(code="http-error", message=message or f"HTTP status {status}.")
    code = _HTTP_CODES.get(known, "http-error")
    return ErrorBody(code=code, message=message or f"{known.phrase}.")
