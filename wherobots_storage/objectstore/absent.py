"""Telling "there is none" from "you may not" where a store says the latter for both.

AWS answers 404 for a missing key only to those who may list the bucket as a whole (S3 API
reference, GetObject and HeadObject: "If you don't have the s3:ListBucket permission, Amazon S3
returns 403"). A user's session may list its folders only: so those are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from wherobots_storage.errors import AccessDenied, NotFound, StorageError
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.listing import Listing, list_page
from wherobots_storage.objectstore.s3_errors import make
from wherobots_storage.objectstore.store import ObjectInfo


@contextmanager
def absence_told(connection: Connection, key: str) -> Iterator[None]:
    """Raises NotFound in the place of AccessDenied when a listing shows that there is no ``key``.

    Where the listing is refused too, the AccessDenied stands.
    """
    try:
        yield
    except AccessDenied:
        if not _is_absent(connection, key):
            raise
        raise make(NotFound, connection.where) from None


def _is_absent(connection: Connection, key: str) -> bool:
    try:
        # In the order of a listing nothing that begins with the key comes before it.
        entries = list_page(connection, Listing(key, limit=1)).entries
    except StorageError:
        return False
    return not any(isinstance(entry, ObjectInfo) and entry.key == key for entry in entries)
