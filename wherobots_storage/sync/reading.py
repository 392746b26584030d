"""Reading files that somebody may be writing: only a version that held still is sent."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wherobots_storage.planning.format import clamped
from wherobots_storage.planning.tree import File, Mirrored, Notice, Record, Symlink
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.scan import examine
from wherobots_storage.sync.worklist import SMALL_BYTES

RACY_NS = 1_000_000_000
"""A change this shortly before reading may share its time stamp with one during it: the kernel's
clock for files ticks every 1 to 10 ms, and a write is dated when it begins, however long its bytes
take to arrive. Such a file is read twice, and its bytes are compared again at the next scan."""

AHEAD_NS = 60 * 10**9
"""So far a file server's clock may be ahead of ours. A change that is dated later than that is none
of this moment's: the clock was set back since, and a change now would have another time stamp."""

TICK_NS = 20_000_000
"""More than one tick of that clock."""

COARSE_TICK_NS = 1_010_000_000
"""The same where times are whole seconds: ext4 with small inodes, older network file systems."""

CHUNK = 1024**2

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that held still while they were read; ``entry`` is what they were read as."""

    entry: Mirrored
    body: bytes
    sha256: str


def unsettled(entry: Mirrored) -> Notice:
    """The notice for a file that changed while it was read."""
    reason = "It changed while it was being read; it is tried again."
    return Notice(entry.path, "unsettled", reason, getattr(entry, "size", None))


def unreadable(entry: Mirrored, error: OSError) -> Notice:
    """The notice for a file that could not be read."""
    size = getattr(entry, "size", None)
    return Notice(entry.path, "unreadable", f"It cannot be read: {error.strerror}.", size)


def read_small(home: Home, entry: File) -> Content | Notice | None:
    """A file of up to ``SMALL_BYTES``, whole; None when it is gone. Raises HomeMissing."""
    started = time.time_ns()
    try:
        with open_file(home, entry.path) as descriptor:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode) or before.st_size > SMALL_BYTES:
                return unsettled(entry)
            body = _read_still(descriptor, before, started)
            if body is None:
                return unsettled(entry)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return unreadable(entry, error)
    return Content(as_entry(entry.path, before, started), body, hashlib.sha256(body).hexdigest())


def read_link(home: Home, entry: Symlink) -> Content | Notice | None:
    """A link's target as bytes; None when it is gone. Raises HomeMissing."""
    try:
        with home.held() as top, _folder_of(top, entry.path) as (folder, name):
            target = os.fsencode(os.readlink(name, dir_fd=folder))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return unreadable(entry, error)
    try:
        target.decode("utf-8")
    except UnicodeDecodeError:
        return Notice(entry.path, "not-utf8", "The target it points to is not valid UTF-8.")
    return Content(entry, target, hashlib.sha256(target).hexdigest())


@contextmanager
def open_file(home: Home, path: str) -> Iterator[int]:
    """A descriptor to read from. Raises OSError; never follows a link, never waits at a pipe.

    A link that took a folder's name above is none to follow either: NotADirectoryError. Raises
    HomeMissing when another directory is in the home's place.
    """
    with home.held() as top:
        descriptor = _open_in(top, home.path, path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open_in(top: int, home: Path, path: str) -> int:
    descriptor = os.open(path, _FLAGS, dir_fd=top)
    # Cheaper than going from folder to folder, which is left for where the names differ.
    if "/" not in path or _is_at(descriptor, f"{home}/{path}"):
        return descriptor
    os.close(descriptor)
    with _folder_of(top, path) as (folder, name):
        return os.open(name, _FLAGS, dir_fd=folder)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}") == path  # noqa: PTH115 - for every file
    except OSError:
        return False


@contextmanager
def _folder_of(top: int, path: str) -> Iterator[tuple[int, str]]:
    """A descriptor of the folder that a path below ``top`` lies in, no link on the way; its name.

    Raises NotADirectoryError when a link is, OSError otherwise.
    """
    *above, name = path.split("/")
    folder = os.dup(top)
    try:
        for part in above:
            below = os.open(part, _FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = below
        yield folder, name
    finally:
        os.close(folder)


def same_stat(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether nothing was written between the two."""
    return (one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino) == (
        other.st_size,
        other.st_mtime_ns,
        other.st_ctime_ns,
        other.st_ino,
    )


def as_entry(path: str, found: os.stat_result, started_ns: int) -> File:
    """A file as it was read from ``started_ns`` on; a too recent one gets no usable ctime."""
    mtime_ns, mode = clamped(found.st_mtime_ns), stat.S_IMODE(found.st_mode) & 0o777
    entry = File(path, found.st_size, mtime_ns, found.st_ctime_ns, found.st_ino, mode)
    return dated(entry, started_ns)


def dated(entry: File, started_ns: int) -> File:
    """The entry of a file that was read from ``started_ns`` on, without a ctime that is too recent.

    Such a one is compared by its bytes at the next scan.
    """
    return entry._replace(ctime_ns=0) if _is_racy(entry.ctime_ns, started_ns) else entry


def hash_file(path: Path) -> str:
    """The SHA-256 of a local file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unchanged_by_hash(home: Path, record: Record) -> File | None:
    """The file of a row as it is now, if it still holds the row's bytes; else None."""
    try:
        entry = examine(home, record.path)
        if not isinstance(entry, File) or record.kind != "file" or entry.size != record.size:
            return None
        outwait(entry.ctime_ns)  # or else a write after the hash might leave no trace
        same = hash_file(home / record.path) == record.sha256
        return entry if same and examine(home, record.path) == entry else None
    except OSError:
        return None


def _is_racy(ctime_ns: int, started_ns: int) -> bool:
    return started_ns - RACY_NS < ctime_ns < started_ns + AHEAD_NS


def outwait(ctime_ns: int) -> None:
    """Wait until a change would be dated later than this one."""
    tick = TICK_NS if ctime_ns % 10**9 else COARSE_TICK_NS
    ahead = ctime_ns - time.time_ns()
    if -tick < ahead < AHEAD_NS:
        time.sleep(min(tick, ahead + tick) / 10**9)


def _read_still(descriptor: int, before: os.stat_result, started_ns: int) -> bytes | None:
    """The whole file, as it was at one instant, or None when it moved."""
    body = _read_all(descriptor, before.st_size + 1)
    if _is_racy(before.st_ctime_ns, started_ns):
        # The times may hide a write between two reads. Bytes that are the same in two passes, one
        # after the other, all were there at once when the first had ended.
        os.lseek(descriptor, 0, os.SEEK_SET)
        if _read_all(descriptor, before.st_size + 1) != body:
            return None
    held = len(body) == before.st_size and same_stat(before, os.fstat(descriptor))
    return body if held else None


def _read_all(descriptor: int, limit: int) -> bytes:
    """All of a file that should have one byte less than ``limit``: one more tells that it grew."""
    pieces: list[bytes] = []
    left = limit
    while left > 1 or not pieces:
        piece = os.read(descriptor, min(left, SMALL_BYTES))
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def hash_descriptor(descriptor: int, size: int) -> Iterator[hashlib._Hash]:
    """Hash ``size`` bytes from the start, yielding the hash so far after every piece."""
    digest = hashlib.sha256()
    offset = 0
    while offset < size:
        piece = os.pread(descriptor, min(CHUNK, size - offset), offset)
        if not piece:
            break
        digest.update(piece)
        offset += len(piece)
        yield digest
