"""The deletions that a veto holds back, kept in the journal until somebody answers.

A veto measures a loss against what is saved at that moment; by the next cycle the files that hide
it (encrypted ones, say) are saved too, and the same loss looks small. So what was held once stays
held, over a restart too, and so does whatever else is gone while it stands: until the deletions are
accepted, the files are back, or the journal knows nothing of them any more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import msgspec

from wherobots_storage.planning.safety import Veto
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.worklist import Deletions

_META = "veto"

PAGE = 1000
"""So many rows are read, or written, at once: what is written is kept in memory until then."""


class Standing:
    """Of one journal. A kill in between leaves too much held, never too little."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    @property
    def veto(self) -> Veto | None:
        """The veto that stands, as it was given; None when nothing is held."""
        if not self._journal.ask("SELECT 1 FROM held LIMIT 1"):
            return None
        text = self._journal.meta(_META)
        assert text is not None  # noqa: S101  # written before the first row
        return msgspec.json.decode(text, type=Veto)

    def hold(self, veto: Veto, deletions: Deletions) -> None:
        """Keep all of them to which nobody has agreed."""
        if self.veto is None:
            self._journal.set_meta(_META, msgspec.json.encode(veto).decode())
        added = self._run(
            "INSERT OR REPLACE INTO held VALUES (?, ?)",
            (
                (record.path, record.etag)
                for record in deletions.held()
                if not self._holds(record.path, record.etag)
            ),
        )
        if added:
            self._journal.secure()  # A power cut must not take it: the loss looks small by then.

    def accept(self, deletions: Deletions) -> None:
        """Somebody agrees to them."""
        self._drop(record.path for record in deletions.held())

    def review(self, home: Home, deletions: Deletions) -> None:
        """Let go what is back in the home, or of another version, or forgotten.

        ``deletions`` are a whole scan's. What is in neither stays held: it could not be looked at.
        """
        self._drop(
            path for path, etag in self._rows() if self._is_over(home, deletions, path, etag)
        )

    def _is_over(self, home: Home, deletions: Deletions, path: str, etag: str) -> bool:
        if deletions.asks(path, etag):
            return False
        record = self._journal.get(path)
        return record is None or record.etag != etag or os.path.lexists(home.path / path)

    def _holds(self, path: str, etag: str) -> bool:
        query = "SELECT 1 FROM held WHERE path = ? AND etag = ?"
        return bool(self._journal.ask(query, (path, etag)))

    def _rows(self) -> Iterator[tuple[str, str]]:
        last = ""
        query = "SELECT path, etag FROM held WHERE path > ? ORDER BY path LIMIT ?"
        while rows := self._journal.ask(query, (last, PAGE)):
            yield from ((str(path), str(etag)) for path, etag in rows)
            last = str(rows[-1][0])

    def _drop(self, paths: Iterable[str]) -> None:
        self._run("DELETE FROM held WHERE path = ?", ((path,) for path in paths))

    def _run(self, statement: str, rows: Iterable[tuple[str, ...]]) -> int:
        number = 0
        for number, row in enumerate(rows, start=1):
            self._journal.run(statement, row)
            if number % PAGE == 0:
                self._journal.commit()
        self._journal.commit()
        return number
