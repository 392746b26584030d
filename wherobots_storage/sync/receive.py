"""What a restore has fetched, put into the home: files, links and folders, each by its rules."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.planning.format import Facts, read_folder_mode, read_metadata
from wherobots_storage.planning.links import stays_inside
from wherobots_storage.planning.restore import Step
from wherobots_storage.planning.tree import Remote
from wherobots_storage.sync.arrivals import Arrived, Wanted, mtime_of
from wherobots_storage.sync.beside import Beside
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer, Staged, fatal, is_full
from wherobots_storage.sync.restored import RestoreLedger
from wherobots_storage.sync.worklist import Markers

MAX_TARGET_BYTES = 4095
"""What a link's target may have (path_resolution(7): PATH_MAX, with the byte that ends it)."""


@dataclass(frozen=True, slots=True)
class Get:
    """A download under way."""

    step: Step
    remote: Remote

    @property
    def wanted(self) -> Wanted:
        """What is to become of the object, if it is a small one."""
        if self.step is Step.COMPARE or self.remote.path.endswith("/"):
            return Wanted.BYTES
        return Wanted.NEW if self.step is Step.RESTORE else Wanted.STAGED


class Receiver:
    """Of one restore. Whatever is written down goes to the ``ledger``."""

    def __init__(
        self, home: Home, ledger: RestoreLedger, installer: Installer, beside: Beside
    ) -> None:
        self._home = home
        self._ledger = ledger
        self._installer = installer
        self._beside = beside
        self._markers: Markers | None = None
        """Folders made here: read-only ones get their mode when they are filled."""

    def finish(self) -> None:
        """Give the folders made here their modes, the deepest first."""
        for path, etag, mode in self._markers or ():
            try:
                self._installer.set_mode(path, mode)
            except OSError as error:
                self._ledger.skip(
                    path, "not-restored", f"Its mode cannot be set: {error.strerror}."
                )
            else:
                self._ledger.folder(path, etag, mode)
        self.close()
        self._ledger.forget_announced()

    def close(self) -> None:
        """Forget the folders whose modes are not set yet."""
        if self._markers is not None:
            self._markers.close()
            self._markers = None

    def note_made(self, arrived: Arrived) -> bool:
        """Journal a new file that has its name already; whether it has."""
        made = arrived.made
        if made is None:
            return False
        self._ledger.report.moved += 1
        self._ledger.entry(made.entry, made.sha256, arrived.info.etag)
        return True

    def receive(
        self,
        get: Get,
        info: ObjectInfo,
        chunks: Iterator[bytes],
        file: Callable[[], Staged],
    ) -> None:
        """Install one object that has arrived; ``file`` gives it as a temporary file."""
        remote = get.remote
        facts = read_metadata(info.metadata)
        try:
            if remote.path.endswith("/"):
                self._receive_folder(get, info)
            elif get.step is Step.COMPARE and self._is_equal(remote, info, facts):
                pass
            elif facts.is_symlink and info.size > MAX_TARGET_BYTES:
                reason = "It is a link whose target is too long for one."
                self._ledger.skip(remote.path, "not-restored", reason, info.size)
            elif facts.is_symlink:
                self._receive_link(get, info, facts, b"".join(chunks))
            else:
                self._receive_file(get, info, file())
        except NotADirectoryError:
            reason = "A folder above it is a file or a link here, so it cannot be restored."
            self._ledger.skip(remote.path, "parent-not-folder", reason, remote.size)
        except OSError as error:
            if is_full(error):
                raise fatal(error, self._home.path) from error
            reason = f"It cannot be written here: {error.strerror}."
            self._ledger.skip(remote.path, "not-restored", reason, remote.size)

    def _receive_file(self, get: Get, info: ObjectInfo, staged: Staged) -> None:
        try:
            self._install(get, info, staged.path, staged.sha256, is_symlink=False)
        finally:
            staged.path.unlink(missing_ok=True)

    def _receive_link(self, get: Get, info: ObjectInfo, facts: Facts, target: bytes) -> None:
        path = get.remote.path
        if not stays_inside(path, os.fsdecode(target), str(self._home.path)):
            reason = "It is a link that points out of the home; such links are not restored."
            self._ledger.skip(path, "link-outside", reason)
            return
        staged = self._installer.stage_link(target)
        try:
            self._installer.finish(staged, mtime_of(facts, info), None)
            digest = hashlib.sha256(target).hexdigest()
            self._install(get, info, staged, digest, is_symlink=True)
        finally:
            staged.unlink(missing_ok=True)

    def _install(
        self, get: Get, info: ObjectInfo, staged: Path, sha256: str, *, is_symlink: bool
    ) -> None:
        path = get.remote.path
        record = self._ledger.journal.get(path) if get.step is Step.REPLACE else None
        try:
            if get.step is Step.COMPARE:
                raise FileExistsError  # noqa: TRY301  # as if it had been taken meanwhile
            if record is not None:
                entry = self._installer.replace(staged, path, record)
            else:
                entry = self._installer.place(staged, path)
        except FileExistsError:
            if self._beside.adopt(get.remote, info, sha256, is_symlink=is_symlink):
                return
            self._beside.place(staged, get.remote, info)
            entry = None
        self._ledger.report.moved += 1
        if entry is not None:
            self._ledger.entry(entry, sha256, info.etag)

    def _is_equal(self, remote: Remote, info: ObjectInfo, facts: Facts) -> bool:
        """Whether the metadata alone tells that the same bytes are here; adopted then."""
        if facts.sha256 is None:
            return False
        return self._beside.adopt(remote, info, facts.sha256, is_symlink=facts.is_symlink)

    def _receive_folder(self, get: Get, info: ObjectInfo) -> None:
        remote = get.remote
        made = self._installer.make_folder(remote.path)
        if info.size:
            # Without a row: what is journaled here is deleted and written again as a folder is.
            reason = "It is a folder's marker with bytes of its own: they stay in the bucket."
            self._ledger.skip(remote.path, "marker-with-bytes", reason, info.size)
            self._ledger.journal.forget(remote.path)
            return
        mode = read_folder_mode(info.metadata, info.content_type)
        if mode is None:
            mode = self._home.folder_mode
        if made or get.step is Step.REPLACE:
            self._markers = self._markers or Markers()
            self._markers.add(remote.path, info.etag, mode)
            self._ledger.report.moved += made
        else:
            # It was here before, with a mode of its own, which the next sync brings there.
            self._ledger.folder(remote.path, info.etag, mode)
