"""What may become of a home's and a mirror's bytes, told by values alone: nothing of the engine.

The world tells the oracle who acted (the user, another writer, the engine) and what home and
mirror hold afterwards. It knows what each of them may do, and what has to be somewhere still.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

Value = tuple[str, bytes]
"""A kind (``file``, ``link`` or ``folder``) and its bytes: a link's are its target."""

Tree = Mapping[str, Value]
"""Paths relative to the home or the mirror, folders with a slash at the end."""

Held = tuple[str, Value]

_MARK = re.compile(r" \((?:conflict|unsettled) \d{4}-\d\d-\d\d \d{6}(?: \d+)?\)")
_UNSETTLED = re.compile(r" \(unsettled \d{4}-")


def names_of(path: str) -> set[str]:
    """The path itself, and those whose versions may be kept under this name."""
    found, todo = {path}, [path]
    while todo:
        folder, slash, name = todo.pop().rpartition("/")
        for mark in _MARK.finditer(name):
            base = f"{folder}{slash}{name[: mark.start()]}{name[mark.end() :]}"
            if base not in found:
                found.add(base)
                todo.append(base)
    return found


def held_in(tree: Tree) -> set[Held]:
    """Every value of a tree under each name that it may be kept for."""
    return {(name, value) for path, value in tree.items() for name in names_of(path)}


def require(fact: object, message: str) -> None:
    """Raises AssertionError with the message when the fact is none."""
    if not fact:
        raise AssertionError(message)


class Oracle:
    """Of one world, which begins with an empty home and an empty mirror."""

    def __init__(self) -> None:
        self.home: Tree = {}
        self.mirror: Tree = {}
        self.theirs: set[Held] = set()
        """Written by others, and neither theirs nor the user's wish to lose since."""
        self.reported: set[Held] = set()
        """Said to be in the mirror, and neither others nor the user took it away since."""
        self.outdated: set[Held] = set()
        """Others replaced or deleted the object that held it: a restore may take the file."""
        self.removed: set[Held] = set()
        """The user took it out of the home: the engine may delete its object."""
        self.due: set[str] = set()
        """The user deleted these, and the engine knew them: they have to go from the mirror."""
        self.doubtful: set[str] = set()
        """Others changed the key since home and mirror last held the same."""
        self.agreed: dict[str, Value] = {}
        """What home and mirror last held both."""
        self._known: set[Held] = set()
        """What a clean cycle found saved, so that the journal has it."""
        self._witnessed: set[Held] = set()
        self._home_seen: set[Held] = set()
        self._mirror_seen: set[Held] = set()

    def by_user(self, home: Tree) -> None:
        """The user changed the home."""
        for held in _lost(self.home, home):
            path, value = held
            if held in self._known and self.mirror.get(path) == value:
                self.due.add(path)
            self.removed.add(held)
            self._release(held, theirs=held in self._witnessed)
        self.due -= set(home)
        self.home = dict(home)
        self._home_seen |= set(home.items())

    def by_other(self, mirror: Tree) -> None:
        """Another writer changed the mirror."""
        for held in _lost(self.mirror, mirror):
            self.outdated.add(held)
            self._release(held, theirs=True)
            self._touched(held[0])
        for held in _lost(mirror, self.mirror):
            # Bytes that the user removed here, written there again, are the same version to S3.
            if held not in self.removed:
                self.theirs.add(held)
            self._touched(held[0])
        self.mirror = dict(mirror)
        self._mirror_seen |= held_in(mirror)

    def begin(self) -> None:
        """A run of the engine begins."""
        self._home_seen = set(self.home.items())
        self._mirror_seen = held_in(self.mirror)

    def by_engine(
        self, home: Tree, mirror: Tree, trash: Collection[Held], *, restoring: bool
    ) -> None:
        """The engine did something. Raises AssertionError when it may not."""
        if restoring:
            self._check_restored(home, trash)
            require(mirror == self.mirror, "a restore changed the mirror")
        else:
            require(home == self.home, f"a sync changed the home: {_changes(self.home, home)}")
            self._check_synced(mirror)
        holds = held_in(mirror)
        for held in self.theirs:
            require(held in holds, f"another writer's version is lost: {held}")
        for held in self.reported:
            require(held in holds, f"what was reported as saved is lost: {held}")
        self.home, self.mirror = dict(home), dict(mirror)
        self._witnessed |= set(home.items())
        self._mirror_seen |= holds
        self._home_seen |= set(home.items())
        for path in home.keys() & mirror.keys():
            if home[path] == mirror[path]:
                self.agreed[path] = home[path]
                self.doubtful.discard(path)
                self.outdated.discard((path, home[path]))

    def clean(self, excused: Collection[str], *, reconciled: bool) -> None:
        """A whole cycle said that all is saved but what is ``excused``.

        ``reconciled``: it compared the journal with the mirror first.
        """
        for path, value in self.home.items():
            there = self.mirror.get(path)
            if there == value:
                self.reported.add((path, value))
                # Another's marker of a folder that has something in it stays another's.
                if self._wants_object(path, value):
                    self._known.add((path, value))
            if path in excused or not self._wants_object(path, value):
                continue
            if path not in self.doubtful or self.agreed.get(path) != value:
                require(there == value, f"{path!r} is not saved as it is: {value} is {there}")
            elif reconciled:
                require(there is not None, f"{path!r} vanished there and was not saved again")
        for path in self.due - set(excused):
            require(path not in self.mirror, f"{path!r} was deleted here and is still there")
        self.due &= set(excused)

    def lose_home(self) -> None:
        """The machine and all in the home are gone: what was not reported may be lost."""
        self.home = {}
        self.lose_journal()

    def lose_journal(self) -> None:
        """The engine cannot know any more what the user deleted."""
        self._known.clear()
        self.due.clear()

    def _wants_object(self, path: str, value: Value) -> bool:
        # Of folders, those with nothing in them.
        if value[0] != "folder":
            return True
        return not any(other != path and other.startswith(path) for other in self.home)

    def _release(self, held: Held, *, theirs: bool) -> None:
        for name in names_of(held[0]):
            self.reported.discard((name, held[1]))
            if theirs:
                self.theirs.discard((name, held[1]))

    def _touched(self, path: str) -> None:
        self.doubtful.add(path)
        self.due.discard(path)

    def _check_restored(self, home: Tree, trash: Collection[Held]) -> None:
        for held in _lost(self.home, home):
            path, value = held
            require(value[0] != "folder", f"a restore removed the folder {path!r}")
            require(held in self.outdated, f"{held} was lost to a restore")
            if path not in home:
                require(held in trash, f"{held} is neither here nor in the trash")
        for held in _lost(home, self.home):
            path, value = held
            if value[0] == "folder":
                known = any(name.startswith(path) for name, _ in self._mirror_seen)
                require(known, f"a restore made the folder {path!r}")
                continue
            require(held in self._origins(path), f"a restore made {held} of nothing")
            self.removed.discard(held)
            self.due.discard(path)
            if held in self._mirror_seen:
                self.agreed[path] = value
            if self.mirror.get(path) == value:
                self.reported.add(held)

    def _origins(self, path: str) -> set[Held]:
        return {(path, value) for name in names_of(path) for value in self._seen_at(name)}

    def _seen_at(self, name: str) -> Iterator[Value]:
        return (value for path, value in self._mirror_seen if path == name)

    def _check_synced(self, mirror: Tree) -> None:
        for held in _lost(self.mirror, mirror):
            path = held[0]
            if path not in mirror and not _UNSETTLED.search(path):
                require(held in self.removed, f"{held} was deleted, which the user did not do")
        for held in _lost(mirror, self.mirror):
            path, value = held
            ours = any((name, value) in self._home_seen for name in names_of(path))
            kept = any((name, value) in self._mirror_seen for name in names_of(path) - {path})
            require(ours or kept, f"{held} was written, which nobody has")


def _lost(before: Tree, after: Tree) -> list[Held]:
    return [held for held in before.items() if after.get(held[0]) != held[1]]


def _changes(before: Tree, after: Tree) -> str:
    return f"{_lost(before, after)} became {_lost(after, before)}"
