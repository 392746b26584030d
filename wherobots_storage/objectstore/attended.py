"""Many small transfers at once, brought forward by the very thread that waits for them.

The common case, a request on a connection that is open and an answer without a surprise, is done
without any other thread (``reactor``). Everything else, the first request of a connection among it,
is done by the threads of ``bulk``, from its beginning: new connections, patience with a busy store,
new keys, what an error means. So there is one place for each, and a transfer that goes wrong here
costs one request more.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic
from typing import Any, TypeVar

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.bulk import GOOD_STATUSES, IN_FLIGHT, Errand, WireTransfers
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.reactor import Reactor
from wherobots_storage.objectstore.s3_errors import understood
from wherobots_storage.objectstore.store import FetchedObject, PutRequest
from wherobots_storage.objectstore.wire import Answer

T = TypeVar("T")
_TURN_SECONDS = 1.0


class AttendedTransfers:
    """``BulkTransfers`` for one thread, the first to hand one in; those of others go to threads."""

    def __init__(self, connection: Connection, in_flight: int = IN_FLIGHT) -> None:
        self._connection = connection
        self._threads = WireTransfers(connection, in_flight)
        self._reactor = Reactor(connection.timeouts.read)
        self._claim = threading.Lock()
        self._owner: int | None = None
        self._again: set[Future[Any]] = set()
        """Transfers that went wrong here and are done again by the threads."""

    @property
    def in_flight(self) -> int:
        """How many transfers run at once at the most."""
        return self._threads.in_flight

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future gives its ETag."""
        return self._submit(lambda: self._threads.put_errand(request))

    def submit_get(
        self, key: str, *, if_match: str | None = None, most: int = sys.maxsize
    ) -> Future[FetchedObject]:
        """Read a small object whole."""
        return self._submit(lambda: self._threads.get_errand(key, if_match, most))

    def drive(self, seconds: float) -> None:
        """Bring transfers forward until one has ended, ``wake`` is called or the time is over."""
        if self._is_owner():
            self._reactor.drive(seconds)
        else:
            self._threads.drive(seconds)

    def wake(self) -> None:
        """End a ``drive`` of another thread."""
        if threading.get_ident() != self._owner:
            self._reactor.wake()
        self._threads.wake()

    def close(self) -> None:
        """Wait for what is under way and give connections up."""
        self._reactor.close()
        self._threads.close()

    def _is_owner(self) -> bool:
        if self._owner is None:
            with self._claim:
                self._owner = self._owner or threading.get_ident()
        return self._owner == threading.get_ident()

    def _is_ready(self) -> bool:
        """Whether a connection waits for this thread; when there are enough of them, one will."""
        # While something is wrong nothing new is tried here: it would only be asked for twice.
        if self._again or not self._is_owner() or not self._connection.pace.width.is_full:
            return False
        reactor, threads = self._reactor, self._threads
        while not reactor.is_ready:
            if reactor.connections < threads.in_flight and (lent := threads.lend()) is not None:
                reactor.add(lent)
            elif reactor.busy + threads.busy < threads.in_flight:
                return False
            else:
                reactor.drive(_TURN_SECONDS)
        return True

    def _submit(self, make: Callable[[], Errand[T]]) -> Future[T]:
        if self._is_ready():
            try:
                errand = make()
                return self._begin(errand, self._threads.signed_head(errand))
            except StorageError:
                pass  # It becomes the future's.
        return self._watched(self._threads.submit(make))

    def _begin(self, errand: Errand[T], head: bytes) -> Future[T]:
        future: _Attended[T] = _Attended(self)
        self._reactor.begin(
            head, errand.body, errand.most, lambda answer: self._end(future, errand, answer)
        )
        return future

    def _end(self, future: Future[T], errand: Errand[T], answer: Answer | None) -> None:
        if future.cancelled():
            return
        if answer is None or answer.status not in GOOD_STATUSES:
            self._again.add(future)
            again = self._threads.submit(lambda: errand)
            again.add_done_callback(lambda done: self._end_again(done, future))
            return
        self._connection.pace.answered()
        if not future.set_running_or_notify_cancel():
            return
        try:
            with understood(self._connection.where):
                result = errand.read(answer)
        except StorageError as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    def _end_again(self, done: Future[T], future: Future[T]) -> None:
        self._again.discard(future)
        _hand_on(done, future)
        self.wake()

    def _watched(self, future: Future[T]) -> Future[T]:
        future.add_done_callback(lambda _: self.wake())
        return future

    def finish(self, future: Future[T], timeout: float | None) -> None:
        """Bring a transfer to its end, on the thread that may, or for so many seconds."""
        if not self._is_owner():
            return
        until = monotonic() + (sys.maxsize if timeout is None else timeout)
        while not future.done() and (left := until - monotonic()) > 0:
            self._reactor.drive(min(left, _TURN_SECONDS))


class _Attended(Future[T]):
    """A transfer that comes to its end while somebody waits for it."""

    def __init__(self, transfers: AttendedTransfers) -> None:
        super().__init__()
        self._transfers = transfers

    def result(self, timeout: float | None = None) -> T:
        """As a Future's, and brings it about."""
        self._transfers.finish(self, timeout)
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As a Future's, and brings it about."""
        self._transfers.finish(self, timeout)
        return super().exception(timeout)


def _hand_on(done: Future[T], future: Future[T]) -> None:
    """What one transfer came to is the other's too, unless that one was given up."""
    if not future.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(done.result())
