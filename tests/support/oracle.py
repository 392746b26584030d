"""What may become of a home's and a mirror's bytes, told by values alone: nothing of the engine.

The world tells the oracle who acted (the user, another writer, the engine) and what home and
mirror hold afterwards. It knows what each of them may do, and what has to be somewhere still.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Literal

Value = tuple[str, bytes]
"""A kind (``file``, ``link`` or ``folder``) and its bytes: a link's are its target."""

Tree = Mapping[str, Value]
"""Paths relative to the home or the mirror, folders with a slash at the end."""

Held = tuple[str, Value]

Run = Literal["sync", "hinted", "restore", "beside"]
"""What the engine does: a whole cycle or some, a look at a few folders, a restore, or a final sync
while another instance has the lease."""

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
        self.again: set[str] = set()
        """Others wrote the home's own bytes there, as another version than was there before."""
        self.broken: set[Held] = set()
        """What a power cut left of files: the engine may move it to the trash."""
        self.agreed: dict[str, Value] = {}
        """What home and mirror last held both."""
        self._beside: set[Held] = set()
        """The home's versions that final syncs without the lease saved at names of their own."""
        self._known: set[Held] = set()
        """What a clean cycle found saved, so that the journal has it."""
        self.held: set[str] = set()
        """Their deletion waits for somebody's consent, however long and whatever else happens."""
        self._arriving: set[str] = set()
        """Folders of restores that did not come to their end: nothing is deleted of them."""
        self._witnessed: set[Held] = set()
        self._home_seen: set[Held] = set()
        self._mirror_seen: set[Held] = set()
        self._ever: set[str] = set()
        """What the journal may have rows of."""
        self._began: tuple[Tree, Tree] = ({}, {})
        self._gone: set[Held] = set()
        """What the present run took away."""
        self._meanwhile: set[Held] = set()
        """What the user took out of the home since the present run began."""
        self._written: set[str] = set()
        """Where it saved the home's versions beside their names; it may take them back."""
        self._apart = False
        """Whether the present run is about another directory than the home."""

    def by_user(self, home: Tree) -> None:
        """The user changed the home."""
        for held in _lost(self.home, home):
            path, value = held
            known = held in self._known and self.mirror.get(path) == value
            if known and path not in self.again:  # Another's version stays, whatever is in it.
                self.due.add(path)
            self.removed.add(held)
            self._meanwhile.add(held)
            self._release(held, theirs=held in self._witnessed)
        self.due -= set(home)
        self.held -= set(home)
        self.broken = {held for held in self.broken if home.get(held[0]) == held[1]}
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
        self._ever |= set(mirror)
        self._mirror_seen |= held_in(mirror)

    def power_cut(self, home: Tree, *, everything: bool) -> None:
        """The machine's disk did not get all of the home; with ``everything`` nor of the journal.

        Nobody did that: what others wrote and what was reported stays so. A deletion of the last
        minutes may come back, and what the engine knew is to be found out again.
        """
        broken = {(path, home[path]) for path, _ in _lost(self.home, home) if path in home}
        self.broken = {held for held in self.broken if home.get(held[0]) == held[1]} | broken
        self.doubtful |= {path for path, _ in _lost(self.home, home)}
        if everything:
            self.doubtful |= set(home) | set(self.mirror)
        self._known.clear()
        self.due.clear()
        self.home = dict(home)

    def begin(self) -> None:
        """A run of the engine begins."""
        self._home_seen = set(self.home.items())
        self._mirror_seen = held_in(self.mirror)
        self._began = (self.home, self.mirror)
        self._gone.clear()
        self._meanwhile.clear()
        self._written.clear()
        self._apart = False

    def by_engine(self, home: Tree, mirror: Tree, trash: Collection[Held], run: Run) -> None:
        """The engine did something. Raises AssertionError when it may not."""
        if run == "restore":
            self.held -= set(home)
            self._arriving |= {path for path in home if path not in self.home}
            self._check_restored(home, trash)
            require(mirror == self.mirror, "a restore changed the mirror")
        else:
            self._check_unchanged(home, trash)
            if run == "beside":
                self._check_beside(mirror)
            self._check_synced(mirror)
        holds = held_in(mirror)
        for held in self.theirs:
            require(held in holds, f"another writer's version is lost: {held}")
        for held in self.reported:
            require(held in holds, f"what was reported as saved is lost: {held}")
        before, after = (self.home, home) if run == "restore" else (self.mirror, mirror)
        self._gone |= {
            (path, value)
            for path, value in _lost(before, after)
            if path not in after and not self._is_own(path) and (path, value) not in self.broken
        }
        self._ever |= set(mirror)
        self.again -= {path for path, _ in (*_lost(mirror, self.mirror), *_lost(home, self.home))}
        if self._apart:
            for path, _ in (*_lost(self.mirror, mirror), *_lost(mirror, self.mirror)):
                self._touched(path)
        self.broken = {held for held in self.broken if home.get(held[0]) == held[1]}
        self.home, self.mirror = dict(home), dict(mirror)
        self._witnessed |= set(home.items())
        self._mirror_seen |= holds
        self._home_seen |= set(home.items())
        for path in home.keys() & mirror.keys():
            if home[path] == mirror[path]:
                self.agreed[path] = home[path]
                self.doubtful.discard(path)
                self.outdated.discard((path, home[path]))

    def arrived(self, run: Run) -> None:
        """The run came to its end, and did not break off."""
        if run == "restore":
            self._arriving.clear()

    def end(self, run: Run, small: int) -> None:
        """The run has ended, in which nobody else acted and nobody was asked about deletions.

        Raises AssertionError when it took so much away that it had to ask: all, or of more than
        ``small`` saved files more than half. What is only elsewhere now is not counted.
        """
        home, mirror = self._began
        if run == "restore":
            gone, emptied = self._gone, not mirror
        else:
            gone = {held for held in self._gone if held[1] not in home.values()}
            emptied = run != "hinted" and all(kind == "folder" for kind, _ in home.values())
        require(not gone or not emptied, f"nothing is left, and nobody was asked: {gone}")
        few = len(gone) <= small or 2 * len(gone) <= len(self._ever)
        require(few, f"more than half is gone, and nobody was asked: {gone}")

    def elsewhere(self, home: Tree) -> None:
        """The run was about another directory, which holds this, and has its own journal now."""
        self._home_seen |= set(home.items())
        self._apart = True
        self.lose_journal()

    def beside(self, excused: Collection[str]) -> None:
        """A final sync without the lease said that all is saved, if only beside."""
        holds = held_in(self.mirror)
        for held in self.home.items():
            path, value = held
            if value[0] == "folder" or path in excused:
                continue
            # Not by a copy that the user has taken away, and the next cycle takes away there.
            if held in held_in(dict(self.mirror.items() - self.removed)):
                self.reported.add(held)
            # Others took away what the journal says was saved.
            believed = path in self.doubtful and self.agreed.get(path) == value
            there = held in holds or held in self._beside
            require(there or believed, f"{held} is saved nowhere")

    def clean(self, excused: Collection[str], *, reconciled: bool) -> None:
        """A whole cycle said that all is saved but what is ``excused``.

        ``reconciled``: it compared the journal with the mirror first.
        """
        for path, value in self.home.items():
            if path in excused:
                continue
            there = self.mirror.get(path)
            if there == value:
                self.reported.add((path, value))
            # Another's marker of a folder that has something in it stays another's.
            if not self._wants_object(path, value):
                continue
            unfinished = value[0] == "folder" and path in self._arriving
            if there == value and not unfinished:
                self._known.add((path, value))
            if path not in self.doubtful or self.agreed.get(path) != value:
                require(there == value, f"{path!r} is not saved as it is: {value} is {there}")
            elif reconciled:
                require(there is not None, f"{path!r} vanished there and was not saved again")
        if reconciled:
            self._ever = set(self.mirror)
        for path in self.due - set(excused):
            require(path not in self.mirror, f"{path!r} was deleted here and is still there")
        self.due &= set(excused)

    def lose_home(self) -> None:
        """The machine and all in the home are gone: what was not reported may be lost."""
        self.home = {}
        self.broken.clear()
        self.lose_journal()

    def lose_journal(self) -> None:
        """The engine cannot know any more what the user deleted."""
        self._known.clear()
        self._beside.clear()
        self.again.clear()
        self._arriving.clear()
        self.held.clear()
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
        self.held.discard(path)

    def _check_restored(self, home: Tree, trash: Collection[Held]) -> None:
        for held in _lost(self.home, home):
            path, value = held
            if value[0] == "folder":
                require(self._makes_way(path), f"a restore removed the folder {path!r}")
                continue
            # An empty file gives way to bytes: a power cut leaves such ones.
            empty = value == ("file", b"") and self.mirror.get(path, value) != value
            may = held in self.outdated or held in self.broken or empty
            require(may, f"{held} was lost to a restore")
            if path not in home or held not in self.outdated:
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

    def _makes_way(self, folder: str) -> bool:
        """Whether the mirror has a file or a link in a folder's place, or in that of one above."""
        parts = folder.rstrip("/").split("/")
        names = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return any(self.mirror.get(name, ("folder", b""))[0] != "folder" for name in names)

    def _check_unchanged(self, home: Tree, trash: Collection[Held]) -> None:
        aside = {held for held in self.broken if held[0] not in home}
        require(aside <= set(trash), f"{aside} are neither here nor in the trash")
        expected = dict(self.home.items() - aside)
        require(home == expected, f"a sync changed the home: {_changes(expected, home)}")
        self.home = expected

    def _origins(self, path: str) -> set[Held]:
        return {(path, value) for name in names_of(path) for value in self._seen_at(name)}

    def _seen_at(self, name: str) -> Iterator[Value]:
        return (value for path, value in self._mirror_seen if path == name)

    def _is_own(self, path: str) -> bool:
        """Whether the engine may take an object back: a copy that it made in the same run."""
        return path in self._written or _UNSETTLED.search(path) is not None

    def _check_beside(self, mirror: Tree) -> None:
        for held in _lost(self.mirror, mirror):
            require(
                self._is_own(held[0]), f"{held} was replaced or deleted while another had the lease"
            )
        for held in _lost(mirror, self.mirror):
            aside = names_of(held[0]) != {held[0]}
            require(aside, f"{held} was written while another had the lease")

    def _check_synced(self, mirror: Tree) -> None:
        for held in _lost(self.mirror, mirror):
            path = held[0]
            if path not in mirror:
                require(path not in self.held, f"{held} was deleted, and nobody has agreed to it")
            if path not in mirror and not self._is_own(path):
                may = held in self.removed or self._went_meanwhile(held, mirror)
                require(may, f"{held} was deleted, which the user did not do")
        for held in _lost(mirror, self.mirror):
            path, value = held
            ours = any((name, value) in self._home_seen for name in names_of(path))
            kept = any((name, value) in self._mirror_seen for name in names_of(path) - {path})
            require(ours or kept, f"{held} was written, which nobody has")
            versions = {(name, value) for name in names_of(path) - {path}} & self._home_seen
            if versions:
                self._beside |= versions
                self._written.add(path)

    def _went_meanwhile(self, held: Held, mirror: Tree) -> bool:
        """Whether the home's version took the name from another's, and then went with its file.

        The other one has to be beside it, or to have been here, and to have gone as well.
        """
        went = {(base, other) for name, other in self._meanwhile for base in names_of(name)}
        beside = held in held_in(mirror) | went
        return beside and any(name == held[0] for name, _ in self._meanwhile)


def _lost(before: Tree, after: Tree) -> list[Held]:
    return [held for held in before.items() if after.get(held[0]) != held[1]]


def _changes(before: Tree, after: Tree) -> str:
    return f"{_lost(before, after)} became {_lost(after, before)}"
