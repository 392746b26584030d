"""Real file systems of a few megabytes, and filling them up."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory (tmpfs) at a folder, with mount options; only root may."""
    with _mounted(folder, "-t", "tmpfs", "-o", options, "tmpfs"):
        yield folder


@contextmanager
def bound(source: Path, folder: Path) -> Iterator[Path]:
    """A folder, or a file, of the same disk mounted at another place; only root may."""
    with _mounted(folder, "--bind", str(source)):
        yield folder


@contextmanager
def overlaid(lower: Path, upper: Path, folder: Path) -> Iterator[Path]:
    """An overlay of two folders, of two disks perhaps, as a container has; only root may."""
    for name in ("upper", "work"):
        (upper / name).mkdir()
    options = f"lowerdir={lower},upperdir={upper}/upper,workdir={upper}/work,xino=off"
    with _mounted(folder, "-t", "overlay", "-o", options, "overlay"):
        yield folder


@contextmanager
def _mounted(folder: Path, *command: str) -> Iterator[None]:
    if not folder.exists():
        folder.mkdir()
    made = subprocess.run(["mount", *command, folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root may mount a file system")
    try:
        yield
    finally:
        # Lazily: a process that still has a file open there must not keep it for ever.
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """Fill a file system up but for ``leave`` bytes; the file that does it."""
    ballast = folder / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while True:
            os.write(descriptor, b"\0" * 4096)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        if leave:
            os.ftruncate(descriptor, max(0, os.fstat(descriptor).st_size - leave))
    finally:
        os.close(descriptor)
    return ballast
