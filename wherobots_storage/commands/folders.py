"""A data folder for one demo or one store at a time."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wherobots_storage.errors import AlreadyRunning, DiskFull, LocalIOError

_LOCK = ".lock"
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """A folder that is ours. ``descriptor`` holds the lock; a child that inherits it shares it."""

    folder: Path
    descriptor: int


@contextmanager
def claimed(given: Path | None, default: str) -> Iterator[Claim]:
    """A data folder that no other process uses, made if missing (mode 0700), locked meanwhile.

    ``given`` is taken, or refused with AlreadyRunning when another process has it. Without it,
    ``default``, ``default-2``, ``default-3`` … below the current folder are tried in turn.
    Raises LocalIOError when the folder cannot be made.
    """
    if given is not None:
        candidates: Iterator[Path] = iter([given])
    else:
        names = itertools.chain([default], (f"{default}-{n}" for n in range(2, _TRIES + 1)))
        candidates = (Path(name) for name in names)
    for candidate in candidates:
        folder = candidate.absolute()
        descriptor = _lock(folder)
        if descriptor is None:
            continue
        try:
            yield Claim(folder, descriptor)
        finally:
            os.close(descriptor)
        return
    shown = given if given is not None else Path(default)
    message = (
        f"{shown} is in use by another demo or store. End that one, or give another folder "
        "with --dir."
    )
    raise AlreadyRunning(message, path=str(shown))


def _lock(folder: Path) -> int | None:
    """Lock the folder and return the lock's descriptor, or None when another holds it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise local_error(f"The data folder {folder} cannot be made", error, folder) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def local_error(what: str, error: OSError, path: Path) -> LocalIOError | DiskFull:
    """The error of this package for what the operating system answered."""
    kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else LocalIOError
    return kind(f"{what}: {error.strerror or error}.", path=str(path))
