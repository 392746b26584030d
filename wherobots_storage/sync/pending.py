"""What of a cycle's work is left, told as it shrinks."""

from __future__ import annotations

from collections.abc import Callable

from wherobots_storage.api.models import Counts, Progress

OnProgress = Callable[[Progress], None]
OnPending = Callable[[Counts], None]


class Pending:
    """One cycle's."""

    def __init__(self, on_progress: OnProgress, on_pending: OnPending) -> None:
        self.files = self._all_files = 0
        self.bytes = self._all_bytes = 0
        self._on_progress = on_progress
        self._on_pending = on_pending

    def added(self, files: int, size: int) -> None:
        """So much comes to it."""
        self.files += files
        self.bytes += size
        self._all_files += files
        self._all_bytes += size

    def moved(self, files: int, size: int) -> None:
        """So much more is done."""
        self.files = max(0, self.files - files)
        self.bytes = max(0, self.bytes - size)
        self.tell()

    def tell(self) -> None:
        """Tell what is left, and how far it is."""
        if not self._all_files:
            return
        self._on_pending(Counts(files=self.files, bytes=self.bytes))
        self._on_progress(
            Progress(
                phase="uploading",
                files=self._all_files - self.files,
                bytes=self._all_bytes - self.bytes,
                total_files=self._all_files,
                total_bytes=self._all_bytes,
            )
        )
