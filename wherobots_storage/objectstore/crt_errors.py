"""The AWS Common Runtime's errors, by the beginning of their names."""

from __future__ import annotations

from collections.abc import Mapping

from wherobots_storage import errors as ours
from wherobots_storage.objectstore.s3_errors import Kind, Where, make

PREFIXES: Mapping[str, Kind] = {
    "AWS_AUTH_CREDENTIALS_": ours.CredentialsError,
    "AWS_AUTH_SIGNING_": ours.CredentialsError,
    "AWS_AUTH_": ours.CredentialsError,
    "AWS_ERROR_HTTP_": ours.StoreUnavailable,
    "AWS_ERROR_S3_": ours.StoreUnavailable,
    "AWS_ERROR_SYS_CALL_FAILURE": ours.StoreUnavailable,
    "AWS_IO_": ours.StoreUnavailable,
}
"""Errors without an answer of the server; one with an answer has its status and body instead."""


def from_crt_error(name: str, where: Where) -> ours.StorageError:
    """The error for one of the runtime's, known by its name; the longest beginning counts."""
    for prefix in sorted(PREFIXES, key=len, reverse=True):
        if name.startswith(prefix):
            return make(PREFIXES[prefix], where, name)
    return make(ours.UnexpectedAnswer, where, name)
