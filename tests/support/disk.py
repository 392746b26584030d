"""The disk under a home and its journal, in a crash and in a mount that goes away."""

from __future__ import annotations

import shutil
from pathlib import Path


class Disk:
    """Of the home and the state folder that lie below ``folder``."""

    def __init__(self, folder: Path, home: Path, state: Path) -> None:
        self._folder = folder
        self._home = home
        self._state = state
        self.bare = folder / "bare"
        """The mount point of the home, while that is there."""

    def unmount(self) -> None:
        """The home goes away in the middle of a run, until that ends.

        What is written in its place then lies there again the next time that it goes away.
        """
        self._home.rename(self._folder / "unmounted")
        if self.bare.exists():
            self.bare.rename(self._home)
        else:
            self._home.mkdir()

    def mount(self) -> None:
        """It is back, if it was away."""
        if (self._folder / "unmounted").exists():
            self._home.rename(self.bare)
            (self._folder / "unmounted").rename(self._home)

    def freeze(self) -> None:
        """Keep the disk as it is at the kill, whatever handlers do while they unwind."""
        frozen = self._folder / "frozen"
        frozen.mkdir()
        for file in self._state.glob("journal.sqlite*"):
            if not file.name.endswith("-shm"):
                shutil.copy2(file, frozen / file.name)
        tmp = self._home / ".wherobots" / "tmp"
        if tmp.is_dir():
            shutil.copytree(tmp, frozen / "tmp", symlinks=True)

    def thaw(self) -> None:
        """Have the disk be as it was kept."""
        frozen = self._folder / "frozen"
        for file in self._state.glob("journal.sqlite*"):
            file.unlink()
        for file in frozen.glob("journal.sqlite*"):
            file.rename(self._state / file.name)
        tmp = self._home / ".wherobots" / "tmp"
        if (frozen / "tmp").is_dir():
            shutil.rmtree(tmp, ignore_errors=True)
            tmp.parent.mkdir(exist_ok=True)
            (frozen / "tmp").rename(tmp)
        shutil.rmtree(frozen)
