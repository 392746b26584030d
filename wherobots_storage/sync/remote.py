"""A complete listing of the mirror, kept on disk and sorted here.

Not every server lists in the order of the keys' bytes (SeaweedFS lists folder by folder), and a
plan made of an unsorted stream could take what is there for deleted. So a listing is gathered in a
private SQLite database, which also bounds the memory and answers "is anything below this name?".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from wherobots_storage.objectstore.store import ListPage, ObjectInfo, ObjectStore
from wherobots_storage.planning.restore import is_reserved
from wherobots_storage.planning.tree import Remote
from wherobots_storage.sync.database import Scratch

_ROW = """
SELECT path, size, etag, modified, EXISTS (
    SELECT 1 FROM listing AS below
    WHERE below.path >= listing.path || '/' AND below.path < listing.path || '0'
) FROM listing
"""


class RemoteListing(Scratch):
    """The objects under one prefix, by their path relative to it."""

    def __init__(self) -> None:
        super().__init__()
        self._db.execute(
            "CREATE TABLE listing (path TEXT PRIMARY KEY, size INTEGER, etag TEXT, modified REAL)"
            " WITHOUT ROWID"
        )
        self.files = 0
        self.bytes = 0

    def fill(
        self,
        store: ObjectStore,
        prefix: str,
        *,
        reserved: tuple[str, ...] = (),
        on_page: Callable[[], None] = lambda: None,
    ) -> None:
        """List everything under ``prefix``, less the reserved folders.

        ``on_page`` is called after every page, and may raise to give up. Raises what the store
        raises: an incomplete listing is never left to be used.
        """
        cursor: str | None = None
        while True:
            page = store.list_page(prefix, cursor=cursor)
            self.add_page(page, prefix, reserved=reserved)
            on_page()
            cursor = page.cursor
            if cursor is None:
                return

    def add_page(
        self, page: ListPage, prefix: str, *, reserved: tuple[str, ...] = ()
    ) -> list[Remote]:
        """One page of a listing of ``prefix``, less the reserved folders; what was added, sorted.

        Whether these are ``shadowed`` is not known yet.
        """
        found = [
            Remote(info.key[len(prefix) :], info.size, info.etag, info.last_modified)
            for info in page.entries
            if isinstance(info, ObjectInfo) and info.key != prefix
        ]
        found = sorted(remote for remote in found if not is_reserved(remote.path, reserved))
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT OR REPLACE INTO listing VALUES (?, ?, ?, ?)", (row[:4] for row in found)
        )
        self._db.execute("COMMIT")
        self.files += len(found)
        self.bytes += sum(remote.size for remote in found)
        return found

    def add(self, path: str, info: ObjectInfo) -> None:
        """One object that was looked up by itself."""
        row = (path, info.size, info.etag, info.last_modified)
        self._db.execute("INSERT OR REPLACE INTO listing VALUES (?, ?, ?, ?)", row)
        self.files += 1
        self.bytes += info.size

    def __iter__(self) -> Iterator[Remote]:
        """Every object, sorted by path."""
        for row in self._db.execute(_ROW + "ORDER BY path"):
            yield _remote(row)

    def get(self, path: str) -> Remote | None:
        """One object."""
        row = self._db.execute(_ROW + "WHERE path = ?", (path,)).fetchone()
        return _remote(row) if row is not None else None

    def has_below(self, folder: str) -> bool:
        """Whether an object lies at or below a folder, given with its slash."""
        query = "SELECT 1 FROM listing WHERE path >= ? AND path < ? LIMIT 1"
        return self._db.execute(query, (folder, folder[:-1] + "0")).fetchone() is not None


def _remote(row: tuple[str, int, str, float, int]) -> Remote:
    return Remote(row[0], row[1], row[2], row[3], bool(row[4]))
