"""A large object read in ranges, several under way at once, handed out or written in their order.

One connection gives a fraction of what a store can (Amazon S3 user guide, "Use byte-range
fetches"), and a range that breaks off is gone on with without the rest.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import chain
from typing import Self, TypeVar

from wherobots_storage.errors import (
    ConcurrentChange,
    PreconditionFailed,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.objectstore.content import FillsBuffers
from wherobots_storage.objectstore.store import ByteRange, ObjectBody, ObjectStore
from wherobots_storage.sync.cancel import LOOK, Interrupted

RANGE_BYTES = 8 * 1024**2
AT_ONCE = 4
"""So many ranges are fetched at once; of those that are handed out no more are in memory."""

WRITTEN_BYTES = 16 * 1024**2
"""What ranges have that are written: they need no memory, and fewer of them cost a store less."""

AHEAD = 8
"""So many ranges are begun, or wait for their turn, before the first of them has been hashed."""

CHUNK_BYTES = 1024**2
"""A range is not put together: larger pieces come fresh from the kernel, page by page, and cost
three times the CPU (measured)."""

BUFFER_BYTES = 256 * 1024
"""What is received, and written or hashed, at once: it stays in a core's cache between the two."""

ATTEMPTS = 3
"""How often in a row a range may break off with nothing to speak of between."""

_T = TypeVar("_T")
Take = Callable[[memoryview, int], None]
"""Is given some of the object's bytes, to be used at once, and where in the object they are."""


class RangedObject:
    """One version of an object. A context manager: leaving it gives up what is under way.

    Raises what ``ObjectStore.get`` raises.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store = store
        self._key = key
        first = _first_range(store, key)
        self.info = first.info
        self._first: ObjectBody | None = first
        self._given_up = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="range")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        # Not waited for: somebody may have asked to stop, and a range may hang.
        self._given_up.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._first is not None:
            self._first.close()

    def chunks(self) -> Iterator[bytes]:
        """The object's bytes, in pieces of up to ``CHUNK_BYTES``; once.

        Raises ConcurrentChange when it is replaced meanwhile, and what ``ObjectStore.get`` raises.
        """
        for landed, _ in self._landed(RANGE_BYTES, AT_ONCE, self._submit_to_memory):
            yield from landed.result()

    def write_to(self, descriptor: int, moved: Callable[[int], None]) -> tuple[int, str]:
        """Write the object to an empty file, open to read as well; its size and SHA-256. Once.

        The bytes go to the file as they come, and are hashed in their order, from the kernel's
        cache: no more than ``BUFFER_BYTES`` for each range are in memory. ``moved`` is told how
        many more there are, again and again, and may raise. Raises as ``chunks``, and OSError.
        """
        digest, at = hashlib.sha256(), 0
        buffer = memoryview(bytearray(BUFFER_BYTES))
        submit = partial(self._submit_to_file, descriptor)
        for landed, stop in self._landed(WRITTEN_BYTES, AHEAD, submit):
            while not wait((landed,), timeout=LOOK).done:
                moved(0)
            landed.result()
            while at < stop:
                until = min(at + CHUNK_BYTES, stop)
                moved(_hash(descriptor, at, until, digest, buffer))
                at = until
        return at, digest.hexdigest()

    def _landed(
        self, step: int, most: int, submit: Callable[[int, int, ObjectBody | None], Future[_T]]
    ) -> Iterator[tuple[Future[_T], int]]:
        """The ranges in their order, with where each ends; ``most`` are begun beforehand."""
        flying: deque[tuple[Future[_T], int]] = deque()
        for start in chain((0,), range(RANGE_BYTES, self.info.size, step)):
            stop = min(start + (step if start else RANGE_BYTES), self.info.size)
            body, self._first = self._first, None
            future = submit(start, stop, body)
            if body is not None:
                future.add_done_callback(partial(_close, body))
            flying.append((future, stop))
            if len(flying) == most:
                yield flying.popleft()
        yield from flying

    def _submit_to_memory(
        self, start: int, stop: int, body: ObjectBody | None
    ) -> Future[list[bytes]]:
        def fetch() -> list[bytes]:
            pieces: list[bytes] = []
            self._fetch(start, stop, body, lambda piece, _: pieces.append(bytes(piece)))
            return pieces

        return self._pool.submit(fetch)

    def _submit_to_file(
        self, descriptor: int, start: int, stop: int, body: ObjectBody | None
    ) -> Future[None]:
        # Its own, as a range that was given up may write for a while after the file was closed.
        own = os.dup(descriptor)
        future = self._pool.submit(self._fetch, start, stop, body, partial(_write, own))
        future.add_done_callback(lambda _: os.close(own))
        return future

    def _fetch(self, start: int, stop: int, body: ObjectBody | None, take: Take) -> None:
        """Fetch a range, of which ``body`` may be open already; tried again from where it broke."""
        at, begun, failures = start, start, 0
        buffer = memoryview(bytearray(BUFFER_BYTES))
        while at < stop:
            try:
                with body or self._open(at, stop) as opened:
                    for piece in _pieces(opened, buffer):
                        if self._given_up.is_set():
                            raise Interrupted
                        take(piece, at)
                        at += len(piece)
                if at < stop:
                    raise StoreUnavailable("A range ended before its length.")  # noqa: TRY301
            except StoreUnavailable:
                failures = failures + 1 if at - begun < CHUNK_BYTES else 1
                if failures == ATTEMPTS:
                    raise
            body, begun = None, at

    def _open(self, start: int, stop: int) -> ObjectBody:
        try:
            body = self._store.get(
                self._key, byte_range=ByteRange(start, stop), if_match=self.info.etag
            )
        except PreconditionFailed as error:
            message = "It was replaced in the bucket while it was being downloaded."
            raise ConcurrentChange(message) from error
        return _checked(body, stop - start)


def _first_range(store: ObjectStore, key: str) -> ObjectBody:
    failures = 0
    while True:
        try:
            body = store.get(key, byte_range=ByteRange(0, RANGE_BYTES))
        except StoreUnavailable:
            failures += 1
            if failures == ATTEMPTS:
                raise
        else:
            return _checked(body, min(RANGE_BYTES, body.info.size))


def _close(body: ObjectBody, _: object) -> None:
    body.close()


def _checked(body: ObjectBody, length: int) -> ObjectBody:
    """A body that has this length. Raises UnexpectedAnswer otherwise."""
    if body.length == length:
        return body
    body.close()
    if body.length == body.info.size:
        raise UnexpectedAnswer("The store gives whole objects only, no ranges.")
    raise UnexpectedAnswer("The store gives another range than it was asked for.")


def _pieces(body: ObjectBody, buffer: memoryview) -> Iterator[memoryview]:
    """What comes, in pieces that are good until the next one."""
    if isinstance(body, FillsBuffers):
        while got := body.read_into(buffer):
            yield buffer[:got]
    else:
        for chunk in body.chunks(CHUNK_BYTES):
            yield memoryview(chunk)


def _hash(descriptor: int, start: int, stop: int, digest: hashlib._Hash, buffer: memoryview) -> int:
    """Hash some of a file; how many bytes."""
    at = start
    while at < stop:
        got = os.preadv(descriptor, [buffer[: stop - at]], at)
        if not got:
            raise OSError(errno.EIO, "The temporary file was cut.")
        digest.update(buffer[:got])
        at += got
    return stop - start


def _write(descriptor: int, piece: memoryview, at: int) -> None:
    written = 0
    while written < len(piece):
        written += os.pwrite(descriptor, piece[written:], at + written)
