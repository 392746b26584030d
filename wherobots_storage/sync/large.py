"""Uploading a file too large for memory: in parts, and completed only if it held still.

The file is read twice: once for the hashes, as that of the whole has to be in the metadata before
the first part goes, and once for the parts, each of which is hashed again on its way and arrives as
it was or not at all. A file that moved is aborted; the last good version stays. An upload that was
interrupted stays open, and the next try goes on with it.
"""

from __future__ import annotations

import os
import time

from wherobots_storage.errors import (
    ConcurrentChange,
    HomeMissing,
    InvalidInput,
    NoSuchBucket,
    NoSuchUpload,
    NotFound,
    PreconditionFailed,
    StorageError,
    TooLarge,
)
from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.tree import File, Notice
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.conflicts import AGAIN, ROUNDS, Keeper
from wherobots_storage.sync.fileparts import Hashed, Moved, hash_parts
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.ledger import Ledger
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.multipart import PartSender
from wherobots_storage.sync.objects import is_same, metadata_of, row_of
from wherobots_storage.sync.reading import (
    Content,
    as_entry,
    open_file,
    same_stat,
    unreadable,
    unsettled,
)
from wherobots_storage.sync.sameness import holds, is_foreign, is_rewritten
from wherobots_storage.sync.worklist import SMALL_BYTES


class LargeUploader:
    """Large files of one cycle, one after the other."""

    def __init__(
        self, home: Home, mirror: Mirror, ledger: Ledger, cancel: Cancel, keeper: Keeper
    ) -> None:
        self._home = home
        self._mirror = mirror
        self._ledger = ledger
        self._cancel = cancel
        self._keeper = keeper
        self._sender = PartSender(mirror, ledger, cancel)

    def upload(self, entry: File) -> None:
        """Bring one file to the mirror, or note why not.

        Raises Interrupted, HomeMissing when the home went away, and the StorageError of an outage.
        """
        prepared = self._prepare(entry)
        if prepared is None:
            return
        if isinstance(prepared, Notice):
            self._ledger.decline(prepared)
            return
        try:
            self._bring(prepared)
        except HomeMissing:
            raise
        except StorageError as error:
            self._ledger.fail(entry, error)

    def _bring(self, content: Hashed) -> None:
        """Write the object, as new or over the version that the journal or a look knows."""
        path = content.entry.path
        known = self._ledger.journal.get(path)
        if known is not None and is_same(content, known):
            # Read again in vain: nothing moved, as a final sync that waits for quiet has to see.
            self._ledger.note(row_of(content, known.etag))
            return
        expected = known.etag if known is not None else None
        moved_only = known is not None and known.sha256 == content.sha256 and known.kind == "file"
        for _ in range(ROUNDS + 1):
            try:
                if known is not None and moved_only and expected == known.etag:
                    etag: str | Notice = self._retouch(content, known.etag)
                else:
                    etag = self._send(content, expected)
            except NoSuchBucket:
                raise
            except (PreconditionFailed, ConcurrentChange, NotFound):
                expected, adopted = self._look(content, expected)
                if adopted:
                    return
            else:
                self._note(content, etag)
                return
        self._ledger.postpone(content.entry, "conflict", AGAIN)

    def _note(self, content: Content, etag: str | Notice) -> None:
        if isinstance(etag, Notice):
            self._ledger.decline(etag)
        else:
            self._ledger.done(content, etag, 0)

    def _look(self, content: Content, expected: str | None) -> tuple[str | None, bool]:
        """The remote is not what was expected: what to expect now, or True when it is ours.

        Another's version is kept at a name of its own first.
        """
        path = content.entry.path
        try:
            found = self._mirror.store.head(self._mirror.key(path))
            if holds(self._mirror.store, found, content, self._cancel):
                self._ledger.done(content, self._adopt(content, found), 0)
                return found.etag, True
            known = self._ledger.journal.get(path)
            ours = self._ledger.intents.is_ours(path, found) or is_rewritten(found, known)
            if found.etag != expected and not ours:
                self._keeper.keep(path, found)
        except NoSuchBucket:
            raise
        except NotFound:
            return None, False
        except (PreconditionFailed, ConcurrentChange):
            return expected, False  # It is looked at once more: this one it no longer is.
        return found.etag, False

    def _adopt(self, content: Content, found: ObjectInfo) -> str:
        """The ETag of an object with these bytes, once it has this time and mode as well.

        A foreign one stays as it is, as a small one does.
        """
        ours = metadata_of(content)
        if is_foreign(found) or all(
            found.metadata.get(name) == value for name, value in ours.items()
        ):
            return found.etag
        return self._retouch(content, found.etag)

    def _retouch(self, content: Content, etag: str) -> str:
        """The bytes are in the bucket already: bring time and mode there by a copy onto itself."""
        if not self._mirror.conditions:
            # The copy would give another's version this file's facts.
            check_expectation(self._mirror, content.entry.path, etag)
        key = self._mirror.key(content.entry.path)
        metadata = metadata_of(content)
        return self._mirror.store.copy(key, key, source_if_match=etag, metadata=metadata)

    def _prepare(self, entry: File) -> Hashed | Notice | None:
        """The entry as it was read, with its hashes; None when it is gone."""
        started = time.time_ns()
        try:
            with open_file(self._home, entry.path) as descriptor:
                before = os.fstat(descriptor)
                part_bytes = self._sender.part_bytes(entry.path, before.st_size)
                hashes = hash_parts(descriptor, before.st_size, part_bytes, self._look_around)
                shrunk = before.st_size <= SMALL_BYTES
                if shrunk or not same_stat(before, os.fstat(descriptor)):
                    return unsettled(entry)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return unreadable(entry, error)
        found = as_entry(entry.path, before, started)
        return Hashed(found, b"", hashes.whole, before.st_size, part_bytes, hashes.parts)

    def _look_around(self) -> None:
        self._cancel.check()
        self._ledger.give_way()

    def _send(self, content: Hashed, expected: str | None) -> str | Notice:
        """Send the file as prepared and return its ETag, or the notice that it moved.

        Raises PreconditionFailed when the remote is not ``expected``, and what the store raises.
        """
        entry, path = content.entry, content.entry.path
        key = self._mirror.key(path)
        store = self._mirror.store
        # Before gigabytes travel in vain; after a lost journal this is where they are adopted.
        check_expectation(self._mirror, path, expected)
        try:
            with open_file(self._home, path) as descriptor:
                before = os.fstat(descriptor)
                held = before.st_size == content.size
                if held:
                    upload, there = self._sender.open(content)
                    parts = self._sender.send(upload, there, descriptor, content)
                    held = same_stat(before, os.fstat(descriptor))
        except Moved:
            held = False
        except OSError as error:
            self._give_up(path)
            return unreadable(entry, error)
        if not held:
            self._give_up(path)
            return unsettled(entry)
        # Not every server takes conditions with Complete, so the state is also looked at.
        check_expectation(self._mirror, path, expected)
        try:
            etag = store.complete_multipart(
                key,
                upload.upload_id,
                parts,
                if_none_match=expected is None,
                if_match=expected,
            )
        except (InvalidInput, NoSuchUpload, TooLarge):
            # These parts become no object: it is begun anew.
            self._give_up(path)
            raise
        self._sender.uploads.forget(path)
        return etag

    def _give_up(self, path: str) -> None:
        upload = self._sender.uploads.find(path)
        if upload is not None:
            self._sender.uploads.abort(upload)

    def sweep(self) -> None:
        """Give uploads up that nobody will go on with."""
        self._sender.uploads.sweep(self._home)


def check_expectation(mirror: Mirror, path: str, expected: str | None) -> None:
    """Look whether the remote still is ``expected``, an ETag, or None for no object at all.

    Raises PreconditionFailed when it is not.
    """
    try:
        etag: str | None = mirror.store.head(mirror.key(path)).etag
    except NotFound:
        etag = None
    if etag != expected:
        raise PreconditionFailed("The object in the bucket changed meanwhile.", path=path)
