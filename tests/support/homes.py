"""Homes to synchronise, and a bench that runs sync and restore over them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.store import (
    BulkTransfers,
    ObjectInfo,
    ObjectStore,
    iterate_keys,
)
from wherobots_storage.objectstore.threads import ThreadedTransfers
from wherobots_storage.settings import Settings, Tenancy
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.consent import Agree, nobody
from wherobots_storage.sync.final import FinalSync
from wherobots_storage.sync.once import Outcome, final_once, restore_once, sync_once
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.rehash import Rehash
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.status import StatusBoard
from wherobots_storage.sync.tenure import Tenure

CUSTOMER = "customer-a1"
PREFIX = f"org/notebooks/{CUSTOMER}/"
OLD = 1_600_000_000_123_456_789
"""A modification time long ago, with nanoseconds."""


def settings_for(home: Path, state: Path, bucket: str = "test", **changes: object) -> Settings:
    """Settings for a home mirrored to ``PREFIX`` of a bucket; patient with a busy machine."""
    base = Settings(home=home, state_dir=state, tenancy=Tenancy(Root(bucket, "org/"), CUSTOMER))
    values = {name: getattr(base, name) for name in base.__slots__}
    return Settings(**{**values, "shutdown_timeout": 60.0, **changes})


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables by which a command finds this home and its agent."""
    tenancy = settings.require_tenancy()
    return {
        "WHEROBOTS_STORAGE_ROOT": tenancy.root.url,
        "WHEROBOTS_STORAGE_CUSTOMER": tenancy.customer,
        "WHEROBOTS_STORAGE_HOME": str(settings.home),
        "WHEROBOTS_STORAGE_STATE": str(settings.state_dir),
    }


def _eight_threads(store: ObjectStore) -> BulkTransfers:
    return ThreadedTransfers(store, workers=8)


def everything(_held: HeldDeletions) -> bool:
    """Agree to whatever is held."""
    return True


class Bench:
    """A home, a state folder and a store; ``sync`` and ``restore`` as the command line does."""

    def __init__(self, folder: Path, store: ObjectStore, name: str = "one") -> None:
        self.home = folder / name / "home"
        self.state = folder / name / "state"
        self.home.mkdir(parents=True, exist_ok=True)
        self.store = store
        self.open_transfers: Callable[[ObjectStore], BulkTransfers] = _eight_threads
        self.settings = settings_for(self.home, self.state, store.bucket)

    @contextmanager
    def _transfers(self) -> Iterator[BulkTransfers]:
        transfers = self.open_transfers(self.store)
        try:
            yield transfers
        finally:
            transfers.close()

    def sync(self, agree: Agree = nobody) -> Outcome:
        """One sync; ``agree`` answers when deletions are held."""
        with self._transfers() as transfers:
            return sync_once(
                self.settings,
                self.store,
                transfers,
                lambda _: None,
                agree=agree,
            )

    def final(self, seconds: float | None, agree: Agree = nobody) -> Outcome:
        """One final sync, by the agent if there is one."""
        with self._transfers() as transfers:
            return final_once(
                self.settings,
                self.store,
                transfers,
                lambda _: None,
                seconds=seconds,
                agree=agree,
            )

    def restore(self) -> Outcome:
        """One restore."""
        with self._transfers() as transfers:
            return restore_once(self.settings, self.store, transfers, lambda _: None)

    def write(self, path: str, body: bytes = b"x", *, mtime_ns: int | None = None) -> Path:
        """Write a file of the home, with its folders."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        if mtime_ns is not None:
            os.utime(file, ns=(mtime_ns, mtime_ns))
        return file

    def body(self, path: str) -> bytes:
        """The bytes of an object of the mirror."""
        with self.store.get(f"{PREFIX}{path}") as body:
            return b"".join(body.chunks())

    def kept(self, path: str) -> list[str]:
        """The keys of the versions that are kept beside a path's object."""
        folder, slash, name = path.rpartition("/")
        stem = name.partition(".")[0]
        return [key for key in self.keys() if key.startswith(f"{folder}{slash}{stem} (conflict 2")]

    def keys(self) -> list[str]:
        """What the mirror holds, relative and sorted, without reserved names."""
        return keys_below(self.store, PREFIX)


@contextmanager
def opened(
    bench: Bench, *, reconciler: Reconciler | None = None, rehash: Rehash | None = None
) -> Iterator[tuple[Session, StatusBoard]]:
    """A session of a bench's home, as an agent holds it, and its status."""
    state = StateFolder.for_settings(bench.settings)
    board = StatusBoard()
    transfers = ThreadedTransfers(bench.store, workers=4)
    with (
        state.lock(5) as held,
        Session(
            bench.settings,
            bench.store,
            transfers,
            held,
            board,
            reconciler=reconciler,
            rehash=rehash,
        ) as session,
    ):
        yield session, board
    transfers.close()


def final(session: Session, cancel: Cancel) -> bool:
    """The final sync of a session that nobody else's lease keeps from the mirror."""
    return FinalSync(session, Tenure(None, session.board)).run(cancel)


def keys_below(store: ObjectStore, prefix: str) -> list[str]:
    """The keys below a prefix, relative to it and sorted, without reserved names."""
    found = [
        entry.key.removeprefix(prefix)
        for entry in iterate_keys(store, prefix)
        if isinstance(entry, ObjectInfo)
    ]
    return sorted(key for key in found if not key.startswith(".wherobots/"))


def picture(home: Path) -> dict[str, tuple[object, ...]]:
    """A home as a value: kind, mode, modification time and bytes of everything in it."""
    found: dict[str, tuple[object, ...]] = {}
    for top, folders, files in os.walk(home):
        where = Path(top)
        if where == home:
            folders[:] = [name for name in folders if name != ".wherobots"]
        for name in [*folders, *files]:
            path = where / name
            facts = path.lstat()
            mode = stat.S_IMODE(facts.st_mode)
            relative = str(path.relative_to(home))
            if path.is_symlink():
                found[relative] = ("link", os.readlink(path), facts.st_mtime_ns)  # noqa: PTH115
            elif path.is_dir():
                found[relative] = ("folder", mode)
            elif path.is_file():
                found[relative] = ("file", mode, facts.st_mtime_ns, path.read_bytes())
    return found


def codes(outcome: Outcome) -> dict[str, str]:
    """The notices of an outcome: path to code, conflicts included."""
    notices = [*outcome.status.skipped, *outcome.status.conflicts]
    return {notice.path: notice.code for notice in notices}
