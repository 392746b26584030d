"""Whose turn it is in a restore: in the order of the paths, or before it when that is urgent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from wherobots_storage.planning.restore import Step
from wherobots_storage.planning.tree import Remote
from wherobots_storage.sync.worklist import SMALL_BYTES

Turn = tuple[Step, Remote]
"""A step and the object that it is about."""


class Turns:
    """Of one restore. ``sooner`` gives what is to be taken before its turn."""

    def __init__(self, sooner: Callable[[], Sequence[Turn]]) -> None:
        self._sooner = sooner
        self._soon: list[Turn] = []
        self._early: set[str] = set()
        """Paths that were taken before their turn."""
        self._reached = {False: "", True: ""}
        """The last path whose turn came, of the small objects and of the large ones."""
        self.flying: set[str] = set()
        """Paths whose objects are under way."""

    def of(self, steps: Iterable[Turn]) -> Iterator[Turn]:
        """The steps in the order in which they are to be taken, each once."""
        for step, remote in steps:
            self.give_way()
            if self._soon:
                yield from self.urgent()
            self._reached[remote.size > SMALL_BYTES] = remote.path
            if remote.path not in self._early:
                yield step, remote

    def give_way(self) -> None:
        """Let what is more urgent be done; steps that it asks for are kept for ``urgent``."""
        soon = self._sooner()
        if soon:
            self._soon += soon

    def urgent(self) -> Iterator[Turn]:
        """As ``give_way``, and then the steps that are to be taken now."""
        self.give_way()
        while self._soon:
            step, remote = self._soon.pop(0)
            if not self.is_begun(remote):
                self._early.add(remote.path)
                yield step, remote

    def is_begun(self, remote: Remote) -> bool:
        """Whether the turn of an object has come, if it has one."""
        if remote.path in self._early:
            return True
        return remote.path <= self._reached[remote.size > SMALL_BYTES]
