"""Putting restored files, folders and links into the home without ever taking a name's place.

Everything is made without a name, or in ``.wherobots/tmp``, and gets its name by a link, which
fails when the name is taken. Only what the journal proves unchanged is replaced.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wherobots_storage.errors import DiskFull, LocalIOError, StorageError
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import TMP, TRASH
from wherobots_storage.planning.tree import Directory, File, Record, Symlink, is_unchanged
from wherobots_storage.sync.folders import Folders, OpenFolder
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.scan import examine, file_of

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_NAMELESS = {*_NO_LINKS, errno.EISDIR, errno.EINVAL, errno.ENOENT}
"""What file systems answer that make no nameless files (open(2)), or without /proc link none."""


_OWN = {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENOENT, errno.ELOOP}
"""What says that the folder for temporary files is in somebody's hand, not that the disk fails."""


class UnusableFolder(OSError):
    """There can be no temporary files; what needs none can be restored all the same."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that waits in the temporary folder for its name."""

    path: Path
    size: int
    sha256: str


class Installer:
    """Installs into one home; what it made for itself goes with ``clear``."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._tmp = home.work / TMP
        self._ready = False
        self._names = map(f"{secrets.token_hex(8)}-{{}}".format, itertools.count())
        self._nameless = True
        """Whether the home's file system makes files without a name, as far as is known."""
        self._folders = Folders(home.path)

    def create(self, path: str, body: bytes, mtime_ns: int, mode: int) -> File | None:
        """Make a small file of a name that is free, in one go; None where that cannot be done.

        The name then has to be given to a staged file, which also tells what is in the way. A file
        is made without a name (open(2), O_TMPFILE) and linked when it is whole: nothing is left of
        one that was interrupted, and it costs half of what staging does. Any thread may call.
        """
        if not self._nameless:
            return None
        try:
            return self._create(path, body, mtime_ns, mode)
        except OSError as error:
            if error.errno in _NO_NAMELESS:
                self._nameless = False
            return None

    def _create(self, path: str, body: bytes, mtime_ns: int, mode: int) -> File | None:
        folder, name = self._folders.above(path)
        flags = os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC
        descriptor = os.open(".", flags, mode, dir_fd=folder.descriptor)
        try:
            with memoryview(body) as rest:
                written = 0
                while written < len(body):
                    written += os.write(descriptor, rest[written:])
            if mode & self._home.umask:
                os.fchmod(descriptor, mode)
            os.utime(descriptor, ns=(mtime_ns, mtime_ns))
            # With a folder's descriptor the link in /proc is followed (linkat(2)).
            os.link(f"/proc/self/fd/{descriptor}", name, dst_dir_fd=folder.descriptor)
            found = os.fstat(descriptor)  # its ctime is that of the link
            if stat.S_IMODE(found.st_mode) != mode:  # a folder's default ACL
                os.fchmod(descriptor, mode)
                found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return file_of(path, found)

    def stage(self, chunks: Iterable[bytes]) -> Staged:
        """Write bytes to a temporary file. Raises as ``stage_by``, and what ``chunks`` raises."""

        def write(descriptor: int) -> tuple[int, str]:
            digest = hashlib.sha256()
            size = 0
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                for chunk in chunks:
                    file.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
            return size, digest.hexdigest()

        return self.stage_by(write)

    def stage_by(self, write: Callable[[int], tuple[int, str]]) -> Staged:
        """A temporary file that ``write`` fills, given its descriptor; it tells size and SHA-256.

        Nothing stays behind when it raises: DiskFull, LocalIOError when the home takes no files,
        UnusableFolder when it takes no temporary ones, what ``write`` raises beside OSErrors.
        """
        path = self._fresh()
        try:
            # 0600 until the real mode is known: another user may not look in between.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                size, sha256 = write(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise self._refusal(error) from error
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Staged(path, size, sha256)

    def stage_link(self, target: bytes) -> Path:
        """Make a symbolic link in the temporary folder. Raises as ``stage``."""
        path = self._fresh()
        try:
            path.symlink_to(os.fsdecode(target))
        except OSError as error:
            raise self._refusal(error) from error
        return path

    def finish(self, staged: Path, mtime_ns: int, mode: int | None) -> None:
        """Give a staged file (``mode`` None: a link) its mode and modification time."""
        if mode is not None:
            staged.chmod(mode)
        os.utime(staged, ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def place(self, staged: Path, path: str) -> File | Symlink | None:
        """Give a staged file its name and return it as it is then.

        Raises FileExistsError when the name is taken, OSError otherwise.
        """
        folder, name = self._folders.above(path)
        there = folder.descriptor
        try:
            os.link(staged, name, dst_dir_fd=there, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A file system without hard links: an empty file of ours holds the name, atomically.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            os.close(os.open(name, flags, 0o600, dir_fd=there))
            os.replace(staged, name, dst_dir_fd=there)
        else:
            staged.unlink()
        return _installed(folder, name, path)

    def replace(self, staged: Path, path: str, record: Record) -> File | Symlink | None:
        """Put a staged file in the place of an unchanged one.

        Raises FileExistsError when what is there is not what the journal says, OSError otherwise.
        """
        folder, name = self._folders.above(path)
        entry = examine(folder.path, name)
        if entry is None or not is_unchanged(entry, record):
            raise FileExistsError(errno.EEXIST, "changed meanwhile", path)
        os.replace(staged, name, dst_dir_fd=folder.descriptor)
        return _installed(folder, name, path)

    def make_folder(self, path: str) -> bool:
        """Make a folder with the default mode; whether it was made in this run, not before.

        Raises NotADirectoryError when something else has its name, OSError otherwise.
        """
        return self._folders.make(path.removesuffix("/"))

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder. Raises OSError, also when something is in it."""
        above, _, name = path.rpartition("/")
        os.rmdir(name, dir_fd=self._folders.open(above, make=False).descriptor)
        self._folders.made.discard(path)

    def set_mode(self, path: str, mode: int) -> None:
        """Give a folder its mode. Raises OSError, NotADirectoryError when it is none any more."""
        self._folders.open(path.removesuffix("/"), make=False).path.chmod(mode)

    def trash(self, path: str, record: Record, stamp: str) -> bool:
        """Move an unchanged file to ``.wherobots/trash/STAMP``; False when it has changed.

        Raises OSError.
        """
        entry = examine(self._home.path, path)
        if entry is None or isinstance(entry, Directory) or not is_unchanged(entry, record):
            return False
        self._move_to_trash(path, stamp)
        return True

    def put_aside(self, path: str, stamp: str) -> bool:
        """Move a file to ``.wherobots/trash/STAMP``, whatever is in it; False when there is none.

        Raises OSError, DiskFull, LocalIOError.
        """
        there = isinstance(examine(self._home.path, path), File)
        if there:
            self._move_to_trash(path, stamp)
        return there

    def _move_to_trash(self, path: str, stamp: str) -> None:
        self._make_work()
        (self._home.path / path).rename(self._place_in_trash(path, stamp))

    def _place_in_trash(self, path: str, stamp: str) -> Path:
        """A name that is free, its folder made: within a second a path may come here twice."""
        trash = self._home.work / TRASH
        trash.mkdir(mode=0o700, exist_ok=True)  # What has its name has it at every number.
        for number in itertools.count(1):
            folder = stamp if number == 1 else f"{stamp} ({number})"
            target = trash / folder / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            except (FileExistsError, NotADirectoryError):
                continue  # what was a file a moment ago is a folder now
            if not os.path.lexists(target):
                return target
        raise AssertionError  # the count has no end

    def clear(self) -> None:
        """Remove the temporary folder, as far as it goes."""
        self._folders.close()
        if self._tmp.is_dir() and not self._tmp.is_symlink():
            shutil.rmtree(self._tmp, ignore_errors=True)
        with suppress(OSError):
            self._home.work.rmdir()  # unless the trash is in it
        self._ready = False

    def _fresh(self) -> Path:
        if not self._ready:
            # Late, so that a read-only home whose files are all there is no error.
            self._make_work()
            try:
                self._tmp.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise self._refusal(error) from error
            self._ready = True
        return self._tmp / next(self._names)

    def _make_work(self) -> None:
        try:
            self._home.work.mkdir(mode=0o700, exist_ok=True)
            if not stat.S_ISDIR(self._home.work.lstat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(self._home.work))
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> Exception:
        """What to raise when something of the folder for temporary files cannot be made."""
        if error.errno not in _OWN:
            return fatal(error, self._home.path)
        words = f"the folder {RESERVED_NAME} of the home cannot be used ({error.strerror})"
        return UnusableFolder(error.errno, words)


def _installed(folder: OpenFolder, name: str, path: str) -> File | Symlink | None:
    entry = examine(folder.path, name)
    return entry._replace(path=path) if isinstance(entry, File | Symlink) else None


def stamp_now() -> str:
    """The name of a folder in the trash for what is moved there now."""
    return time.strftime("%Y-%m-%d %H%M%S", time.gmtime())


def is_full(error: OSError) -> bool:
    """Whether an error says that the disk, or the user's quota, is full."""
    return error.errno in _FULL


def fatal(error: OSError, home: Path) -> StorageError:
    """The StorageError for a failure that the next file would meet as well."""
    if is_full(error):
        message = (
            f"The disk of the home {home} is full: the restore stopped. Make room: it goes on "
            "where it stopped, an agent's by itself, and nothing in the bucket is lost."
        )
        return DiskFull(message, path=str(home))
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        message = f"The home {home} is read-only here, so nothing can be restored into it."
        return LocalIOError(message, path=str(home))
    message = f"The home {home} cannot be written: {error.strerror or error}."
    return LocalIOError(message, path=str(home))
