"""Saving without the right to the mirror's names: what differs goes to names of its own.

An instance that ends while another has the lease may not touch what that one works with. Its
versions go to ``name (conflict YYYY-MM-DD hhmmss).ext``, each only where nothing is; nothing else
is written, and nothing is deleted. The journal knows what was saved so, and does not save it twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Self, TypeAlias

from wherobots_storage.errors import (
    ConcurrentChange,
    HomeMissing,
    NotFound,
    PreconditionFailed,
    StorageError,
)
from wherobots_storage.namespace.hidden import lies_hidden
from wherobots_storage.planning.conflicts import names_beside
from wherobots_storage.planning.tree import HIDDEN, File, Notice, Symlink
from wherobots_storage.sync.asidelist import AsideList
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.conflicts import key_room
from wherobots_storage.sync.fileparts import Moved
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.kept import KeptVersions
from wherobots_storage.sync.mirror import Mirror, OutageDetector, is_passing
from wherobots_storage.sync.objects import metadata_of
from wherobots_storage.sync.openuploads import OpenUploads
from wherobots_storage.sync.reading import (
    Content,
    as_entry,
    hash_descriptor,
    open_file,
    read_link,
    read_small,
    same_stat,
    unreadable,
    unsettled,
)
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.sameness import holds
from wherobots_storage.sync.scan import HIDDEN_REASON
from wherobots_storage.sync.session import Session
from wherobots_storage.sync.unsettled import exists, send_parts
from wherobots_storage.sync.worklist import SMALL_BYTES, Uploads

WORKERS = 8
MOST_NAMES = 20
"""How many names are tried for one version before it has to wait for the next pass."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """Bytes that are at a name of their own; ``name`` is None when they were there before."""

    content: Content
    name: str | None = None
    etag: str = ""


_Outcome: TypeAlias = "Future[_Saved | Notice | None]"


class AsidePass:
    """Looks through the home, as often as it is run, and saves beside what is not in the mirror."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen = AsideList()
        self._deletions = 0
        self.last = Report()
        """The report of the latest pass, also of one that did not come to its end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._seen.close()

    @property
    def differs(self) -> bool:
        """Whether the mirror is not as the home, though no bytes are missing there."""
        return bool(self._deletions) or self._seen.differs

    def run(self, cancel: Cancel) -> Report:
        """One pass. Raises HomeMissing, Interrupted, and the StorageError of an outage."""
        self.last = Report()
        home = self._session.home()
        self._seen.begin()
        if not cancel.expired:
            with suppress(StorageError):  # One that is away is met once there is something to do.
                self._session.check_mirror(home)
        with Uploads() as uploads:
            report, self._deletions = self._session.plan(uploads, cancel)
            self.last = report
            left = _Left(*uploads.without_folders())
            try:
                cancel.check()  # The plan says what is left, but a store is asked in time or not.
                self._session.probe()
                self._save_all(home, _entries(uploads), left, cancel)
            finally:
                report.left_files += left.files
                report.left_bytes += left.bytes
                report.close()
        return report

    def _save_all(
        self, home: Home, entries: Iterator[File | Symlink], left: _Left, cancel: Cancel
    ) -> None:
        mirror = self._session.mirror
        writer = _Writer(home, mirror, OpenUploads(mirror, self._session.journal), cancel)
        kept = KeptVersions(self._session.journal)
        outage = OutageDetector(mirror.ask_to_write)
        # Without conditions a name is looked at before it is taken: by one at a time.
        workers = WORKERS if mirror.conditions else 1
        with ThreadPoolExecutor(workers, thread_name_prefix="aside") as pool:
            while batch := list(islice(entries, workers)):
                cancel.check()
                flying = [
                    (entry, _submit(pool, writer, entry, kept.own(entry.path)))
                    for entry in batch
                    if not self._is_settled(entry, mirror, left)
                ]
                for entry, future in flying:
                    if not isinstance(future.exception(), Interrupted):
                        left.less(entry)
                    self._note(entry, future, kept, outage)

    def _is_settled(self, entry: File | Symlink, mirror: Mirror, left: _Left) -> bool:
        # The first pass was planned before the store was tried out.
        if lies_hidden(mirror.hidden, entry.path):
            self.last.skipped.add(Notice(entry.path, HIDDEN, HIDDEN_REASON, entry.size))
        elif not self._seen.knows(entry):
            return False
        left.less(entry)
        return True

    def _note(
        self,
        entry: File | Symlink,
        future: _Outcome,
        kept: KeptVersions,
        outage: OutageDetector,
    ) -> None:
        report = self.last
        try:
            saved = future.result()
        except HomeMissing:
            raise
        except StorageError as error:
            notice = Notice(entry.path, error.code, error.message, entry.size)
            report.leave(notice, refused=not is_passing(error))
            outage.failure(error)
            return
        outage.success()
        if isinstance(saved, Notice):
            if saved.code == "unsettled":
                report.leave(saved)
            else:
                report.skipped.add(saved)
            return
        self._seen.note(entry, aside=saved is not None)
        if saved is not None and saved.name is not None:
            size = len(saved.content.body) or entry.size
            kept.add_own(entry.path, saved.content.sha256, saved.name, saved.etag, size)
            self._replace(entry.path, saved.name, saved.etag, kept)
            report.wrote(saved.name)

    def _replace(self, path: str, name: str, etag: str, kept: KeptVersions) -> None:
        """Take back the copy of a moment ago: of a file that grows only the last is of use."""
        former = self._seen.replace(path, name, etag)
        if former is None:
            return
        mirror = self._session.mirror
        with suppress(StorageError):
            mirror.store.delete(mirror.key(former[0]), if_match=former[1])
            kept.drop(former[0])


@dataclass(slots=True)
class _Left:
    """What a pass has not come to yet."""

    files: int
    bytes: int

    def less(self, entry: File | Symlink) -> None:
        """It has come to this one."""
        self.files -= 1
        self.bytes -= entry.size


def _entries(uploads: Uploads) -> Iterator[File | Symlink]:
    # A copy has its folder by its name: markers of folders hold nothing to be lost.
    for entry in chain(uploads.small(), uploads.large(), uploads.waiting()):
        if isinstance(entry, File | Symlink):
            yield entry


def _submit(
    pool: ThreadPoolExecutor, writer: _Writer, entry: File | Symlink, known: frozenset[str]
) -> _Outcome:
    """Save a small entry on the pool, a large one right here: its upload is journaled."""
    if entry.size <= SMALL_BYTES:
        return pool.submit(writer.save, entry, known)
    done: _Outcome = Future()
    try:
        done.set_result(writer.save(entry, known))
    except (StorageError, Interrupted) as error:
        done.set_exception(error)
    return done


class _Writer:
    """Reads entries and writes their copies; the small ones on several threads at once."""

    def __init__(self, home: Home, mirror: Mirror, uploads: OpenUploads, cancel: Cancel) -> None:
        self._home = home
        self._mirror = mirror
        self._uploads = uploads
        self._cancel = cancel

    def save(self, entry: File | Symlink, known: frozenset[str]) -> _Saved | Notice | None:
        """Save one entry beside its name, unless its hash is among ``known``.

        None: its bytes are in the mirror under its name, or it is gone. Raises Interrupted, and
        what the store raises.
        """
        content = self._read(entry)
        if content is None or isinstance(content, Notice):
            return content
        if content.sha256 in known:
            return _Saved(content)
        try:
            found = self._mirror.store.head(self._mirror.key(entry.path))
        except NotFound:
            pass
        else:
            if holds(self._mirror.store, found, content, self._cancel):
                return None
        return self._write(content)

    def _read(self, entry: File | Symlink) -> Content | Notice | None:
        if isinstance(entry, Symlink):
            return read_link(self._home, entry)
        if entry.size <= SMALL_BYTES:
            return read_small(self._home, entry)
        return self._hash_large(entry)

    def _hash_large(self, entry: File) -> Content | Notice | None:
        started = time.time_ns()
        try:
            with open_file(self._home, entry.path) as descriptor:
                before = os.fstat(descriptor)
                digest = ""
                for piece in hash_descriptor(descriptor, before.st_size):
                    self._cancel.check()
                    digest = piece.hexdigest()
                shrunk = before.st_size <= SMALL_BYTES
                if shrunk or not same_stat(before, os.fstat(descriptor)):
                    return unsettled(entry)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return unreadable(entry, error)
        return Content(as_entry(entry.path, before, started), b"", digest)

    def _write(self, content: Content) -> _Saved | Notice:
        for name in self._names(content.entry.path):
            self._cancel.check()
            try:
                return _Saved(content, name, self._put(content, name))
            except (PreconditionFailed, ConcurrentChange):
                continue  # The name is taken.
            except Moved:
                break
            except OSError as error:
                return unreadable(content.entry, error)
        return unsettled(content.entry)

    def _names(self, path: str) -> Iterator[str]:
        names = names_beside(path, "conflict", time.time(), room=key_room(self._mirror))
        for name in islice(names, MOST_NAMES):
            # A name that the home uses would only make the next conflict.
            if os.path.lexists(self._home.path / name):
                continue
            if self._mirror.conditions or not exists(self._mirror, self._mirror.key(name)):
                yield name

    def _put(self, content: Content, name: str) -> str:
        """Write to a name where nothing is. Raises Moved, OSError, and what the store raises."""
        entry, metadata = content.entry, metadata_of(content)
        if content.body or not (isinstance(entry, File) and entry.size):
            store, key = self._mirror.store, self._mirror.key(name)
            return store.put(key, content.body, metadata=metadata, if_none_match=True)
        with open_file(self._home, entry.path) as descriptor:
            before = os.fstat(descriptor)

            def held(sha256: str) -> bool:
                return sha256 == content.sha256 and same_stat(before, os.fstat(descriptor))

            return send_parts(
                self._mirror,
                name,
                descriptor,
                metadata,
                self._cancel,
                self._uploads,
                held=held,
            )
