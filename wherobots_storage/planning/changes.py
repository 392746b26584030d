"""What of a scan differs from the journal: files that all are as they were are passed over.

Nearly every cycle of a home finds nearly everything unchanged. Entries and rows are so compared
many at once, and only what differs is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from wherobots_storage.planning.merge import UnsortedStreamError
from wherobots_storage.planning.tree import Entry, File, Record

Facts = tuple[str, int, int, int, int, int | str]
"""What of a row tells whether its file has changed, in the order of ``File``: the path, size,
mtime_ns, ctime_ns and inode; then a file's mode, or the kind of what is no file."""

Pair = tuple[Entry | None, Record | None]

RowOf = Callable[[str], Record | None]


def changes(
    runs: Iterable[list[Entry]], pages: Iterator[list[Facts]], row_of: RowOf
) -> Iterator[Pair]:
    """Pairs as of ``merge.pair``, without files and links that are as their rows have them.

    ``runs`` are the entries, some at a time, ``pages`` the facts of all rows, ``row_of`` gives a
    whole row, or None when it is gone since. Raises UnsortedStreamError when entries or rows are
    not sorted by path.
    """
    facts = _FactsInOrder(pages)
    last = None
    for run in runs:
        last = _after(last, run[0].path)
        if facts.pass_over(run):
            last = run[-1].path
            continue
        yield from _one_by_one(run, facts, row_of)
        last = run[-1].path
    yield from _gone(facts.up_to(None), row_of)


def _one_by_one(run: list[Entry], facts: _FactsInOrder, row_of: RowOf) -> Iterator[Pair]:
    last = None
    for entry in run:
        path = last = _after(last, entry.path)
        yield from _gone(facts.up_to(path), row_of)
        row = facts.take(path)
        if row is None:
            yield entry, None
        elif not _is_unchanged(entry, row):
            yield entry, row_of(path)


def _gone(paths: Iterable[str], row_of: RowOf) -> Iterator[Pair]:
    for path in paths:
        record = row_of(path)
        if record is not None:
            yield None, record


def _is_unchanged(entry: Entry, row: Facts) -> bool:
    """As ``tree.is_unchanged``, of a file or link; of anything else False: its row must tell."""
    # No other entry is as long; a folder's row has a path that no link has.
    return entry[1:5] == row[1:5] and isinstance(entry, File) == isinstance(row[5], int)


def _after(last: str | None, path: str) -> str:
    """The path. Raises UnsortedStreamError when it does not come after the ``last`` one."""
    if last is not None and path <= last:
        raise UnsortedStreamError(f"{path!r} does not come after {last!r}")
    return path


class _FactsInOrder:
    """The facts of rows, page by page, as far as they are used up."""

    def __init__(self, pages: Iterator[list[Facts]]) -> None:
        self._pages = pages
        self._rows: list[Facts] = []
        self._at = 0
        self._last: str | None = None
        """The path of the latest row that was used up."""

    def pass_over(self, run: list[Entry]) -> bool:
        """Whether the next rows are exactly of these entries, unchanged; they are used up then."""
        self._have(len(run))
        end = self._at + len(run)
        # In one call, for all of them: an entry is a tuple too.
        if self._rows[self._at : end] != run:
            return False
        self._at, self._last = end, run[-1].path
        return True

    def up_to(self, path: str | None) -> Iterator[str]:
        """Use up the rows before a path (None: all), and give the path of each."""
        while (row := self._next()) is not None and (path is None or row[0] < path):
            yield self._use(row)

    def take(self, path: str) -> Facts | None:
        """Use up the next row if it is of this path."""
        row = self._next()
        if row is None or row[0] != path:
            return None
        self._use(row)
        return row

    def _use(self, row: Facts) -> str:
        self._at += 1
        self._last = _after(self._last, row[0])
        return row[0]

    def _next(self) -> Facts | None:
        self._have(1)
        return self._rows[self._at] if self._at < len(self._rows) else None

    def _have(self, number: int) -> None:
        """Have so many rows at hand, or all that are left."""
        if self._at + number <= len(self._rows):
            return
        rows, self._at = self._rows[self._at :], 0
        while len(rows) < number and (page := next(self._pages, None)) is not None:
            rows += page
        self._rows = rows
