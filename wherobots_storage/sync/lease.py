"""The lease: which of several instances may write one mirror, kept in the mirror itself.

``.wherobots/lease.json`` says who holds it and for how long without a beat. Its age is told by the
store's clock alone, since two instances' own clocks need not agree. Every write is conditional;
where a store ignores conditions, the look before each write and the one after it stand in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from socket import gethostname
from uuid import uuid4

import msgspec

from wherobots_storage.api.models import Lease as WireLease
from wherobots_storage.errors import ConflictError, NotFound, NotSupported, StorageError
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import LEASE, PROBE
from wherobots_storage.objectstore.store import ObjectInfo, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import iso

BEAT = 60.0
TTL = 180.0
"""Seconds between two beats, and without one until the lease may be taken."""

LONGEST = 3600.0
MAX_BYTES = 64 * 1024


def awake_or_not() -> float:
    """Seconds of a clock that also goes while the machine is suspended, where there is one.

    ``time.monotonic`` stands still then (Linux, clock_gettime(2)), and a lease that ended long ago
    would look held.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class LeaseFile(msgspec.Struct, frozen=True):
    """The object's content. ``started`` and ``beat`` are for people: by the holder's clock."""

    instance: str
    host: str
    started: str
    beat: str
    ttl: float


@dataclass(frozen=True, slots=True)
class Found:
    """Another's lease as it was found: ``left`` seconds until it may be taken."""

    file: LeaseFile
    etag: str
    left: float

    def wire(self) -> WireLease:
        """As it travels."""
        expires = iso(time.time() + max(0.0, self.left))
        return WireLease(
            instance=self.file.instance, host=self.file.host, mine=False, expires=expires
        )


class LeaseObject:
    """One instance's view of a mirror's lease. Methods raise StorageError when the store fails.

    The same ``instance`` on the same ``host`` is the same home: it takes its own lease at once.
    """

    def __init__(
        self,
        store: ObjectStore,
        prefix: str,
        *,
        instance: str,
        host: str,
        monotonic: Callable[[], float] = awake_or_not,
    ) -> None:
        """``prefix`` is the mirror's; ``monotonic`` a clock of this machine that never stands."""
        self._store = store
        self._folder = f"{prefix}{RESERVED_NAME}/"
        self._key = f"{self._folder}{LEASE}"
        self._monotonic = monotonic
        self._instance = instance
        self._host = host
        self._started = iso()
        self._etag: str | None = None
        self._until = 0.0
        self._seen: tuple[str, float] | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours, as far as is known: a holder that cannot beat loses it in time."""
        return self._etag is not None and self._monotonic() < self._until

    @property
    def age(self) -> float:
        """Seconds since the latest beat; infinite when it is not ours."""
        return math.inf if self._etag is None else self._monotonic() - (self._until - TTL)

    def wire(self) -> WireLease:
        """Our own lease as it travels."""
        expires = iso(time.time() + max(0.0, self._until - self._monotonic()))
        return WireLease(instance=self._instance, host=self._host, mine=True, expires=expires)

    def take(self, *, force: bool = False) -> Found | None:
        """Take the lease or renew it: None when it is ours now, else who holds it.

        ``force`` takes it from a living holder too.
        """
        for _ in range(3):
            found = self.look()
            if found is not None and not force and found.left > 0:
                self._etag = None
                return found
            with suppress(ConflictError, NotFound):
                if self._write():
                    return None
        self._etag = None
        return self.look()

    def look(self) -> Found | None:
        """Another's lease, if there is one."""
        try:
            with self._store.get(self._key) as body:
                info = body.info
                content = b"".join(body.chunks()) if info.size <= MAX_BYTES else b""
        except NotFound:
            self._current = None
            return None
        self._current = info.etag
        file = _decode(content, info)
        if (file.instance, file.host) == (self._instance, self._host):
            return None
        return Found(file, info.etag, self._left(file, info))

    def release(self) -> None:
        """Give it up, if it still is ours."""
        if self._etag is None:
            return
        etag, self._etag = self._etag, None
        with suppress(NotFound, ConflictError):
            # Looked at first: not every store takes a condition with a deletion.
            if self._store.head(self._key).etag == etag:
                self._store.delete(self._key, if_match=etag)

    def _write(self) -> bool:
        began = self._monotonic()
        file = LeaseFile(self._instance, self._host, self._started, _precisely(), TTL)
        body = msgspec.json.encode(file)
        try:
            etag = self._store.put(
                self._key,
                body,
                content_type="application/json",
                if_match=self._current,
                if_none_match=self._current is None,
            )
        except NotSupported:
            etag = self._store.put(self._key, body, content_type="application/json")
        if self._store.head(self._key).etag != etag:
            return False
        self._etag, self._until, self._seen = etag, began + TTL, None
        return True

    def _left(self, file: LeaseFile, info: ObjectInfo) -> float:
        """Seconds that another's lease still has.

        The store's clock is asked once for each beat; from there on ours only counts on.
        """
        now = self._monotonic()
        if self._seen is None or self._seen[0] != info.etag:
            ttl = file.ttl if 0 < file.ttl <= LONGEST and math.isfinite(file.ttl) else TTL
            age = max(0.0, self._store_time() - info.last_modified)
            self._seen = (info.etag, now + ttl - age)
        return self._seen[1] - now

    def _store_time(self) -> float:
        """The store's time: when it says that an object written just now was written."""
        key = f"{self._folder}{PROBE}/clock-{uuid4().hex}"
        self._store.put(key, b"")
        try:
            return self._store.head(key).last_modified
        finally:
            with suppress(StorageError):
                self._store.delete(key)

    _current: str | None = None


def lease_of(settings: Settings, store: ObjectStore) -> LeaseObject:
    """The lease of a home's mirror, as this machine's writers see it. Raises LocalIOError."""
    prefix = settings.require_tenancy().mirror_prefix
    instance = StateFolder.for_settings(settings).instance()
    return LeaseObject(store, prefix, instance=instance, host=gethostname())


def _precisely() -> str:
    # To the microsecond, so that each beat changes the bytes, and with them the ETag.
    return datetime.now(UTC).isoformat()


def _decode(content: bytes, info: ObjectInfo) -> LeaseFile:
    try:
        return msgspec.json.decode(content, type=LeaseFile)
    except msgspec.MsgspecError:
        when = iso(info.last_modified)
        return LeaseFile("unknown", "an unknown host", when, when, TTL)
