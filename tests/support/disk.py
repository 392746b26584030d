"""The disk under a home and its journal: crashes, power cuts, and a mount that goes away."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal, get_args

Loss = Literal["", "empty", "short", "zeros", "older", "gone"]
"""What a power cut leaves of a file: all of it, or nothing of its bytes, some, others, no name."""

LOSSES: tuple[Loss, ...] = get_args(Loss)


class Disk:
    """Of the home and the state folder that lie below ``folder``."""

    def __init__(self, folder: Path, home: Path, state: Path) -> None:
        self._folder = folder
        self._home = home
        self._state = state
        self.bare = folder / "bare"
        """The mount point of the home, while that is there."""
        self.boot = folder / "boot_id"
        """What tells one boot of the machine from the next."""
        self._boots = 0
        self.reboot()

    def reboot(self) -> None:
        """It is another boot from now on."""
        self._boots += 1
        self.boot.write_text(f"boot-{self._boots}\n")

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
        self._copy_journal(frozen)
        tmp = self._home / ".wherobots" / "tmp"
        if tmp.is_dir():
            shutil.copytree(tmp, frozen / "tmp", symlinks=True)

    def thaw(self) -> None:
        """Have the disk be as it was kept."""
        frozen = self._folder / "frozen"
        self._take_journal(frozen)
        tmp = self._home / ".wherobots" / "tmp"
        if (frozen / "tmp").is_dir():
            shutil.rmtree(tmp, ignore_errors=True)
            tmp.parent.mkdir(exist_ok=True)
            (frozen / "tmp").rename(tmp)
        shutil.rmtree(frozen)

    def flush(self) -> None:
        """The journal, closed as it is, has reached the disk: SQLite waits for that then."""
        flushed = self._folder / "flushed"
        shutil.rmtree(flushed, ignore_errors=True)
        self._copy_journal(flushed)

    def roll_back(self) -> None:
        """The journal is what last reached the disk: with NORMAL no commit waits for it."""
        self._take_journal(self._folder / "flushed")
        self.flush()

    def lose(self, path: str, loss: Loss) -> None:
        """What a power cut leaves of a file or link of the home, which nobody wrote since.

        Its inode is no younger then than the row that knows this version, which here is made
        younger instead: no program can give an inode a time.
        """
        file = self._home / path
        if loss == "gone":
            file.unlink()
        if loss in {"", "gone"} or file.is_symlink() or not file.stat().st_size:
            return
        body, before = file.read_bytes(), file.stat()
        left = {"empty": b"", "short": body[: len(body) // 2], "zeros": bytes(len(body))}
        mtime_ns = before.st_mtime_ns
        if loss == "older":
            # As long as the other: its bytes alone tell, where the times are too far for a step.
            left[loss], mtime_ns = body[::-1], max(mtime_ns - 10**9, min(mtime_ns, 0))
        file.write_bytes(left[loss])
        os.utime(file, ns=(before.st_atime_ns, mtime_ns))
        self._date_row(path, hashlib.sha256(body).hexdigest())

    def _date_row(self, path: str, sha256: str) -> None:
        journal = self._state / "journal.sqlite"
        if not journal.exists():
            return
        ctime_ns = (self._home / path).stat().st_ctime_ns
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(journal)) as db:
            for change, value in (
                ("ctime_ns = ? WHERE ctime_ns != 0", ctime_ns),
                ("time = ? WHERE ctime_ns = 0", time.time()),
            ):
                known = "path = ? AND sha256 = ?"
                db.execute(f"UPDATE entries SET {change} AND {known}", (value, path, sha256))  # noqa: S608
            db.commit()

    def _copy_journal(self, folder: Path) -> None:
        folder.mkdir()
        for file in self._state.glob("journal.sqlite*"):
            if not file.name.endswith("-shm"):
                shutil.copy2(file, folder / file.name)

    def _take_journal(self, folder: Path) -> None:
        for file in self._state.glob("journal.sqlite*"):
            file.unlink()
        for file in folder.glob("journal.sqlite*"):
            file.rename(self._state / file.name)
