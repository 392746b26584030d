"""Many small transfers at once over any store, each in a thread of its own."""

from __future__ import annotations

import sys
from concurrent.futures import Future

from wherobots_storage.errors import TooLarge
from wherobots_storage.objectstore.pool import Bell, BoundedPool
from wherobots_storage.objectstore.store import (
    MORE_THAN_ASKED,
    FetchedObject,
    ObjectStore,
    PutRequest,
)


class ThreadedTransfers:
    """``BulkTransfers`` by a pool of threads over an ``ObjectStore``, which stays the caller's."""

    def __init__(self, store: ObjectStore, workers: int = 16) -> None:
        self._store = store
        self._pool = BoundedPool(workers)
        bell = Bell()
        self.drive, self.wake = bell.drive, bell.wake

    @property
    def in_flight(self) -> int:
        """How many transfers run at once at the most."""
        return self._pool.in_flight

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future gives its ETag."""
        return self._pool.submit(lambda: self._put(request))

    def submit_get(
        self, key: str, *, if_match: str | None = None, most: int = sys.maxsize
    ) -> Future[FetchedObject]:
        """Read a small object whole."""
        return self._pool.submit(lambda: self._get(key, if_match, most))

    def close(self) -> None:
        """Wait for what is under way; the store stays open."""
        self._pool.close()

    def _put(self, request: PutRequest) -> str:
        return self._store.put(
            request.key,
            request.body,
            size=len(request.body),
            metadata=request.metadata,
            content_type=request.content_type,
            if_none_match=request.if_none_match,
            if_match=request.if_match,
        )

    def _get(self, key: str, if_match: str | None, most: int) -> FetchedObject:
        with self._store.get(key, if_match=if_match) as body:
            if body.length > most:
                raise TooLarge(MORE_THAN_ASKED)
            return FetchedObject(body.info, b"".join(body.chunks()))
