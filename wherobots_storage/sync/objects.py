"""How what was read from the home becomes an object, and a row of the journal."""

from __future__ import annotations

import time

from wherobots_storage.planning.format import (
    file_metadata,
    folder_content_type,
    folder_metadata,
    symlink_metadata,
)
from wherobots_storage.planning.tree import Directory, Mirrored, Record, Symlink, kind_of
from wherobots_storage.sync.reading import Content


def metadata_of(content: Content) -> dict[str, str]:
    """The user metadata of what was read."""
    entry = content.entry
    if isinstance(entry, Directory):
        return folder_metadata(entry.mode)
    if isinstance(entry, Symlink):
        return symlink_metadata(entry.mtime_ns, content.sha256)
    return file_metadata(entry.mtime_ns, entry.mode, content.sha256)


def content_type_of(entry: Mirrored) -> str | None:
    """The content type of an entry's object; None leaves it to the store."""
    return folder_content_type(entry.mode) if isinstance(entry, Directory) else None


def row_of(content: Content, etag: str) -> Record:
    """The journal's row for what was read and now is the object ``etag``."""
    entry = content.entry
    if isinstance(entry, Directory):
        facts = (0, 0, 0, 0, entry.mode)
    else:
        facts = (entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode, entry.mode)
    return Record(entry.path, kind_of(entry), *facts, content.sha256, etag, time.time())


def is_same(content: Content, known: Record) -> bool:
    """Whether the object already has these bytes, this time and this mode."""
    entry = content.entry
    if isinstance(entry, Directory) or known.kind != kind_of(entry):
        return False
    same_facts = known.mtime_ns == entry.mtime_ns and known.mode == entry.mode
    return same_facts and known.sha256 == content.sha256
