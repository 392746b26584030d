from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.errors import StorageError, StoreUnavailable
from wherobots_storage.namespace.policy import Scope

SCOPE = Scope("bucket", ("org/data/customer-a/",), "write", "/data/customer-a/")
OTHER = Scope("bucket", ("org/data/customer-b/",), "write", "/data/customer-b/")


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A source that counts; ``before`` runs in each request, ``error`` is raised when set."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.count = 0
        self.before: Callable[[], object] = lambda: None
        self.error: BaseException | None = None
        self.entered = threading.Semaphore(0)
        self._lock = threading.Lock()

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """New credentials, numbered."""
        with self._lock:
            self.count += 1
            number = self.count
        self.entered.release()
        self.before()
        if self.error is not None:
            raise self.error
        return Credentials(f"{scope.name}#{number}", "s", "t", self.clock.now + seconds)


@pytest.fixture
def clock() -> Clock:
    """A clock at rest."""
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Counting:
    """The source behind the cache."""
    return Counting(clock)


@pytest.fixture
def cached(source: Counting, clock: Clock) -> CachedSource:
    """The cache."""
    return CachedSource(source, clock)


def test_asked_once(cached: CachedSource, source: Counting) -> None:
    """What is fresh is given again, without asking."""
    assert cached.vend(SCOPE, 3600) == cached.vend(SCOPE, 3600)
    assert source.count == 1


def test_scopes_and_lifetimes_are_apart(cached: CachedSource, source: Counting) -> None:
    """Credentials of one scope or lifetime are never given for another."""
    asked = [(SCOPE, 3600), (OTHER, 3600), (SCOPE, 900)]
    names = {cached.vend(scope, seconds).access_key_id for scope, seconds in asked}
    assert len(names) == source.count == 3


@pytest.mark.parametrize(("seconds", "renewed_after"), [(3600, 2100), (900, 450), (43_200, 41_700)])
def test_renewed_ahead(
    cached: CachedSource, source: Counting, clock: Clock, seconds: int, renewed_after: int
) -> None:
    """New ones are asked for 25 minutes before the end, or at half of a short lifetime."""
    first = cached.vend(SCOPE, seconds)
    clock.now += renewed_after - 1
    assert cached.vend(SCOPE, seconds) == first
    clock.now += 1
    second = cached.vend(SCOPE, seconds)
    assert second.expiration == clock.now + seconds
    assert source.count == 2


def test_a_failed_renewal_leaves_the_old(
    cached: CachedSource, source: Counting, clock: Clock
) -> None:
    """While the old ones hold, a failure to renew is hidden, and tried again after 10 seconds."""
    first = cached.vend(SCOPE, 3600)
    source.error = StoreUnavailable("away")
    clock.now += 3000
    assert cached.vend(SCOPE, 3600) == first
    assert cached.vend(SCOPE, 3600) == first
    assert source.count == 2
    source.error = None
    clock.now += 10
    assert cached.vend(SCOPE, 3600) != first


def test_expired_ones_are_never_given(cached: CachedSource, source: Counting, clock: Clock) -> None:
    """At the expiration the failure is told."""
    cached.vend(SCOPE, 3600)
    source.error = StoreUnavailable("away")
    clock.now += 3600
    with pytest.raises(StoreUnavailable):
        cached.vend(SCOPE, 3600)


def test_a_failure_is_not_kept(cached: CachedSource, source: Counting) -> None:
    """After a failure the next request asks again."""
    source.error = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        cached.vend(SCOPE, 3600)
    source.error = None
    assert cached.vend(SCOPE, 3600).access_key_id.endswith("#2")


def test_a_defect_frees_the_waiters(cached: CachedSource, source: Counting) -> None:
    """An error that nobody foresaw is told, and blocks nothing."""
    source.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        cached.vend(SCOPE, 3600)
    source.error = None
    assert cached.vend(SCOPE, 3600).access_key_id.endswith("#2")


def test_one_flight_for_many(cached: CachedSource, source: Counting) -> None:
    """However many ask at once, the source is asked once, and all get its answer."""
    landed = threading.Event()
    source.before = lambda: landed.wait(60)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(cached.vend, SCOPE, 3600) for _ in range(8)]
        assert source.entered.acquire(timeout=60)
        landed.set()
        names = {future.result(60).access_key_id for future in futures}
    assert len(names) == source.count == 1


def test_a_failed_flight_is_told_to_all(cached: CachedSource, source: Counting) -> None:
    """Whoever waited for a request that failed learns why."""
    landed = threading.Event()
    source.before = lambda: landed.wait(60)
    source.error = StoreUnavailable("away")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cached.vend, SCOPE, 3600)
        assert source.entered.acquire(timeout=60)
        second = pool.submit(cached.vend, SCOPE, 3600)
        landed.set()
        errors: list[BaseException | None] = [first.exception(60), second.exception(60)]
    assert all(isinstance(error, StorageError) for error in errors)


def test_nobody_waits_while_the_old_hold(
    cached: CachedSource, source: Counting, clock: Clock
) -> None:
    """During a renewal others get what is still valid at once."""
    first = cached.vend(SCOPE, 3600)
    assert source.entered.acquire(timeout=60)
    clock.now += 3000
    landed = threading.Event()
    source.before = lambda: landed.wait(60)
    with ThreadPoolExecutor(1) as pool:
        renewal = pool.submit(cached.vend, SCOPE, 3600)
        assert source.entered.acquire(timeout=60)
        assert cached.vend(SCOPE, 3600) == first
        landed.set()
        assert renewal.result(60) != first


def test_expired_scopes_are_forgotten(cached: CachedSource, clock: Clock) -> None:
    """The cache holds nothing that has expired once something new arrives."""
    cached.vend(SCOPE, 3600)
    clock.now += 4000
    cached.vend(OTHER, 3600)
    assert [scope for scope, _ in cached._entries] == [OTHER]
