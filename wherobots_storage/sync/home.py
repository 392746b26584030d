"""The home directory: where it really is, what in it is never mirrored, and its default modes."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jupyter_core.paths import jupyter_runtime_dir

from wherobots_storage.errors import HomeMissing, InvalidConfiguration, LocalIOError
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.planning.ignore import IGNORE_FILE, IgnoreRules
from wherobots_storage.settings import OPEN_UPLOADS, Settings

IGNORE_FILE_LIMIT = 1024**2

_AS_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

_STATE_FOLDER = re.compile(r"customer-[A-Za-z0-9._-]{1,64}-[0-9a-f]{16}")
"""See ``StateFolder.for_settings``; also those of other roots and homes, whose agents may run."""


@dataclass(frozen=True, slots=True)
class Home:
    """A home directory that exists.

    ``path`` has its links resolved; ``reserved`` are folders relative to it, each with a slash
    at the end, that are neither read nor written; ``umask`` is this process's; ``opened`` is the
    directory's identity then.
    """

    path: Path
    reserved: tuple[str, ...]
    ignores: tuple[str, ...]
    umask: int
    opened: str = ""

    @classmethod
    def open(cls, settings: Settings, *, state: Path | None = None, create: bool = False) -> Self:
        """The home of these settings; ``state`` is the state folder in use.

        Raises HomeMissing when it is a file, or not there (and ``create`` is False),
        InvalidConfiguration for ``/`` and where names of files are not read as UTF-8, LocalIOError
        when it cannot be made.
        """
        if sys.getfilesystemencoding() != "utf-8":
            # A name would become another key, and the right one would be taken for deleted.
            message = (
                "Python reads the names of files in another encoding than UTF-8 here. Set"
                " PYTHONUTF8=1, or a locale such as C.UTF-8."
            )
            raise InvalidConfiguration(message)
        path = _resolve(settings.home)
        if _look(path) is False:
            message = f"The home {path} is not a directory. Set WHEROBOTS_STORAGE_HOME to one."
            raise HomeMissing(message, path=str(path))
        if create:
            try:
                path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                message = f"The home directory {path} cannot be made: {error.strerror}."
                raise LocalIOError(message, path=str(path)) from error
        if not _look(path):
            message = f"The home directory {path} does not exist. Create it, or run a restore."
            raise HomeMissing(message, path=str(path))
        reserved = [f"{RESERVED_NAME}/"]
        for folder in (*_own_folders(settings.state_dir), state):
            inside = _inside(path, folder)
            if inside is not None:
                reserved.append(inside)
        runtime = _inside(path, Path(jupyter_runtime_dir()))
        ignores = settings.ignores if runtime is None else (*settings.ignores, f"/{runtime}")
        try:
            opened = _identity(path)
        except OSError as error:
            raise unreadable(path, error) from error
        return cls(path, tuple(dict.fromkeys(reserved)), ignores, current_umask(), opened)

    @property
    def folder_mode(self) -> int:
        """The mode of a folder that nobody gave another."""
        return 0o777 & ~self.umask

    @property
    def work(self) -> Path:
        """The folder in the home for restores under way and for the trash."""
        return self.path / RESERVED_NAME

    def identity(self) -> str:
        """The device and inode of the directory, as text: a new instance has others."""
        return _identity(self.path)

    def check(self) -> None:
        """Raises HomeMissing when another directory, or none, is where this one was opened.

        What was not found in between may have been missing in a bare mount point, and says nothing.
        """
        try:
            found = self.identity()
        except OSError as error:
            raise unreadable(self.path, error) from error
        if found != self.opened:
            raise self.swapped()

    @contextmanager
    def held(self) -> Iterator[int]:
        """A descriptor of this very directory (``O_PATH``), to open what is in it.

        Raises HomeMissing when another one, or none, is where it was opened: a bare mount point may
        hold older versions. Raises OSError when there are no descriptors left.
        """
        try:
            descriptor = os.open(self.path, _AS_FOLDER)
        except OSError:
            self.check()
            raise
        try:
            if _told(os.fstat(descriptor)) != self.opened:
                raise self.swapped()
            yield descriptor
        finally:
            os.close(descriptor)

    def swapped(self) -> HomeMissing:
        """The error of a home that is another directory than it was."""
        message = (
            f"The home {self.path} is another directory than at the start: it may be "
            "unmounted. Nothing is saved or deleted until it is back."
        )
        return HomeMissing(message, path=str(self.path))

    def rules(self, known: str | None = None) -> IgnoreRules:
        """The configured rules and then the user's own.

        Where the user's cannot be read, the ``known`` ones hold, all lines of the time before, or
        with None the configured ones; ``trouble`` says why then.
        """
        try:
            return IgnoreRules([*self.ignores, *self._own_rules()])
        except OSError as error:
            lines = self.ignores if known is None else known.split("\n")
            return IgnoreRules(lines, trouble=error.strerror or str(error))

    def rules_stamp(self) -> tuple[int, ...]:
        """What changes with the user's rules, be it for a moment: their file's inode, or the top's.

        Where there is no file, one that came and went has changed the folder.
        """
        for path in (self.path / IGNORE_FILE, self.path):
            with suppress(OSError):
                found = path.stat()
                return found.st_ino, found.st_ctime_ns, found.st_size
        return ()

    def _own_rules(self) -> list[str]:
        path = self.path / IGNORE_FILE
        if not os.path.lexists(path):
            return []
        # Without waiting: a pipe in its place would keep everything waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is no file", str(path))
            return file.read(IGNORE_FILE_LIMIT).decode("utf-8", "replace").splitlines()


def real_path(home: Path) -> Path:
    """Where a home really is. Raises HomeMissing when its links lead to themselves."""
    try:
        return home.expanduser().resolve()
    except OSError as error:
        raise unreadable(home, error) from error
    except RuntimeError as error:  # pathlib's own for such links, and for a user without a home
        message = f"The home directory {home} cannot be found: {error}."
        raise HomeMissing(message, path=str(home)) from error


def _look(path: Path) -> bool | None:
    """Whether a directory is there, None when nothing is.

    Raises HomeMissing when the disk does not say: EACCES, ESTALE of a network's, ENOTCONN of a
    dead FUSE process, EIO.
    """
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from error


def _resolve(home: Path) -> Path:
    path = real_path(home)
    if path == Path("/"):
        message = "The home cannot be '/': a whole machine is not a home (WHEROBOTS_STORAGE_HOME)."
        raise InvalidConfiguration(message, path="/")
    return path


def _identity(path: Path) -> str:
    return _told(path.stat())


def _told(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}"


def unreadable(path: Path, error: OSError) -> HomeMissing:
    """The error of a home whose disk answers so: one that is gone, or refuses, has lost nothing."""
    message = f"The home directory {path} cannot be read: {error.strerror}."
    return HomeMissing(message, path=str(path))


def _inside(home: Path, folder: Path | None) -> str | None:
    if folder is None:
        return None
    real = folder.expanduser().resolve()
    if real == home or not real.is_relative_to(home):
        return None
    return f"{real.relative_to(home)}/"


def _own_folders(state_dir: Path) -> list[Path]:
    """The folders in the one for states that are ours: a user may have named one of his own."""
    folder = state_dir.expanduser()
    names = {OPEN_UPLOADS}
    with suppress(OSError):  # not made yet
        names |= {one.name for one in folder.iterdir() if _STATE_FOLDER.fullmatch(one.name)}
    return [folder / name for name in sorted(names)]


def current_umask() -> int:
    """This process's umask, in octal as the kernel tells it (proc(5), Linux 4.7)."""
    # Not os.umask(): reading with it sets it for a moment, in every thread.
    try:
        match = re.search(
            r"^Umask:\s*([0-7]+)", Path("/proc/self/status").read_text(), re.MULTILINE
        )
    except OSError:
        match = None
    if match is not None:
        return int(match[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
