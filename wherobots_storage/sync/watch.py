"""Hints between two scans: which folders of the home something was written in just now.

Hints only make a save durable sooner. Nothing rests on them: what they miss, the next whole scan
finds. Every folder is watched by itself, not recursively, because a recursive watch follows links
out of the home and spends watches on what is ignored.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from watchfiles._rust_notify import RustNotify

from wherobots_storage.planning.ignore import IGNORE_FILE, IgnoreRules
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home

log = logging.getLogger("wherobots_storage.agent")

QUIET_MS, BATCH_MS, WAIT_MS = 100, 500, 1000
"""A batch of changes ends after so long without another, and lasts so long at the most."""

JOIN_SECONDS = 5.0

BEFORE_SECONDS = 2.0
"""Clocks of files tick, and those of servers differ: what was written so shortly before something
began counts as written after it."""

REOPEN_SHARE = 10
"""Watching new folders may take at most one part in so many of the time."""

LIMIT_REASON = (
    "Changes in the home cannot be watched ({error}), so that they are saved every few minutes "
    "instead of within seconds. An administrator can raise fs.inotify.max_user_watches."
)

EVERYTHING = Focus(deep=frozenset({""}))

OnHint = Callable[[Focus], None]
OnTrouble = Callable[[str], None]


def just_before_now() -> float:
    """What was written since then is new, in seconds since the epoch."""
    return time.time() - BEFORE_SECONDS


class Notifier(Protocol):
    """What is used of ``watchfiles``: changes as (kind, path), or a word when there are none."""

    def watch(
        self, debounce_ms: int, step_ms: int, timeout_ms: int, stop_event: threading.Event | None
    ) -> set[tuple[int, str]] | str:
        """Wait for changes. Raises RuntimeError, OSError."""
        ...

    def close(self) -> None:
        """Watch no more."""
        ...


def open_notifier(folders: list[str]) -> Notifier:
    """Watch these folders. Raises OSError when one is gone, or there are too many."""
    # The library's own entry point for this (watchfiles docs, "Rust backend direct usage");
    # its ``watch`` makes sets of the same pairs, and cannot be closed from outside.
    # Told to pass over what is forbidden it passes over the limit too, without a word (measured).
    notifier: Notifier = RustNotify(folders, False, False, 300, False, False)
    return notifier


class Watcher:
    """Watches one home on a thread of its own, from ``start`` to ``stop``.

    ``on_hint`` is told where something changed, ``on_trouble`` once why nothing more will be told.
    ``seen`` gives the time, in nanoseconds since the epoch, up to which a whole scan has seen all
    changes, or is about to: they are told no more.
    """

    def __init__(
        self,
        home: Home,
        on_hint: OnHint,
        on_trouble: OnTrouble,
        *,
        seen: Callable[[], int] = int,
        open_notifier: Callable[[list[str]], Notifier] = open_notifier,
    ) -> None:
        self._home = home
        self._seen = seen
        self._on_hint = on_hint
        self._on_trouble = on_trouble
        self._open = open_notifier
        self._stop = threading.Event()
        self._since: float | None = None
        self._folders: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def only_since(self, moment: float | None) -> None:
        """Tell of no file but those written after a moment, in seconds since the epoch.

        A restore writes files too, and gives each the time that it had. None: tell of all again.
        """
        self._since = moment

    def start(self) -> None:
        """Begin; a scan should follow, for what was written before."""
        self._thread.start()

    def stop(self) -> None:
        """Tell no more, soon."""
        self._stop.set()

    def join(self) -> None:
        """Wait, after ``stop``, for the end of its thread."""
        if self._thread.ident is not None:
            self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            self._folders = set(self._walk("", self._home.rules()))
            notifier = self._reopen()
            self._tell_recent(self._folders)
            self._watch(notifier)
        except Exception as error:  # noqa: BLE001  # whatever it is, the interval remains
            if not self._stop.is_set():
                log.warning("the home is not watched: %s", error)
                self._on_trouble(LIMIT_REASON.format(error=_words(error)))

    def _watch(self, notifier: Notifier) -> None:
        new: set[str] = set()
        reopen_at = 0.0
        try:
            while not self._stop.is_set():
                wait = WAIT_MS if not new else QUIET_MS
                new |= self._tell(notifier.watch(BATCH_MS, QUIET_MS, wait, self._stop))
                began = time.monotonic()
                if not new or began < reopen_at or self._stop.is_set():
                    continue
                fresh = self._reopen()
                # Between the two nothing is missed: the former still listened.
                former, notifier = notifier, fresh
                newer = self._tell(former.watch(QUIET_MS, 10, 10, self._stop))
                former.close()
                self._tell_new(new)
                new = newer  # It was made since, and is watched the next time.
                reopen_at = time.monotonic() + REOPEN_SHARE * (time.monotonic() - began)
        finally:
            notifier.close()

    def _reopen(self) -> Notifier:
        for _ in range(5):
            paths = {folder: self._home.path / folder for folder in self._folders}
            self._folders = {
                folder
                for folder, path in paths.items()
                if path.is_dir() and not path.is_symlink() and os.access(path, os.R_OK)
            }
            try:
                return self._open([str(self._home.path / folder) for folder in self._folders])
            except (FileNotFoundError, PermissionError):
                continue  # One vanished or was closed since it was looked at.
        raise FileNotFoundError("folders vanish faster than they can be watched")

    def _tell(self, changes: set[tuple[int, str]] | str) -> set[str]:
        """Tell of the changes, and return the folders that are new."""
        if isinstance(changes, str) or not changes:
            return set()
        rules, seen = self._home.rules(), self._seen()
        since = self._since
        flat: set[str] = set()
        new: set[str] = set()
        for path in {path for _, path in changes}:
            relative = self._relative(path)
            if relative is None or not _is_recent(path, since):
                continue
            if relative == IGNORE_FILE and since is None:
                self._on_hint(EVERYTHING)
            folder = relative.rpartition("/")[0]
            folder = f"{folder}/" if folder else ""
            changed_ns, is_folder = _look(path)
            name = f"{relative}/" if is_folder else relative
            if changed_ns < seen and (not is_folder or name in self._folders):
                continue
            if self._is_left_out(name, rules):
                continue
            if since is None or not is_folder:
                flat.add(folder)
            if is_folder and name not in self._folders:
                below = set(self._walk(name, rules))
                new.add(name)
                self._folders |= below
        if flat:
            deep = frozenset(new) if since is None else frozenset[str]()
            self._on_hint(Focus(frozenset(flat), deep))
        return new

    def _tell_new(self, new: set[str]) -> None:
        """Tell of what was written in new folders before they were watched."""
        if self._since is None:
            self._on_hint(Focus(deep=frozenset(new)))
        else:
            tops = tuple(new)
            self._tell_recent({folder for folder in self._folders if folder.startswith(tops)})

    def _tell_recent(self, folders: set[str]) -> None:
        """Tell of those with a file that is recent, if only of such ones is to be told."""
        since = self._since
        if since is None:
            return
        recent = {folder for folder in folders if _has_recent(self._home.path / folder, since)}
        if recent:
            self._on_hint(Focus(frozenset(recent)))

    def _relative(self, path: str) -> str | None:
        top = f"{self._home.path}/"
        return path[len(top) :] if path.startswith(top) and len(path) > len(top) else None

    def _is_left_out(self, path: str, rules: IgnoreRules) -> bool:
        parts = path.rstrip("/").split("/")
        above = ["/".join(parts[:count]) + "/" for count in range(1, len(parts))]
        return any(
            name in self._home.reserved or f"{name}/" in self._home.reserved or rules.ignores(name)
            for name in (*above, path)
        )

    def _walk(self, top: str, rules: IgnoreRules) -> Iterable[str]:
        """A folder and those below it that are mirrored; links are not followed."""
        stack = [top]
        while stack and not self._stop.is_set():
            folder = stack.pop()
            yield folder
            try:
                with os.scandir(self._home.path / folder) as found:
                    names = [child.name for child in found if child.is_dir(follow_symlinks=False)]
            except OSError:
                continue
            # A name that is not UTF-8 is not mirrored, and cannot be told to the watcher either.
            paths = [f"{folder}{name}/" for name in names if _is_utf8(name)]
            stack += [
                path
                for path in paths
                if path not in self._home.reserved and not rules.ignores(path)
            ]


def _look(path: str) -> tuple[int, bool]:
    """When what is at a path, or else its folder, was changed; whether it is a folder."""
    try:
        found = os.lstat(path)
    except OSError:
        with suppress(OSError):
            # What is gone, or was renamed, changed the folder that it was in.
            return os.lstat(path.rpartition("/")[0]).st_ctime_ns, False
        return sys.maxsize, False
    return found.st_ctime_ns, stat.S_ISDIR(found.st_mode)


def _is_utf8(name: str) -> bool:
    return name.isascii() or os.fsdecode(name.encode("utf-8", "replace")) == name


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _is_recent(path: str, since: float | None) -> bool:
    """Whether it is a folder, or was written after a moment; what is gone is not. None: always."""
    if since is None:
        return True
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return found.st_mtime >= since or stat.S_ISDIR(found.st_mode)


def _has_recent(folder: Path, since: float) -> bool:
    try:
        with os.scandir(folder) as found:
            children = [child for child in found if not child.is_dir(follow_symlinks=False)]
    except OSError:
        return False
    return any(_is_recent(child.path, since) for child in children)
