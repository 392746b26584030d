"""What a restore should do: home, journal and mirror in, a stream of decisions out.

The decision for each path is looked up in ``TABLE``; what cannot be a file on this machine is
refused, one by one, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from wherobots_storage.planning.backup import nothing_ignored
from wherobots_storage.planning.merge import triple
from wherobots_storage.planning.tree import (
    OTHER_FILESYSTEM,
    Directory,
    Entry,
    Ignored,
    Mirrored,
    Notice,
    Problematic,
    Record,
    Remote,
    is_unchanged,
)

MAX_NAME_BYTES = 255
"""The longest file name on Linux's file systems (NAME_MAX)."""


class Side(Enum):
    """How one side stands to the journal."""

    ABSENT = "absent"
    SAME = "same as journal"
    CHANGED = "changed"
    UNKNOWN = "not in journal"


class Step(Enum):
    """What happens to a path."""

    NOTHING = "nothing"
    FORGET = "forget: take it out of the journal"
    RESTORE = "restore: a new local file, never over another"
    REPLACE = "take the remote over the unchanged local file"
    TRASH = "move the unchanged local file to the trash"
    KEEP = "keep the local file; the next sync uploads it"
    COMPARE = "both stay: adopt when the bytes are equal, otherwise a conflict"


_A, _S, _C, _U = Side.ABSENT, Side.SAME, Side.CHANGED, Side.UNKNOWN

TABLE: Mapping[tuple[Side, Side], Step] = MappingProxyType(
    {
        # (local, remote): step
        (_A, _A): Step.FORGET,
        (_A, _S): Step.NOTHING,  # deleted here while the agent was down: the next sync's work
        (_A, _C): Step.RESTORE,
        (_A, _U): Step.RESTORE,
        (_S, _A): Step.TRASH,
        (_S, _S): Step.NOTHING,
        (_S, _C): Step.REPLACE,
        (_S, _U): Step.REPLACE,
        (_C, _A): Step.KEEP,
        (_C, _S): Step.KEEP,
        (_C, _C): Step.COMPARE,
        (_C, _U): Step.COMPARE,
        (_U, _A): Step.KEEP,
        (_U, _C): Step.COMPARE,
        (_U, _U): Step.COMPARE,
    }
)
"""The decision for every pair of states; (not in journal, same as journal) cannot be."""


class Decision(NamedTuple):
    """A step for one path, and what it rests on."""

    step: Step
    path: str
    local: Entry | None
    record: Record | None
    remote: Remote | None


def plan_restore(
    local: Iterable[Entry],
    journal: Iterable[Record],
    remote: Iterable[Remote],
    *,
    reserved: Iterable[str] = (),
    ignored: Callable[[str], bool] = nothing_ignored,
) -> Iterator[Decision | Notice]:
    """The decisions for a restore; paths with nothing to do are left out.

    ``local`` is a scan without ignore rules: a restore takes everything. ``reserved`` are folders
    (with a slash at the end) that are neither read nor written. What is ``ignored`` stays here when
    its object is gone. Raises UnsortedStreamError when a stream is not sorted by path.
    """
    names = tuple(reserved)
    cover: Problematic | Directory | None = None
    for entry, record, found in triple(local, journal, remote):
        path = (entry or record or found).path  # type: ignore[union-attr]  # one is there
        if is_reserved(path, names):
            continue
        if _covers(entry) and not (cover and path.startswith(cover.path)):
            cover = entry  # type: ignore[assignment]  # _covers says which kinds
        under = cover if cover is not None and path.startswith(cover.path) else None
        for decision in _decide(entry, record, found, under):
            if isinstance(decision, Decision) and decision.step is Step.TRASH and ignored(path):
                yield decision._replace(step=Step.FORGET)
            else:
                yield decision


def is_reserved(path: str, reserved: tuple[str, ...]) -> bool:
    """Whether a path is, or lies in, one of the reserved folders."""
    return path.startswith(reserved) or path + "/" in reserved


def _covers(entry: Entry | None) -> bool:
    if isinstance(entry, Problematic):
        return entry.path.endswith("/")
    return isinstance(entry, Directory) and not entry.complete


def _decide(
    entry: Entry | None, record: Record | None, found: Remote | None, under: Entry | None
) -> Iterator[Decision | Notice]:
    if isinstance(entry, Problematic | Ignored):
        # What could not be examined is neither replaced nor taken for absent.
        if isinstance(entry, Problematic):
            yield Notice(entry.path, entry.code, entry.reason, entry.size)
        return
    if entry is None and under is not None:
        if found is not None:
            code, why = "unreadable-folder", "Its folder here could not be read"
            if isinstance(under, Problematic) and under.code == OTHER_FILESYSTEM:
                code, why = OTHER_FILESYSTEM, "Another file system is mounted over its folder here"
            yield Notice(found.path, code, f"{why}, so it was not restored.", found.size)
        return
    refusal = refuse(found) if found is not None else None
    if refusal is not None:
        yield refusal
        return
    step = _step(entry, record, found)
    if step is not Step.NOTHING:
        path = (entry or record or found).path  # type: ignore[union-attr]  # one is there
        yield Decision(step, path, entry, record, found)


def _step(entry: Mirrored | None, record: Record | None, found: Remote | None) -> Step:
    if entry is not None and record is None and found is None:
        return Step.NOTHING  # a local path that nobody knows yet: the next sync's work
    step = TABLE[_local_side(entry, record), _remote_side(record, found)]
    if isinstance(entry, Directory):
        # A folder is never moved nor replaced: its contents have decisions of their own.
        return {Step.TRASH: Step.FORGET, Step.KEEP: Step.NOTHING}.get(step, step)
    return step


def _local_side(entry: Mirrored | None, record: Record | None) -> Side:
    if entry is None:
        return Side.ABSENT
    if record is None:
        return Side.UNKNOWN
    return Side.SAME if is_unchanged(entry, record) else Side.CHANGED


def _remote_side(record: Record | None, found: Remote | None) -> Side:
    if found is None:
        return Side.ABSENT
    if record is None:
        return Side.UNKNOWN
    return Side.SAME if found.etag == record.etag else Side.CHANGED


def refuse(found: Remote) -> Notice | None:
    """Why a key cannot be a file on this machine, or None."""
    code, reason = "", ""
    segments = found.path.removesuffix("/").split("/")
    if found.shadowed and not found.path.endswith("/"):
        code = "file-and-folder"
        reason = "The bucket has a file and a folder of this name; the folder was restored."
    elif "" in segments:
        code, reason = "empty-segment", "A folder on this machine cannot have an empty name."
    elif "." in segments or ".." in segments:
        code, reason = "dot-segment", "The names '.' and '..' cannot be files on this machine."
    elif "\x00" in found.path:
        code, reason = "nul", "A name on this machine cannot contain the character NUL."
    elif any(len(segment.encode("utf-8", "replace")) > MAX_NAME_BYTES for segment in segments):
        code, reason = "name-too-long", "A name on this machine has at most 255 bytes."
    return Notice(found.path, code, reason, found.size) if code else None
