"""What a user does in a home, and another writer in a mirror: small acts on a few names."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.homes import PREFIX
from support.pictures import digest
from support.trouble import REFUSALS
from support.world import MOMENT, World

from wherobots_storage.errors import NotFound

PATHS = (
    "a",
    "a/b",
    "b",
    "a/c",
    "a-b",
    "a.txt",
    "d/x",
    "d/e/y",
    "a/b/z",
    "名 🙂.ipynb",
    "line\nbreak",
    "back\\slash",
    ".hidden",
)
"""Names that get into each other's way, that sort beside a slash, and odd ones."""

FOLDERS = ("a/", "d/", "d/e/", "f/", "a/b/")
FAR_NS = (-1, 0, -(10**18), -(2**63), 2**63 - 1, 2**63, 10**21)
"""Modification times before the epoch, and at and past the ends of what 64 bits can tell."""
FAR_TIMES = ("-1.5", "999999999999", "-999999999999.25", "9" * 30, "soon", "1e9", "12.")
ODD_MODES = ("0100640", "7777777", "rw-r--r--")
"""What others may say about their objects' times and modes."""
ODD_KEYS = ("a//b", "/lead", "d//", "x" * 300)
"""Keys that cannot be files."""


@dataclass(frozen=True)
class Act:
    """Who does what: ``pick`` and ``second`` say with which of the names that are possible."""

    who: str
    verb: str
    pick: int = 0
    second: int = 0

    def carry_out(self, world: World) -> None:
        """Do it, and tell the oracle."""
        if self.who == "user":
            world.by_user(lambda: USER[self.verb](_User(world), self.pick, self.second))
        else:
            world.by_other(lambda: OTHER[self.verb](_Other(world), self.pick, self.second))


class _User:
    """Hands in the home."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._home = world.home
        tree = world.oracle.home
        self._files = sorted(path for path, value in tree.items() if value[0] == "file")
        self._entries = sorted(tree)
        names = world.names or PATHS
        self._all = [*names, *sorted({*tree, *world.oracle.mirror} - {*names, *ODD_KEYS})]

    def write(self, pick: int, second: int) -> None:
        """A new file, or another in its place: by turns in place and by renaming."""
        self._write(self._any(pick), self._world.fresh("u"), in_place=second % 2 == 0)

    def write_large(self, pick: int, _: int) -> None:
        """One that travels in parts."""
        self._write(self._any(pick), self._world.fresh("u", large=True), in_place=True)

    def write_empty(self, pick: int, _: int) -> None:
        """One without a byte."""
        self._write(self._any(pick), b"", in_place=True)

    def write_same(self, pick: int, _: int) -> None:
        """The very bytes that the mirror has there."""
        kind, body = self._world.oracle.mirror.get(self._any(pick), ("", b""))
        if kind == "file":
            self._write(self._any(pick), body, in_place=True)

    def rewrite(self, pick: int, second: int) -> None:
        """Other bytes of the same size, with the modification time of those before."""
        if self._files:
            file = self._home / self._files[pick % len(self._files)]
            before = file.stat()
            large = before.st_size > len(self._world.fresh("u"))
            relative = str(file.relative_to(self._home))
            self._write(relative, self._world.fresh("u", large=large), in_place=second % 2 == 0)
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    def touch(self, pick: int, second: int) -> None:
        """Another modification time."""
        if self._files:
            moment = MOMENT + second
            os.utime(self._home / self._files[pick % len(self._files)], ns=(moment, moment))

    def touch_far(self, pick: int, second: int) -> None:
        """A modification time that hardly any program expects."""
        if self._files:
            moment = FAR_NS[second % len(FAR_NS)]
            os.utime(self._home / self._files[pick % len(self._files)], ns=(moment, moment))

    def chmod(self, pick: int, second: int) -> None:
        """Another mode, of a file or a folder."""
        path = self._existing(pick)
        if path is not None and not path.is_symlink():
            path.chmod((0o644, 0o755, 0o700)[second % 3] | (0o100 if path.is_dir() else 0))

    def rename(self, pick: int, second: int) -> None:
        """Another name, over what has it."""
        path = self._existing(pick)
        if path is None:
            return
        target = self._home / self._any(second)
        aside = self._world.folder / "aside"
        path.rename(aside)  # so that a folder can go into itself: its place is free now
        self._make_way(target)
        aside.rename(target)

    def delete(self, pick: int, _: int) -> None:
        """A file, a link or a folder with all that is in it."""
        path = self._existing(pick)
        if path is not None:
            _remove(path)

    def delete_at(self, pick: int, _: int) -> None:
        """What has a name, if anything has."""
        _remove(self._home / self._any(pick))

    def delete_all(self, _: int, __: int) -> None:
        """Everything."""
        for path in self._home.iterdir():
            if path.name != ".wherobots":
                _remove(path)

    def make_folder(self, pick: int, _: int) -> None:
        """An empty folder, or nothing where one is."""
        folder = self._home / FOLDERS[pick % len(FOLDERS)]
        if not folder.is_dir() or folder.is_symlink():
            self._make_way(folder)
            folder.mkdir()

    def link(self, pick: int, second: int) -> None:
        """A symbolic link, inside the home, out of it, or to itself."""
        path = self._home / self._any(pick)
        self._make_way(path)
        name = path.name if second % 4 == 3 else self._world.fresh("to-").decode()
        path.symlink_to(name if second % 2 else f"/nowhere/{name}")
        moment = self._world.tick()
        os.utime(path, ns=(moment, moment), follow_symlinks=False)

    def _any(self, pick: int) -> str:
        return self._all[pick % len(self._all)].rstrip("/")

    def _existing(self, pick: int) -> Path | None:
        if not self._entries:
            return None
        return self._home / self._entries[pick % len(self._entries)]

    def _write(self, path: str, body: bytes, *, in_place: bool) -> None:
        file = self._home / path
        if not file.is_file() or file.is_symlink():
            self._make_way(file)
        moment = self._world.tick()
        if in_place:
            file.write_bytes(body)
        else:
            fresh = self._world.folder / "fresh"
            fresh.write_bytes(body)
            fresh.replace(file)
        os.utime(file, ns=(moment, moment))

    def _make_way(self, path: Path) -> None:
        for above in reversed(path.relative_to(self._home).parents):
            folder = self._home / above
            if folder.is_symlink() or folder.is_file():
                folder.unlink()
            folder.mkdir(exist_ok=True)
        _remove(path)


class _Other:
    """Hands in the mirror."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._store = world.store
        tree = world.oracle.mirror
        self._there = sorted(tree)
        names = world.names or PATHS
        self._all = [*names, *sorted(set(tree) - {*names, *ODD_KEYS})]

    def put(self, pick: int, second: int) -> None:
        """An object as another home writes it, over what is there."""
        body = self._world.fresh("o", large=second % 3 == 0)
        mode = ("644", "755", "600")[second % 3]
        metadata = {"mtime": "1500000000.000000007", "mode": mode, "sha256": digest(body)}
        self._store.put(PREFIX + self._any(pick), body, metadata=metadata)

    def put_far(self, pick: int, second: int) -> None:
        """An object whose time and mode hardly any program expects."""
        body = self._world.fresh("o", large=second % 3 == 0)
        mtime, mode = FAR_TIMES[second % len(FAR_TIMES)], ODD_MODES[second % len(ODD_MODES)]
        metadata = {"mtime": mtime, "mode": mode, "sha256": digest(body)}
        self._store.put(PREFIX + self._any(pick), body, metadata=metadata)

    def put_plain(self, pick: int, second: int) -> None:
        """An object without a word of ours."""
        self._store.put(PREFIX + self._any(pick), self._world.fresh("o", large=second % 3 == 0))

    def put_same(self, pick: int, _: int) -> None:
        """The very bytes that the home has there."""
        path = self._any(pick)
        kind, body = self._world.oracle.home.get(path, ("", b""))
        if kind == "file":
            before = self._etag(path)
            # One that went in one piece before is the same version, and has the same ETag.
            if self._store.put(PREFIX + path, body) != before:
                self._world.oracle.again.add(path)

    def put_odd(self, pick: int, _: int) -> None:
        """A key that cannot be a file."""
        self._store.put(PREFIX + ODD_KEYS[pick % len(ODD_KEYS)], self._world.fresh("o"))

    def link(self, pick: int, second: int) -> None:
        """A symbolic link."""
        name = self._world.fresh("to-")
        target = name if second % 2 else b"/nowhere/" + name
        metadata = {"mtime": "1500000000.0", "symlink": "1", "sha256": digest(target)}
        self._store.put(PREFIX + self._any(pick), target, metadata=metadata)

    def make_folder(self, pick: int, second: int) -> None:
        """A folder's marker."""
        mode = ("755", "700")[second % 2]
        self._store.put(PREFIX + FOLDERS[pick % len(FOLDERS)], b"", metadata={"mode": mode})

    def delete(self, pick: int, _: int) -> None:
        """One object."""
        if self._there:
            self._store.delete(PREFIX + self._there[pick % len(self._there)])

    def delete_at(self, pick: int, _: int) -> None:
        """What has a name, if anything has."""
        self._store.delete(PREFIX + self._any(pick))

    def delete_all(self, _: int, __: int) -> None:
        """Everything."""
        for path in self._there:
            self._store.delete(PREFIX + path)

    def refuse(self, pick: int, second: int) -> None:
        """A policy: from now on the store refuses requests for one name, a folder's included."""
        key = PREFIX + self._any(pick)
        for name in (key, f"{key}/"):
            self._world.layer.refused[name] = REFUSALS[second % len(REFUSALS)]

    def permit(self, _: int, __: int) -> None:
        """No such policy any more."""
        self._world.layer.refused.clear()

    def _etag(self, path: str) -> str | None:
        with suppress(NotFound):
            return self._store.head(PREFIX + path).etag
        return None

    def _any(self, pick: int) -> str:
        return self._all[pick % len(self._all)].rstrip("/")


def _remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


Verb = Callable[..., None]

USER: dict[str, Verb] = {
    "write": _User.write,
    "rewrite": _User.rewrite,
    "delete": _User.delete,
    "delete at": _User.delete_at,
    "rename": _User.rename,
    "write large": _User.write_large,
    "write empty": _User.write_empty,
    "write same": _User.write_same,
    "touch": _User.touch,
    "touch far": _User.touch_far,
    "chmod": _User.chmod,
    "make folder": _User.make_folder,
    "link": _User.link,
    "delete all": _User.delete_all,
}
OTHER: dict[str, Verb] = {
    "put": _Other.put,
    "delete": _Other.delete,
    "delete at": _Other.delete_at,
    "put plain": _Other.put_plain,
    "put far": _Other.put_far,
    "refuse": _Other.refuse,
    "permit": _Other.permit,
    "put same": _Other.put_same,
    "put odd": _Other.put_odd,
    "link": _Other.link,
    "make folder": _Other.make_folder,
    "delete all": _Other.delete_all,
}
