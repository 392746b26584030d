"""Batch deletes: the keys travel in the body, so that any key at all can be deleted.

Ceph's gateway 16 refuses DeleteObjects to every temporary session, whatever its policy says
(measured), and allows DeleteObject: there keys are deleted one by one, several at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from wherobots_storage.errors import AccessDenied, StorageError
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.s3_errors import from_answer
from wherobots_storage.objectstore.store import MAX_DELETE_KEYS, DeleteFailure

SINGLY_AT_ONCE = 16

_NOT_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, and the carriage return, which its parsers turn to \\n."""


def delete_many(connection: Connection, keys: Sequence[str]) -> list[DeleteFailure]:
    """Delete by exact key; a missing key is no failure.

    A key with a character that XML cannot hold goes in a request of its own; where batches are
    refused, each key does. Raises what the whole request is refused with (AccessDenied,
    NoSuchBucket, StoreUnavailable and so on).
    """
    failures: list[DeleteFailure] = []
    for batch in _batches([key for key in keys if not _NOT_XML.search(key)]):
        if not connection.refuses_batches:
            try:
                failures += _delete_batch(connection, batch)
            except AccessDenied as error:
                failures += _delete_singly(connection, batch, error)
        else:
            failures += _delete_each(connection, batch)
    for key in keys:
        if _NOT_XML.search(key):
            failures += _delete_one(connection, key)
    return failures


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), MAX_DELETE_KEYS):
        yield keys[start : start + MAX_DELETE_KEYS]


def _delete_batch(connection: Connection, keys: Sequence[str]) -> list[DeleteFailure]:
    listed: Any = [{"Key": key} for key in keys]
    answer = connection.call(
        connection.client.delete_objects, Delete={"Objects": listed, "Quiet": True}
    )
    failures = []
    for failed in answer.get("Errors", []):
        said = failed.get("Message", "")
        error = from_answer(failed.get("Code", ""), 0, connection.where, said=said)
        if error.code != "not-found":
            failures.append(DeleteFailure(failed.get("Key", ""), error.code, error.message))
    return failures


def _delete_singly(
    connection: Connection, keys: Sequence[str], refusal: AccessDenied
) -> list[DeleteFailure]:
    """Delete what a batch was refused for. Raises the refusal when each key is refused as well."""
    failures = _delete_each(connection, keys)
    if all(failure.code == refusal.code for failure in failures) and len(failures) == len(keys):
        raise refusal
    connection.refuses_batches = True
    return failures


def _delete_each(connection: Connection, keys: Sequence[str]) -> list[DeleteFailure]:
    with ThreadPoolExecutor(SINGLY_AT_ONCE, "delete") as threads:
        found = threads.map(lambda key: _delete_one(connection, key), keys)
        return [failure for failures in found for failure in failures]


def _delete_one(connection: Connection, key: str) -> list[DeleteFailure]:
    try:
        check_key(key)
        connection.call(connection.client.delete_object, Key=key)
    except StorageError as error:
        return [DeleteFailure(key, error.code, error.message)]
    return []
