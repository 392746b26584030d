"""The files of a scan with nothing special about them, as nearly all are, told from the rest."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

from wherobots_storage.planning.format import EARLIEST_NS, LATEST_NS
from wherobots_storage.planning.tree import Entry, File

_TYPE, _REGULAR = 0o170000, stat.S_IFREG

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

_make_file = partial(tuple.__new__, File)
"""Makes a file of its facts; a call of ``File`` itself takes three times as long."""


class Sieve:
    """Lets plain files through, without a call for each question: a scan is made of these.

    ``room`` is the most characters of a path, ``unfaithful`` are not plain in a name.
    """

    def __init__(self, room: int, unfaithful: frozenset[str]) -> None:
        self._room = room
        plain = "".join(char for char in _PRINTABLE if char not in unfaithful)
        self._odd = re.compile(f"[^{re.escape(plain)}]")

    def sift(
        self,
        folder: str,
        found: Iterable[os.DirEntry[str]],
        entries: list[Entry],
        *,
        suspect: Callable[[str], object],
        special: Collection[str],
    ) -> Iterator[os.DirEntry[str]]:
        """Add the plain files in a folder to ``entries``, and give all else.

        What ``suspect`` finds anything in, given the path, and the names in ``special`` are not
        plain.
        """
        if not folder.isascii():
            yield from found
            return
        is_odd, room = self._odd.search, self._room
        for child in found:
            name = child.name
            path = folder + name
            if is_odd(name) or len(path) > room or suspect(path) or name in special:
                yield child
                continue
            try:
                stats = child.stat(follow_symlinks=False)
            except OSError:
                yield child
                continue
            mode, mtime_ns = stats.st_mode, stats.st_mtime_ns
            if mode & _TYPE == _REGULAR and EARLIEST_NS <= mtime_ns <= LATEST_NS:
                facts = (path, stats.st_size, mtime_ns, stats.st_ctime_ns, stats.st_ino)
                entries.append(_make_file((*facts, mode & 0o777)))
            else:
                yield child
