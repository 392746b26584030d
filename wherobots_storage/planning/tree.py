"""What a home, its journal and its mirror hold, as plain values in one order.

Every ``path`` here is the key relative to the mirror: segments joined by ``/``, without a slash in
front, and with one at the end for a folder. All streams are sorted by it, by code point, which is
the order of the keys' UTF-8 bytes and so of an S3 listing: ``a.txt`` comes before ``a/``.

"Could not be read" and "is ignored" are kinds of entry, so that no planner can take them for
"was deleted". Tuples, not dataclasses: a scan makes a hundred thousand of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["file", "symlink", "folder"]

OTHER_FILESYSTEM = "other-filesystem"
"""The code of what is mounted in the home: another day it is not, and has deleted nothing then."""

HIDDEN = "name-hidden"
"""The code of what the store keeps and does not list: only a request for its key finds it."""


class File(NamedTuple):
    """A regular file; times in nanoseconds since the epoch, ``mode`` masked with 0777."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int


class Symlink(NamedTuple):
    """A symbolic link itself, never what it points to; ``size`` is its target's length."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int = 0o777


class Directory(NamedTuple):
    """A folder, before its contents; the home itself has the path ``""``.

    ``empty``: nothing in it is mirrored. ``complete`` is False when an entry in it could not be
    examined, so that nothing below may be taken for deleted.
    """

    path: str
    mode: int
    empty: bool
    complete: bool = True


class Problematic(NamedTuple):
    """Something that cannot be mirrored, and why; a folder (slash at the end) with all below."""

    path: str
    code: str
    reason: str
    size: int | None = None


class Ignored(NamedTuple):
    """Something the user's rules leave out: a file, or a folder with all below."""

    path: str
    files: int
    bytes: int


Entry = File | Symlink | Directory | Problematic | Ignored
Mirrored = File | Symlink | Directory


class Record(NamedTuple):
    """A journal's row: what local path and remote object were when they last were the same.

    The fields from ``size`` to ``inode`` stand in the order of ``File``'s. ``time`` is when the
    row was written, in seconds since the epoch. ``ctime_ns`` 0 means: compare the bytes again.
    """

    path: str
    kind: Kind
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    sha256: str
    etag: str
    time: float


class Remote(NamedTuple):
    """An object of the mirror, as listed. ``shadowed``: other keys lie below ``path + "/"``."""

    path: str
    size: int
    etag: str
    last_modified: float
    shadowed: bool = False


class Notice(NamedTuple):
    """A path that is not in sync: a stable code, and the reason in plain words.

    ``copy``: the path that a conflict's other version is kept at, when it is.
    """

    path: str
    code: str
    reason: str
    size: int | None = None
    copy: str | None = None


_KINDS: dict[type[object], Kind] = {File: "file", Symlink: "symlink", Directory: "folder"}


def kind_of(entry: Mirrored) -> Kind:
    """The journal's word for the entry's kind."""
    return _KINDS[type(entry)]


def is_unchanged(entry: Mirrored, record: Record) -> bool:
    """Whether the entry still is what the journal says, by its stat alone."""
    if isinstance(entry, Directory):
        return record.kind == "folder" and record.mode == entry.mode
    return entry[1:5] == record[2:6] and record.kind == _KINDS[type(entry)]


def ancestors(path: str) -> list[str]:
    """The paths, without slash, of all folders that ``path`` lies in, the outermost first."""
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
