"""What a run wrote and deleted in the mirror, named in the audit log."""

from __future__ import annotations

from wherobots_storage.audit import tell

MAX_NAMED = 100
"""How many paths a line names: a line for each of a first sync's files would drown the others."""


class Written:
    """Names every path, in lines of up to ``MAX_NAMED``; ``close`` writes what is left to name."""

    def __init__(self, mirror: str, customer: str) -> None:
        """``mirror`` is the prefix that the paths are below."""
        self._mirror = mirror
        self._customer = customer
        self._wrote: list[str] = []
        self._deleted: list[str] = []

    def wrote(self, path: str) -> None:
        """A path is in the bucket now."""
        self._wrote.append(path)
        self._full()

    def deleted(self, path: str) -> None:
        """A path is deleted in the bucket."""
        self._deleted.append(path)
        self._full()

    def close(self) -> None:
        """Write the line of what has none yet."""
        if not self._wrote and not self._deleted:
            return
        facts: dict[str, object] = {
            "mirror": self._mirror,
            "user": self._customer,
            "customer": self._customer,
        }
        facts |= {"files": len(self._wrote), "paths": self._wrote}
        facts |= {"deleted": len(self._deleted), "deletedPaths": self._deleted}
        tell("mirror-written", facts)
        self._wrote, self._deleted = [], []

    def _full(self) -> None:
        if len(self._wrote) + len(self._deleted) >= MAX_NAMED:
            self.close()
