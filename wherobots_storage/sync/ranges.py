"""A large object read in ranges, several under way at once, handed out in their order.

One connection gives a fraction of what a store can (Amazon S3 user guide, "Use byte-range
fetches"), and a range that breaks off is fetched again without the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from wherobots_storage.errors import (
    ConcurrentChange,
    PreconditionFailed,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore.store import ByteRange, ObjectInfo, ObjectStore

RANGE_BYTES = 8 * 1024**2
AT_ONCE = 4
"""So many ranges, and no more, are in memory at once."""

CHUNK_BYTES = 1024**2
"""A range is not put together: larger pieces come fresh from the kernel, page by page, and cost
three times the CPU (measured)."""

ATTEMPTS = 3


class RangedObject:
    """One version of an object. A context manager: leaving it gives up what is under way.

    Raises what ``ObjectStore.get`` raises.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self._key = key
        self.info, self._first = self._read(ByteRange(0, RANGE_BYTES), None)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="range")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # Not waited for: somebody may have asked to stop, and a range may hang.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def chunks(self) -> Iterator[bytes]:
        """The object's bytes, in pieces of ``CHUNK_BYTES``; once.

        Raises ConcurrentChange when it is replaced meanwhile, and what ``ObjectStore.get`` raises.
        """
        yield from self._first
        flying: deque[Future[list[bytes]]] = deque()
        for start in range(RANGE_BYTES, self.info.size, RANGE_BYTES):
            flying.append(self._pool.submit(self._more, start))
            if len(flying) == AT_ONCE:
                yield from flying.popleft().result()
        while flying:
            yield from flying.popleft().result()

    def _more(self, start: int) -> list[bytes]:
        stop = min(start + RANGE_BYTES, self.info.size)
        try:
            _, content = self._read(ByteRange(start, stop), self.info.etag)
        except PreconditionFailed as error:
            message = "It was replaced in the bucket while it was being downloaded."
            raise ConcurrentChange(message) from error
        return content

    def _read(self, span: ByteRange, etag: str | None) -> tuple[ObjectInfo, list[bytes]]:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._store.get(self._key, byte_range=span, if_match=etag) as body:
                    if body.length > RANGE_BYTES:
                        raise UnexpectedAnswer("The store gives whole objects only, no ranges.")
                    return body.info, list(body.chunks(CHUNK_BYTES))
            except StoreUnavailable:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError  # the last attempt has returned or raised
