"""What somebody has agreed to delete: exactly the versions that were shown, and no others.

A veto's held deletions are named by a digest. Who agrees names it, and gets what that stands for:
when other paths are gone by then, or others versions of them, the veto asks anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.errors import DeletionsChanged, InvalidInput
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.database import ScratchDatabase

Agree = Callable[[HeldDeletions], bool]
"""Asked whether exactly these deletions may be carried out."""


def nobody(_held: HeldDeletions) -> bool:
    """Agree to nothing."""
    return False


def check_held(held: HeldDeletions | None, named: str | None) -> None:
    """Look whether a consent names what is held now.

    Raises InvalidInput when it names nothing, DeletionsChanged when it names something else.
    """
    if not named:
        message = "A consent to deletions has to name them, by the held.id of the status. "
        message += "A page that does not was loaded before an update: reload it."
        raise InvalidInput(message)
    if held is None:
        message = "No deletions are held any more: look again."
        raise DeletionsChanged(message)
    if held.id != named:
        message = "Other deletions are held now than those that were agreed to: nothing of it is "
        message += "deleted. Look again, and answer anew."
        raise DeletionsChanged(message)


class Consent:
    """For one thread. What was agreed to is remembered, on disk, until it is forgotten.

    So what could not be deleted at once is tried again without another question.
    """

    def __init__(self, agree: Agree = nobody) -> None:
        self.agree = agree
        self._db: ScratchDatabase | None = None

    def covers(self, record: Record) -> bool:
        """Whether the deletion of this version was agreed to."""
        if self._db is None:
            return False
        query = "SELECT 1 FROM agreed WHERE path = ? AND etag = ?"
        return self._db.execute(query, (record.path, record.etag)).fetchone() is not None

    def remember(self, records: Iterable[Record]) -> None:
        """These were agreed to, beside those before."""
        if self._db is None:
            self._db = ScratchDatabase()
            self._db.execute("CREATE TABLE agreed (path TEXT PRIMARY KEY, etag TEXT) WITHOUT ROWID")
            self._db.execute("BEGIN")
        rows = ((record.path, record.etag) for record in records)
        self._db.executemany("INSERT OR REPLACE INTO agreed VALUES (?, ?)", rows)

    def forget(self) -> None:
        """Nothing is agreed to any more."""
        if self._db is not None:
            self._db.close()
            self._db = None
