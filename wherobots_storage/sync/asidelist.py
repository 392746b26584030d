"""What a row of passes has saved beside, or found to be in the mirror: on disk, however much it is.

For one thread.
"""

from __future__ import annotations

from wherobots_storage.planning.tree import File, Symlink, kind_of
from wherobots_storage.sync.database import Scratch


class AsideList(Scratch):
    """Per path: what was seen to, as it was then, and the copy that was made of it."""

    def __init__(self) -> None:
        super().__init__()
        self._db.execute(
            "CREATE TABLE seen (path TEXT PRIMARY KEY, facts TEXT, aside INTEGER, pass INTEGER)"
            " WITHOUT ROWID"
        )
        self._db.execute(
            "CREATE TABLE copies (path TEXT PRIMARY KEY, name TEXT, etag TEXT) WITHOUT ROWID"
        )
        self._db.execute("BEGIN")
        self._pass = 0

    @property
    def differs(self) -> bool:
        """Whether something that the latest pass met is in the mirror under another name only."""
        query = "SELECT 1 FROM seen WHERE aside AND pass = ? LIMIT 1"
        return self._db.execute(query, (self._pass,)).fetchone() is not None

    def begin(self) -> None:
        """Another pass begins."""
        self._pass += 1

    def knows(self, entry: File | Symlink) -> bool:
        """Whether an entry that a pass meets was seen to, and has not changed since."""
        query = "SELECT facts FROM seen WHERE path = ?"
        row = self._db.execute(query, (entry.path,)).fetchone()
        if row is None:
            return False
        self._db.execute("UPDATE seen SET pass = ? WHERE path = ?", (self._pass, entry.path))
        return bool(row[0] == _facts(entry))

    def note(self, entry: File | Symlink, *, aside: bool) -> None:
        """It is seen to: saved beside its name, or in the mirror under it (or gone)."""
        row = (entry.path, _facts(entry), aside, self._pass)
        self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", row)

    def replace(self, path: str, name: str, etag: str) -> tuple[str, str] | None:
        """Note the copy that was made of a path; name and ETag of the former one, if any."""
        query = "SELECT name, etag FROM copies WHERE path = ?"
        former: tuple[str, str] | None = self._db.execute(query, (path,)).fetchone()
        self._db.execute("INSERT OR REPLACE INTO copies VALUES (?, ?, ?)", (path, name, etag))
        return former


def _facts(entry: File | Symlink) -> str:
    return " ".join(map(str, (kind_of(entry), *entry[1:])))
