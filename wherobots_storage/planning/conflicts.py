"""Names for versions that are kept beside another: ``name (conflict 2026-01-31 235959).ext``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from wherobots_storage.namespace.paths import MAX_KEY_BYTES
from wherobots_storage.planning.restore import MAX_NAME_BYTES

Mark = Literal["conflict", "unsettled"]

MAX_EXTENSION_BYTES = 32
"""A longer "extension" is part of the name: ``v1.final version of the report``."""


def names_beside(
    path: str, mark: Mark, seconds: float, *, room: int = MAX_KEY_BYTES
) -> Iterator[str]:
    """Names in the folder of ``path``, without end: the second on with a counter.

    ``seconds`` since the epoch are told in UTC. A name has at most 255 bytes and a path ``room``
    bytes (what a key has left after the mirror's prefix): the stem is cut for that, between two
    characters. A folder's slash at the end is left out.
    """
    folder, slash, name = path.rstrip("/").rpartition("/")
    stem, extension = split_name(name)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H%M%S")
    room = min(MAX_NAME_BYTES, room - len(f"{folder}{slash}".encode()))
    count = 1
    while True:
        number = f" {count}" if count > 1 else ""
        tail = f" ({mark} {stamp}{number})"
        yield f"{folder}{slash}{_fit(stem, extension, tail, room)}"
        count += 1


def split_name(name: str) -> tuple[str, str]:
    """A name's stem and its extension with the dot: a dotfile has none, ``.tar.gz`` is one."""
    body = name.lstrip(".")
    dots = name[: len(name) - len(body)]
    stem, dot, last = body.rpartition(".")
    if not stem or not last or " " in last or len(last.encode()) >= MAX_EXTENSION_BYTES:
        return name, ""
    if stem.endswith(".tar") and stem != ".tar":
        stem, last = stem[: -len(".tar")], f"tar.{last}"
    return dots + stem, dot + last


def _fit(stem: str, extension: str, tail: str, room: int) -> str:
    # In a folder so deep that nothing fits, the extension goes, and at last the stem: the store
    # then refuses the key, which is told as any other failure.
    left = room - len(f"{tail}{extension}".encode())
    if left < 1:
        extension, left = "", max(1, room - len(tail))
    return stem.encode()[:left].decode("utf-8", "ignore") + tail + extension
