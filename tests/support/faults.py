"""A store that fails when told to, for tests of what its callers do then."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.store import ObjectStore

METHODS = frozenset(
    {
        "check",
        "list_page",
        "head",
        "get",
        "put",
        "delete",
        "delete_many",
        "copy",
        "create_multipart",
        "upload_part",
        "list_parts",
        "complete_multipart",
        "abort_multipart",
        "list_uploads",
    }
)


class FaultyStore:
    """Passes calls on to a store, except those that were told to fail; counts all of them.

    ``fail("put", error)`` fails every put; ``times=2`` the next two; ``after=3`` lets three pass
    first; ``when=lambda *args, **kwargs: …`` fails only calls with such arguments; ``late=True``
    does the work and then fails, as when an answer is lost on the way. ``before`` runs a function
    ahead of each call of a method: to change something at that moment. Thread-safe.
    """

    def __init__(self, store: ObjectStore) -> None:
        self.inner = store
        self.calls: Counter[str] = Counter()
        self._faults: dict[str, list[_Fault]] = {}
        self._hooks: dict[str, Callable[..., object]] = {}
        self._lock = threading.Lock()

    def fail(
        self,
        method: str,
        error: StorageError,
        *,
        times: int | None = None,
        after: int = 0,
        when: Callable[..., bool] | None = None,
        late: bool = False,
    ) -> None:
        """Make calls of a method fail; see the class."""
        if method not in METHODS:
            raise ValueError(method)
        self._faults.setdefault(method, []).append(_Fault(error, times, after, when, late))

    def before(self, method: str, hook: Callable[..., object]) -> None:
        """Run ``hook`` with a call's arguments before it goes on."""
        if method not in METHODS:
            raise ValueError(method)
        self._hooks[method] = hook

    def heal(self) -> None:
        """Forget all faults and hooks."""
        with self._lock:
            self._faults.clear()
            self._hooks.clear()

    @property
    def bucket(self) -> str:
        """The inner store's bucket."""
        return self.inner.bucket

    def close(self) -> None:
        """Close the inner store."""
        self.inner.close()

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(name)
        target = getattr(self.inner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            fault = self._next_fault(name, args, kwargs)
            if fault is not None and not fault.late:
                raise fault.error
            result = target(*args, **kwargs)
            if fault is not None:
                raise fault.error
            return result

        return call

    def _next_fault(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> _Fault | None:
        with self._lock:
            self.calls[name] += 1
            hook = self._hooks.get(name)
        if hook is not None:
            hook(*args, **kwargs)
        with self._lock:
            for fault in self._faults.get(name, []):
                if fault.strikes(args, kwargs):
                    return fault
        return None


class _Fault:
    """One way of failing, and how often still."""

    def __init__(
        self,
        error: StorageError,
        times: int | None,
        after: int,
        when: Callable[..., bool] | None,
        late: bool,
    ) -> None:
        self.error = error
        self.late = late
        self._times = times
        self._after = after
        self._when = when

    def strikes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether this call fails; counts it."""
        if self._times == 0 or (self._when is not None and not self._when(*args, **kwargs)):
            return False
        if self._after > 0:
            self._after -= 1
            return False
        if self._times is not None:
            self._times -= 1
        return True
