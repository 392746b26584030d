"""Programs that never stop writing, each with a judge of what may be seen of its file.

What a reader may see is the file as it was at one instant; anything else is torn.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from pathlib import Path

from support.turmoil import Worker

PAGE = 4096
Pages = tuple[int, ...]


class Writer(Worker):
    """Writes one file, a step at a time."""

    def __init__(self, file: Path, *, pause: float) -> None:
        super().__init__(pause)
        self.file = file
        self.begin()

    def begin(self) -> None:
        """Make the file. Later steps change it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(b"")

    def is_whole(self, body: bytes) -> bool:
        """Whether the file ever was this, at an instant. Asked once the thread has ended."""
        raise NotImplementedError

    def age(self, body: bytes) -> int:
        """A number that never falls from one state of the file to the next."""
        raise NotImplementedError


class Log(Writer):
    """Appends lines."""

    def step(self) -> None:
        """One line."""
        with self.file.open("ab") as file:
            file.write(os.urandom(20).hex().encode() + b"\n")

    def is_whole(self, body: bytes) -> bool:
        """Whether it is what the log began with."""
        return self.file.read_bytes().startswith(body)

    def age(self, body: bytes) -> int:
        """How long it is."""
        return len(body)


class Replaced(Writer):
    """Puts a new file in the place of the former: what editors do."""

    _count = 0

    def _body(self, count: int) -> bytes:
        return f"{count:08d}\n".encode() * (1 + count % 4000)

    def step(self) -> None:
        """One version."""
        self._count += 1
        draft = self.file.with_name(f".~{self.file.name}")
        draft.write_bytes(self._body(self._count))
        draft.replace(self.file)

    def is_whole(self, body: bytes) -> bool:
        """Whether it is one of the versions."""
        return body in {b"", self._body(self.age(body))}

    def age(self, body: bytes) -> int:
        """Which version it is."""
        return int(body[:8] or b"0")


class Rewritten(Writer):
    """Writes a file anew from its start to its end, in place, again and again."""

    UNIT = 64

    def __init__(self, file: Path, *, pause: float, size: int, piece: int) -> None:
        self._size = size
        self._piece = piece
        self._offset = 0
        self._count = 1
        super().__init__(file, pause=pause)

    def _units(self, count: int, size: int) -> bytes:
        return f"{count:0{self.UNIT}d}".encode() * (size // self.UNIT)

    def begin(self) -> None:
        """All of it is of the first pass."""
        super().begin()
        self.file.write_bytes(self._units(1, self._size))

    def step(self) -> None:
        """One piece more."""
        if self._offset == 0:
            self._count += 1
        with self.file.open("r+b") as file:
            file.seek(self._offset)
            file.write(self._units(self._count, self._piece))
        self._offset = (self._offset + self._piece) % self._size

    def is_whole(self, body: bytes) -> bool:
        """Whether it begins with one pass and ends with that or the one before."""
        if len(body) != self._size:
            return False
        first, last = self.age(body), int(body[-self.UNIT :])
        step = body.find(self._units(last, self.UNIT)) if last != first else len(body)
        newer, older = self._units(first, step), self._units(last, len(body) - step)
        return last in {first, first - 1} and body == newer + older

    def age(self, body: bytes) -> int:
        """Which pass it begins with."""
        return int(body[: self.UNIT] or b"0")


class Loaded(Writer):
    """An SQLite database with transactions all the time; ``mode`` is its journal's."""

    def __init__(self, file: Path, *, pause: float, mode: str) -> None:
        self._mode = mode
        self._states: list[Pages] = []
        super().__init__(file, pause=pause)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, isolation_level=None)
        db.execute(f"PRAGMA journal_mode = {self._mode}")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA wal_autocheckpoint = 20")
        return db

    def begin(self) -> None:
        """A table of some thirty pages."""
        super().begin()
        db = self._open()
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        for _ in range(30):
            db.execute("INSERT INTO t (text) VALUES (?)", (os.urandom(1800).hex(),))
        db.close()
        self._note()

    def step(self) -> None:
        """One transaction, and a picture of the file after it."""
        if not hasattr(self, "_db"):
            self._db = self._open()
        self._db.execute("BEGIN")
        for _ in range(5):
            self._db.execute(
                "UPDATE t SET text = ? WHERE id = ?",
                (os.urandom(1800).hex(), 1 + os.urandom(1)[0] % 30),
            )
        self._db.execute("COMMIT")
        self._note()

    def finish(self) -> None:
        """Close the database on the thread that opened it."""
        if hasattr(self, "_db"):
            self._db.close()
            self._note()

    def _note(self) -> None:
        pages = _pages(self.file.read_bytes())
        if not self._states or self._states[-1] != pages:
            self._states.append(pages)

    def is_whole(self, body: bytes) -> bool:
        """Whether each page is as after some transaction, or as after the next."""
        seen = _pages(body)
        following = [*self._states[1:], self._states[-1]]
        return any(
            all(page in pair for page, *pair in zip(seen, one, two, strict=True))
            for one, two in zip(self._states, following, strict=True)
            if len(one) == len(two) == len(seen)
        )

    def is_between(self, body: bytes) -> bool:
        """Whether no transaction was under way."""
        return _pages(body) in self._states

    def age(self, body: bytes) -> int:
        """The file change counter (sqlite.org, "Database File Format", 1.3.6)."""
        return int.from_bytes(body[24:28], "big")


def _pages(body: bytes) -> Pages:
    return tuple(zlib.crc32(body[at : at + PAGE]) for at in range(0, len(body), PAGE))
