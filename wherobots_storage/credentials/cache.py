"""Credentials that renew themselves: kept until shortly before they expire, asked for once."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

from wherobots_storage.credentials.source import Credentials, CredentialSource
from wherobots_storage.errors import StorageError
from wherobots_storage.namespace.policy import Scope

REFRESH_AHEAD = 1500.0
"""Seconds before the end at which new ones are asked for. botocore's container provider asks
again from 15 minutes before (credentials.py, _advisory_refresh_timeout), so more must be left."""

RETRY_AFTER = 10.0
"""Seconds until a failed renewal is tried again, while the old credentials still hold."""

_Key = tuple[Scope, int]


@dataclass(slots=True)
class _Entry:
    credentials: Credentials
    renew_at: float


class LazySource:
    """A CredentialSource that is opened when it is first asked, since that loads the S3 library.

    Asked again when opening failed: a configuration may be mended while the server runs.
    """

    def __init__(self, open_source: Callable[[], CredentialSource]) -> None:
        self._open = open_source
        self._lock = Lock()
        self._source: CredentialSource | None = None

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """As the source does; also raises what opening it raises."""
        with self._lock:
            if self._source is None:
                self._source = self._open()
            source = self._source
        return source.vend(scope, seconds)


class CachedSource:
    """A CredentialSource before another, which is asked again only when it must be.

    One request at a time goes to the other for the same scope and lifetime; whoever comes
    meanwhile gets what is still valid, or waits for the same answer. When renewing fails, the old
    credentials are given as long as they are valid. ``clock`` gives seconds since the epoch.
    """

    def __init__(self, source: CredentialSource, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._lock = Lock()
        self._entries: dict[_Key, _Entry] = {}
        self._flights: dict[_Key, Future[Credentials]] = {}

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Credentials with life in them: more than 25 minutes, or half of a shorter lifetime.

        Less only when renewing fails. Raises what the other source raises.
        """
        key = (scope, seconds)
        with self._lock:
            valid = self._valid(key)
            if valid is not None and self._clock() < valid.renew_at:
                return valid.credentials
            flight = self._flights.get(key)
            if flight is not None and valid is not None:
                return valid.credentials
            mine = flight is None
            if flight is None:
                flight = self._flights[key] = Future()
        if mine:
            self._fly(key, flight)
        return flight.result()

    def forget(self, scope: Scope, seconds: int) -> None:
        """The credentials that were given are no longer good: the next are asked for."""
        with self._lock:
            self._entries.pop((scope, seconds), None)

    def _valid(self, key: _Key) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or entry.credentials.expiration <= self._clock():
            return None
        return entry

    def _fly(self, key: _Key, flight: Future[Credentials]) -> None:
        """Ask the source, and land every waiter."""
        try:
            found = self._source.vend(*key)
        except StorageError as error:
            self._land(key, flight, error)
        except BaseException as error:
            # A defect, or the process is ending: nobody may wait for ever.
            with self._lock:
                del self._flights[key]
            flight.set_exception(error)
            raise
        else:
            self._land(key, flight, found)

    def _land(
        self, key: _Key, flight: Future[Credentials], outcome: Credentials | StorageError
    ) -> None:
        with self._lock:
            del self._flights[key]
            now = self._clock()
            if isinstance(outcome, Credentials):
                self._drop_expired(now)
                ahead = min(REFRESH_AHEAD, (outcome.expiration - now) / 2)
                self._entries[key] = _Entry(outcome, outcome.expiration - ahead)
                flight.set_result(outcome)
                return
            old = self._valid(key)
            if old is not None:
                old.renew_at = now + RETRY_AFTER
                flight.set_result(old.credentials)
                return
        flight.set_exception(outcome)

    def _drop_expired(self, now: float) -> None:
        for key in [key for key, one in self._entries.items() if one.credentials.expiration <= now]:
            del self._entries[key]
