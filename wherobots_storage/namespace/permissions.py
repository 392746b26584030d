"""The permission table: the one place that says what may be done where.

The handlers, the panel (through the listing's flags and ``GET config``) and the policies of
vended credentials all take their answer from ``AREAS``:

    display path                rule
    /                           read-only, synthesised
    /data/                      read-only, synthesised
    /data/customer-XXXX/        private to the customer, writable
    /data/shared/               the organisation's, writable
    /notebooks/                 read-only, synthesised
    /notebooks/customer-XXXX/   private to the customer, writable; the home is mirrored here
    /notebooks/shared/          the organisation's, writable
    /spark-logs/                writable, with a caution
"""

from __future__ import annotations

from dataclasses import dataclass

from wherobots_storage.errors import OutsideArea, ReadOnlyFolder
from wherobots_storage.namespace.paths import StoragePath

CUSTOMER = "{customer}"
"""Stands for the customer's folder name in the table."""

SPARK_CAUTION = (
    "Spark writes its event logs here and the history server reads them. "
    "Change or delete files only when you know that no job needs them."
)

SHARED_CAUTION = (
    "Everybody in your organisation reads and writes here. An upload replaces a file of the same "
    "name without asking, whoever put it there."
)
"""For uploads past the panel, which asks before it replaces something."""

RESERVED_NAME = ".wherobots"
"""The sync agent's own folder, at the top of home and mirror: never mirrored, never shown."""


@dataclass(frozen=True, slots=True)
class Area:
    """One writable subtree: its segments below the root, and the caution before writing."""

    segments: tuple[str, ...]
    caution: str | None = None

    @property
    def upload_caution(self) -> str | None:
        """What to think of before uploading by other means than the panel."""
        if self.caution is not None:
            return self.caution
        return None if CUSTOMER in self.segments else SHARED_CAUTION

    def path(self, customer: str) -> StoragePath:
        """The area's top folder for one customer."""
        return StoragePath(
            tuple(customer if part == CUSTOMER else part for part in self.segments), True
        )


AREAS: tuple[Area, ...] = (
    Area(("data", CUSTOMER)),
    Area(("data", "shared")),
    Area(("notebooks", CUSTOMER)),
    Area(("notebooks", "shared")),
    Area(("spark-logs",), caution=SPARK_CAUTION),
)
"""Every subtree that can be written in. What is above them is synthesised and read-only."""


@dataclass(frozen=True, slots=True)
class Access:
    """What may be done at one place.

    ``protected``: it cannot itself be deleted, renamed or moved. ``upload``: files can be put
    into it (a folder) or over it (a file). ``mutate``: folders can be made, and entries deleted,
    in it. ``reason`` says in a sentence why something is refused, ``caution`` what to think of
    before writing. ``synthesised``: shown from the table, never listed from the store.
    """

    protected: bool
    upload: bool
    mutate: bool
    synthesised: bool = False
    reason: str | None = None
    caution: str | None = None


def _as_rewritten(path: StoragePath) -> list[str]:
    """The segments as a store reads them that takes keys for paths of files.

    SeaweedFS drops empty ones and takes a backslash for a slash (measured with 4.48).
    """
    found: list[str] = []
    for segment in path.display.replace("\\", "/").split("/"):
        if segment == "..":
            found = found[:-1]
        elif segment not in {"", "."}:
            found.append(segment)
    return found


class PermissionTable:
    """``AREAS`` for one customer."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.areas: tuple[tuple[StoragePath, Area], ...] = tuple(
            (area.path(customer), area) for area in AREAS
        )

    @property
    def mirror(self) -> StoragePath:
        """The folder that the customer's home is mirrored to."""
        return StoragePath(("notebooks", self.customer), True)

    def is_reserved(self, path: StoragePath) -> bool:
        """Whether ``path`` is, or lies in, the sync agent's own folder in the mirror.

        Also by a name that a store makes into it.
        """
        return _as_rewritten(path)[:3] == [*self.mirror.segments, RESERVED_NAME]

    def access(self, path: StoragePath) -> Access:
        """What may be done at ``path``.

        Raises OutsideArea when it lies in nobody's area, another's, or the sync agent's own.
        """
        if self.is_reserved(path):
            message = f"{path.display} belongs to the home's synchronisation; it cannot be opened."
            raise OutsideArea(message, path=path.display)
        for top, area in self.areas:
            depth = len(top.segments)
            if path.segments[:depth] != top.segments:
                continue
            if len(path.segments) > depth:
                return Access(protected=False, upload=True, mutate=True, caution=area.caution)
            if path.is_folder:
                reason = f"{top.display} is a fixed folder: it cannot be deleted, renamed or moved."
                return Access(True, upload=True, mutate=True, reason=reason, caution=area.caution)
        if self._is_above(path):
            return Access(
                protected=True,
                upload=False,
                mutate=False,
                synthesised=True,
                reason=self._read_only_reason(path),
            )
        message = (
            f"{path.display} is outside your folders. You can reach "
            + ", ".join(top.display for top, _ in self.areas)
            + "."
        )
        raise OutsideArea(message, path=path.display)

    def children(self, path: StoragePath) -> tuple[StoragePath, ...]:
        """The folders directly inside a synthesised folder, sorted; empty for every other path."""
        depth = len(path.segments)
        found = {
            top.segments[: depth + 1]
            for top, _ in self.areas
            if len(top.segments) > depth and top.segments[:depth] == path.segments
        }
        return tuple(StoragePath(segments, True) for segments in sorted(found))

    def require_upload(self, path: StoragePath) -> Access:
        """Check that an object may be put at ``path``. Raises ReadOnlyFolder, OutsideArea."""
        return self._require_change(path, "Files cannot be uploaded here")

    def require_create(self, path: StoragePath) -> Access:
        """Check that a folder may be made at ``path``. Raises ReadOnlyFolder, OutsideArea."""
        return self._require_change(path, "Folders cannot be made here")

    def require_delete(self, path: StoragePath) -> Access:
        """Check that ``path`` may be deleted. Raises ReadOnlyFolder, OutsideArea."""
        return self._require_change(path, "This cannot be deleted")

    def _require_change(self, path: StoragePath, what: str) -> Access:
        try:
            access = self.access(path)
        except OutsideArea:
            # A name directly inside a read-only folder, '/data/new.csv' say, is refused for the
            # folder's reason; one in somebody else's folder for being outside.
            if len(path.parent.segments) < len(path.segments) and self._is_above(path.parent):
                reason = self._read_only_reason(path.parent)
                raise ReadOnlyFolder(f"{what}: {reason}", path=path.display) from None
            raise
        if access.protected:
            raise ReadOnlyFolder(f"{what}: {access.reason}", path=path.display)
        return access

    def _is_above(self, path: StoragePath) -> bool:
        return path.is_folder and bool(self.children(path))

    def _read_only_reason(self, path: StoragePath) -> str:
        depth = len(path.segments)
        inside = ", ".join(
            top.display for top, _ in self.areas if top.segments[:depth] == path.segments
        )
        return f"{path.display} is read-only. You can write inside {inside}."
