"""Points at which a run of the engine is killed, meets a failure, or meets somebody else."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from unittest.mock import patch

from support.faults import REQUESTS

from wherobots_storage.errors import (
    AccessDenied,
    SlowDown,
    StorageError,
    StoreUnavailable,
    TooLarge,
)
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import MORE_THAN_ASKED, FetchedObject, PutRequest
from wherobots_storage.sync.install import Installer
from wherobots_storage.sync.journal import Journal

_READS = frozenset({"get", "head"})
_WRITES = frozenset({"put", "create_multipart", "upload_part", "complete_multipart"})
REFUSALS = (_READS, _WRITES, frozenset({"delete"}), REQUESTS)
"""What a policy may refuse of a name: reading, writing or deleting it, or everything."""
NOTHING: frozenset[str] = frozenset()
STEPS = (
    (Journal, "commit"),
    *((Installer, name) for name in ("create", "place", "replace", "trash")),
)
"""Local steps around which a process may be killed as well: each leaves something on the disk."""

_FAILURES: dict[str, tuple[type[StorageError], str]] = {
    "unavailable": (StoreUnavailable, "The store is away."),
    "slow-down": (SlowDown, "Slow down."),
    "denied": (AccessDenied, "Not this one."),
}


def _failure(kind: str) -> StorageError:
    """A new one each time: an exception keeps what it was raised from."""
    made, message = _FAILURES[kind]
    return made(message)


Kind = Literal[
    "kill", "lost-answer", "unavailable", "slow-down", "denied", "meet", "unmount", "lose-lease"
]


class Killed(BaseException):
    """The process is dead. No handler of ours may take it for an error."""


@dataclass(frozen=True)
class Trouble:
    """What happens at the point ``at`` of a run: each request has one before and one after it.

    ``meet`` runs somebody else's act there; ``unmount`` takes the home away; at ``lose-lease``
    another instance takes the lease from a final sync. A failure strikes ``times`` requests in a
    row; ``lost-answer`` lets them be done and then says that the store was away.
    """

    kind: Kind
    at: int
    times: int = 1
    act: object = None


class Points:
    """Counts the points of one run, and strikes. Thread-safe."""

    def __init__(
        self, trouble: Trouble | None, kill: Callable[[], None], meet: Callable[[Trouble], None]
    ) -> None:
        self._trouble = trouble
        self._kill = kill
        self._meet = meet
        self._lock = threading.RLock()
        self._passed = 0
        self.dead = False
        self.struck = False

    def pass_by(self, *, request: bool, after: bool = False) -> None:
        """One point. Raises Killed, and the failure that a request meets here."""
        with self._lock:
            if self.dead:
                raise Killed
            number, trouble = self._passed, self._trouble
            self._passed += 1
            if trouble is None or number < trouble.at:
                return
            if trouble.kind == "kill":
                self.dead = self.struck = True
                self._kill()
                raise Killed
            if trouble.kind in {"meet", "unmount", "lose-lease"}:
                if not self.struck:
                    self.struck = True
                    self._meet(trouble)
            elif request and number < trouble.at + 2 * trouble.times:
                self.struck = True
                if after and trouble.kind == "lost-answer":
                    raise _failure("unavailable")
                if not after and trouble.kind != "lost-answer":
                    raise _failure(trouble.kind)

    @contextmanager
    def around_steps(self) -> Iterator[None]:
        """Have a point before and after each of the local ``STEPS``."""
        with ExitStack() as stack:
            for owner, name in STEPS:
                stack.enter_context(patch.object(owner, name, self._step(getattr(owner, name))))
            yield

    def _step(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **named: Any) -> Any:
            self.pass_by(request=False)
            result = real(*given, **named)
            self.pass_by(request=False, after=True)
            return result

        return step


class TroubledStore:
    """The engine's way to a store in memory: every request passes the points of the run.

    ``conditions`` False makes it a store that ignores If-Match and If-None-Match. Of each key in
    ``refused`` it refuses the requests named there, for as long as they stand there.
    """

    def __init__(self, inner: MemoryStore, *, conditions: bool = True) -> None:
        self.inner = inner
        self.points = Points(None, lambda: None, lambda _: None)
        self.refused: dict[str, frozenset[str]] = {}
        self._conditions = conditions
        self.bucket = inner.bucket

    def __getattr__(self, name: str) -> Any:
        target = getattr(self.inner, name)
        if name not in REQUESTS:
            return target

        def request(key: str, *given: Any, **named: Any) -> Any:
            if not self._conditions and name != "get":
                named = {what: how for what, how in named.items() if not what.startswith("if_")}
                named.pop("source_if_match", None)
            if "/.wherobots/" in str(key):  # of several keys the probe's only
                return target(key, *given, **named)
            self.points.pass_by(request=True)
            if self._is_refused(name, key, *given):
                raise _failure("denied")
            result = target(key, *given, **named)
            self.points.pass_by(request=True, after=True)
            return result

        return request

    def _is_refused(self, name: str, key: str, *given: Any) -> bool:
        if name == "copy":  # It reads one key, and writes the other.
            return self._is_refused("get", key) or self._is_refused("put", given[0])
        return name in self.refused.get(key, NOTHING)


class InlineTransfers:
    """``BulkTransfers`` that does everything at once, so that a run is the same each time."""

    in_flight = 1

    def __init__(self, store: Any) -> None:
        self._store = store

    def submit_put(self, request: PutRequest) -> Future[str]:
        """Write an object; the future has ended already."""
        return _ended(
            lambda: self._store.put(
                request.key,
                request.body,
                metadata=request.metadata,
                content_type=request.content_type,
                if_none_match=request.if_none_match,
                if_match=request.if_match,
            )
        )

    def submit_get(
        self, key: str, *, if_match: str | None = None, most: int = sys.maxsize
    ) -> Future[FetchedObject]:
        """Read an object; the future has ended already."""

        def get() -> FetchedObject:
            with self._store.get(key, if_match=if_match) as body:
                if body.length > most:
                    raise TooLarge(MORE_THAN_ASKED)
                return FetchedObject(body.info, b"".join(body.chunks()))

        return _ended(get)

    def drive(self, seconds: float) -> None:
        """Nothing is left to be done."""

    def wake(self) -> None:
        """Nobody waits."""

    def close(self) -> None:
        """Nothing is under way."""


def _ended(work: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()
    try:
        future.set_result(work())
    except StorageError as error:
        future.set_exception(error)
    return future
