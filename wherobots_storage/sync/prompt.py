"""Uploads that begin while the home is still scanned: the store takes files as others are found.

Only what nothing else of the plan can touch: small files whose row says that the bucket has an
older version. What is new may be what was deleted elsewhere under another name, or wait for a
deletion; what is deleted is known at the end. Vetoes hold back no upload in any case.
"""

from __future__ import annotations

from typing import Protocol

from wherobots_storage.planning.backup import Upload
from wherobots_storage.planning.tree import File
from wherobots_storage.sync.pending import Pending
from wherobots_storage.sync.worklist import SMALL_BYTES

MOST_FILES = 500
MOST_BYTES = 32 * 1024**2
"""What begins so in one cycle. All the rest goes the most recent first, which only the whole plan
can tell."""


class Begins(Protocol):
    """Begins uploads."""

    def begin(self, entry: File) -> None:
        """Begin one, which another call sees to its end."""


class Prompt:
    """One cycle's."""

    def __init__(self, uploader: Begins, pending: Pending) -> None:
        self._uploader = uploader
        self._pending = pending
        self._files = 0
        self._bytes = 0

    def takes(self, upload: Upload) -> bool:
        """Whether this one has begun. Raises as ``Uploader.upload``."""
        entry, known = upload.entry, upload.known
        if not isinstance(entry, File) or known is None or known.kind != "file" or upload.waits:
            return False
        if self._files >= MOST_FILES or self._bytes + entry.size > MOST_BYTES:
            return False
        if entry.size > SMALL_BYTES:
            return False
        self._files += 1
        self._bytes += entry.size
        self._pending.added(1, entry.size)
        self._uploader.begin(entry)
        return True


def never(_upload: Upload) -> bool:
    """Where all wait for the end of the plan."""
    return False
