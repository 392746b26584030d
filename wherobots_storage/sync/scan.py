"""Walking a home: one pass, in the order of the mirror's keys, never following a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from wherobots_storage.errors import HomeMissing
from wherobots_storage.namespace.hidden import is_hidden
from wherobots_storage.namespace.paths import MAX_KEY_BYTES
from wherobots_storage.planning.format import clamped
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.tree import (
    HIDDEN,
    OTHER_FILESYSTEM,
    Directory,
    Entry,
    File,
    Ignored,
    Problematic,
    Symlink,
    ancestors,
)
from wherobots_storage.sync.children import Children, directory_of
from wherobots_storage.sync.foldersize import count
from wherobots_storage.sync.mounts import mounts_below
from wherobots_storage.sync.plain import Sieve

_SPECIAL = {
    stat.S_IFSOCK: ("socket", "It is a socket."),
    stat.S_IFIFO: ("fifo", "It is a named pipe."),
    stat.S_IFBLK: ("device", "It is a device."),
    stat.S_IFCHR: ("device", "It is a device."),
}
HIDDEN_REASON = "The store keeps folders of this name for itself and never lists what is in them."
_GONE = {errno.ENOENT, errno.ENOTDIR}


def _nothing(_path: str) -> None:
    """No rules suspect anything."""


class Scanner:
    """Scans one home again and again.

    ``prefix_bytes`` is the length of the mirror's prefix, which every key begins with.
    ``unfaithful`` are characters that the store does not keep in a key as they are, ``hidden`` the
    names of folders that it does not list. With ``rules`` None nothing is ignored: a restore looks
    at everything.
    """

    def __init__(
        self,
        home: Path,
        *,
        reserved: tuple[str, ...] = (),
        rules: IgnoreRules | None = None,
        prefix_bytes: int = 0,
        unfaithful: frozenset[str] = frozenset(),
        hidden: frozenset[str] = frozenset(),
    ) -> None:
        self._home = home
        self._reserved = frozenset(reserved)
        self._rules = rules
        self._room = MAX_KEY_BYTES - prefix_bytes
        self._unfaithful = unfaithful
        self._sieve = Sieve(self._room, unfaithful)
        self._hidden = hidden
        self._counted: dict[str, tuple[int, Ignored]] = {}
        self._mounts: frozenset[str] = frozenset()
        """Where something is mounted, when the latest scan began; see ``mounts``."""
        self._top = (0, 0)
        """Device and inode of the home, when the latest scan began."""

    def scan(self, rules: IgnoreRules | None = None) -> Iterator[Entry]:
        """Every entry below the home, sorted by path; ``rules`` replaces the constructor's.

        The first entry is the home itself. Raises HomeMissing when it cannot be read.
        """
        return chain.from_iterable(self.runs(rules))

    def runs(self, rules: IgnoreRules | None = None) -> Iterator[list[Entry]]:
        """The same entries, up to ``children.RUN`` at once; none of these lists is empty."""
        if rules is not None:
            self._rules = rules
        try:
            found = self._begin()
            first = self._read("", found.st_dev)
        except OSError as error:
            raise self._missing(error) from error
        yield [directory_of("", stat.S_IMODE(found.st_mode), first)]
        yield from self._walk(first, found.st_dev)

    def scan_folder(
        self, path: str, rules: IgnoreRules, *, deep: bool = False, again: bool = False
    ) -> Iterator[Entry]:
        """One folder (``""``: the home) and its entries, or with ``deep`` everything below it.

        Subfolders are entries that were not looked into, unless ``deep``. Nothing is yielded for
        what is no folder of this home to be mirrored: gone, ignored, behind a link, or mounted.
        ``again``: right after another one, whose look at the mounts will do. Raises HomeMissing.
        """
        self._rules = rules
        try:
            top = self._home.stat() if again else self._begin()
        except OSError as error:
            raise self._missing(error) from error
        mode = self._reach(path, top)
        if mode is None:
            return
        below = self._open(Directory(path, mode, empty=False), top.st_dev)
        if isinstance(below, Children):
            yield directory_of(path, mode, below)
            found = self._walk(below, top.st_dev) if deep else [below.entries]
            yield from chain.from_iterable(found)
        elif below is not None:
            yield below

    def _begin(self) -> os.stat_result:
        found = self._home.stat()
        self._top = (found.st_dev, found.st_ino)
        self._mounts = mounts_below(self._home)
        return found

    def _missing(self, error: OSError) -> HomeMissing:
        message = f"The home directory {self._home} cannot be read: {error.strerror}."
        return HomeMissing(message, path=str(self._home))

    def _reach(self, path: str, top: os.stat_result) -> int | None:
        """The mode of a folder when a scan would come to it, else None."""
        found = top
        for name in [*ancestors(path), path[:-1]] if path else []:
            folder = f"{name}/"
            try:
                found = os.lstat(self._home / name)
            except OSError:
                return None
            if not stat.S_ISDIR(found.st_mode) or folder in self._reserved:
                return None
            if self._rules is not None and self._rules.ignores(folder):
                return None
            if self._problem(folder, name.rpartition("/")[2], found, top.st_dev) is not None:
                return None
        return stat.S_IMODE(found.st_mode)

    def _walk(self, first: Children, device: int) -> Iterator[list[Entry]]:
        # An own stack: a chain of generators would pay for the depth at every entry.
        stack = [first.runs()]
        while stack:
            for run in stack[-1]:
                if not isinstance(run, Directory):
                    yield run
                    continue
                below = self._open(run, device)
                if isinstance(below, Children):
                    yield [directory_of(run.path, run.mode, below)]
                    stack.append(below.runs())
                    break
                if below is not None:
                    yield [below]
            else:
                stack.pop()

    def _open(self, folder: Directory, device: int) -> Children | Problematic | None:
        try:
            return self._read(folder.path, device)
        except OSError as error:
            if error.errno in _GONE and self._is_gone(folder.path):
                return None
            reason = f"The folder cannot be read: {error.strerror}."
            return Problematic(folder.path, "unreadable", reason)

    def _is_gone(self, folder: str) -> bool:
        """Whether a folder that was listed a moment ago is not there, while the home is.

        Raises HomeMissing when the home went away: then nothing is known about the folder.
        """
        try:
            top = self._home.stat()
        except OSError as error:
            raise self._missing(error) from error
        if (top.st_dev, top.st_ino) != self._top:
            message = f"The home directory {self._home} went away while it was looked at."
            raise HomeMissing(message, path=str(self._home))
        try:
            return not stat.S_ISDIR(os.lstat(f"{self._home}/{folder[:-1]}").st_mode)
        except OSError as error:
            return error.errno in _GONE

    def _read(self, folder: str, device: int) -> Children:
        children = Children()
        entries, special = children.entries, self._special_names(folder)
        suspect = self._rules.suspect if self._rules is not None else _nothing
        # By its descriptor: what is in it is then looked up in it, not from the root each time.
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = os.open(f"{self._home}/{folder}", flags)
        try:
            with os.scandir(descriptor) as found:
                for child in self._sieve.sift(
                    folder, found, entries, suspect=suspect, special=special
                ):
                    entry = self._examine(folder, child, device, children)
                    if entry is not None:
                        entries.append(entry)
        finally:
            os.close(descriptor)
        children.sort()
        return children

    def _special_names(self, folder: str) -> set[str]:
        """What in a folder is reserved or mounted, or leads to what is."""
        places = chain(self._reserved, self._mounts)
        below = len(folder)
        return {place[below:].partition("/")[0] for place in places if place.startswith(folder)}

    def _examine(
        self, folder: str, child: os.DirEntry[str], device: int, children: Children
    ) -> Entry | None:
        path = folder + child.name
        is_folder = child.is_dir(follow_symlinks=False)
        if is_folder:
            path += "/"
        if path in self._reserved or f"{path}/" in self._reserved:
            children.ours = True
            return None
        if self._rules is not None and self._rules.ignores(path):
            return self._ignored(path, child, is_folder=is_folder)
        try:
            found = child.stat(follow_symlinks=False)
        except OSError as error:
            if error.errno in _GONE:
                return None
            children.complete = False
            return Problematic(path, "unreadable", f"It cannot be examined: {error.strerror}.")
        problem = self._problem(path, child.name, found, device)
        return problem if problem is not None else _entry(path, found)

    def _problem(
        self, path: str, name: str, found: os.stat_result, device: int
    ) -> Problematic | None:
        code = reason = ""
        # A file's device tells nothing: on an overlay it may be that of a layer.
        other = found.st_dev != device and stat.S_ISDIR(found.st_mode)
        if other or path.removesuffix("/") in self._mounts:
            code, reason = OTHER_FILESYSTEM, "It lies on another file system, mounted here."
        elif stat.S_IFMT(found.st_mode) in _SPECIAL:
            code, reason = _SPECIAL[stat.S_IFMT(found.st_mode)]
        elif self._unfaithful and not self._unfaithful.isdisjoint(name):
            odd = min(self._unfaithful.intersection(name))
            code = "name-rewritten"
            reason = f"The store does not keep the character {odd!r} of its name as it is."
        elif path.endswith("/") and is_hidden(self._hidden, name):
            code, reason = HIDDEN, HIDDEN_REASON
        elif not path.isascii() or len(path) > self._room:
            code, reason = self._key_problem(path)
        return Problematic(path, code, reason, found.st_size) if code else None

    def _key_problem(self, path: str) -> tuple[str, str]:
        try:
            size = len(path.encode("utf-8"))
        except UnicodeEncodeError:
            return "not-utf8", "Its name is not valid UTF-8."
        if size > self._room:
            return "key-too-long", "Its path is longer than a key of the store may be."
        return "", ""

    def _ignored(self, path: str, child: os.DirEntry[str], *, is_folder: bool) -> Ignored:
        try:
            found = child.stat(follow_symlinks=False)
        except OSError:
            return Ignored(path, 0, 0)
        if not is_folder:
            return Ignored(path, 1, found.st_size)
        # What is ignored is often large, so it is counted once, and again when its top changes.
        known = self._counted.get(path)
        if known is None or known[0] != found.st_mtime_ns:
            known = (found.st_mtime_ns, Ignored(path, *count(self._home / path)))
            self._counted[path] = known
        return known[1]


def _entry(path: str, found: os.stat_result) -> Entry:
    if path.endswith("/"):
        return Directory(path, stat.S_IMODE(found.st_mode) & 0o777, empty=False)
    return _file_or_link(path, found)


def _file_or_link(path: str, found: os.stat_result) -> File | Symlink:
    file = file_of(path, found)
    return Symlink(*file) if stat.S_ISLNK(found.st_mode) else file


def file_of(path: str, found: os.stat_result) -> File:
    """A file as stat(2) gave it."""
    return File(
        path,
        found.st_size,
        clamped(found.st_mtime_ns),
        found.st_ctime_ns,
        found.st_ino,
        stat.S_IMODE(found.st_mode) & 0o777,
    )


def examine(home: Path, path: str) -> File | Symlink | Directory | None:
    """What is at one path now, or None when nothing is, or nothing that is mirrored.

    Raises OSError when it cannot be told.
    """
    try:
        found = os.lstat(f"{home}/{path.removesuffix('/')}")
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise
    if stat.S_ISDIR(found.st_mode):
        mode = stat.S_IMODE(found.st_mode) & 0o777
        return Directory(path.removesuffix("/") + "/", mode, empty=False)
    if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
        return _file_or_link(path.removesuffix("/"), found)
    return None
