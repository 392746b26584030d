"""A home's folders, held open, so that a link that takes a folder's name meanwhile leads nowhere.

A path is looked up anew at every call that takes one, through whatever its folders are by then.
What is made by a folder's descriptor lies in that folder, wherever a link of its name points.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

MOST = 128
"""So many are held open: restores go through a home folder by folder."""

_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OpenFolder:
    """A folder's descriptor (open(2), O_PATH), closed when nobody has it any more."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        # Not when the cache drops it: another thread may be about to make a file in it.
        os.close(self.descriptor)

    @property
    def path(self) -> Path:
        """A path of the folder itself, for calls that take no descriptor (proc(5))."""
        return Path(f"/proc/self/fd/{self.descriptor}")


class Folders:
    """Of one home; any thread may call."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: dict[str, OpenFolder] = {}
        self._making = threading.Lock()
        self.made: set[str] = set()
        """The folders that were made here, as relative paths without a slash at the end."""

    def open(self, path: str, *, make: bool = True) -> OpenFolder:
        """A folder of this relative path (``""``: the home), made with all above if missing.

        Raises NotADirectoryError when it or one above it is something else, a link included,
        FileNotFoundError when it is not there and not to be made, OSError otherwise.
        """
        folder = self._open.get(path)
        if folder is not None and self._is_there(folder, path):
            return folder
        with self._making:
            return self._reach(path, make=make)

    def above(self, path: str) -> tuple[OpenFolder, str]:
        """The folder that a path lies in, made if missing, and its name there; as ``open``."""
        above, _, name = path.removesuffix("/").rpartition("/")
        return self.open(above), name

    def make(self, path: str) -> bool:
        """Make a folder; whether it was made here, be it a moment ago for a file in it.

        Raises NotADirectoryError when something else has its name, OSError otherwise.
        """
        folder, name = self.above(path)
        with self._making:  # Another thread may have made it, and not said so yet.
            try:
                os.mkdir(name, dir_fd=folder.descriptor)
            except FileExistsError:
                found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode):
                    raise NotADirectoryError(errno.ENOTDIR, "not a folder", path) from None
                return path in self.made
            self.made.add(path)
            return True

    def close(self) -> None:
        """Hold none open."""
        self._open.clear()

    def _is_there(self, folder: OpenFolder, path: str) -> bool:
        """Whether it still has its name: another may be there since, or a link."""
        try:
            where = os.readlink(f"/proc/self/fd/{folder.descriptor}")  # noqa: PTH115 - for every file
        except OSError:
            return False
        return where == (f"{self._home}/{path}" if path else str(self._home))

    def _reach(self, path: str, *, make: bool) -> OpenFolder:
        known = self._open.get(path)
        if known is not None and self._is_there(known, path):
            return known
        if path:
            above, _, name = path.rpartition("/")
            parent = self._reach(above, make=make).descriptor
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
                    self.made.add(path)
            folder = OpenFolder(os.open(name, _FLAGS, dir_fd=parent))
        else:
            folder = OpenFolder(os.open(self._home, _FLAGS & ~os.O_NOFOLLOW))
        if len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        self._open[path] = folder
        return folder
