"""Whether an object in the bucket holds the very bytes that were read here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from wherobots_storage.errors import ConcurrentChange
from wherobots_storage.objectstore.store import ObjectBody, ObjectInfo, ObjectStore
from wherobots_storage.planning.format import read_metadata
from wherobots_storage.planning.tree import File, Record, Symlink
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.ranges import RangedObject
from wherobots_storage.sync.reading import Content
from wherobots_storage.sync.worklist import SMALL_BYTES


def holds(store: ObjectStore, found: ObjectInfo, content: Content, cancel: Cancel) -> bool:
    """Whether the object ``found`` is of the same kind and has the same bytes.

    One that does not say its hash is read, if it has the right size, and never kept in memory.
    Raises Interrupted, ConcurrentChange or PreconditionFailed when it was replaced meanwhile, and
    what the store raises.
    """
    facts = read_metadata(found.metadata)
    if facts.is_symlink is not isinstance(content.entry, Symlink):
        return False
    if found.size != _size(content):
        return False
    if facts.sha256 is not None:
        return facts.sha256 == content.sha256
    digest = hashlib.sha256()
    with _opened(store, found) as body:
        for chunk in body.chunks():
            cancel.check()
            digest.update(chunk)
    return digest.hexdigest() == content.sha256


def is_rewritten(found: ObjectInfo, record: Record | None) -> bool:
    """Whether the object still is a row's version, whatever its ETag.

    A copy onto itself, made for another encryption or storage class, has another.
    """
    if record is None or record.kind == "folder":
        return False
    facts = read_metadata(found.metadata)
    is_kind = facts.is_symlink is (record.kind == "symlink")
    return is_kind and found.size == record.size and facts.sha256 == record.sha256


def is_foreign(found: ObjectInfo) -> bool:
    """Whether another program wrote it: it has no time and mode of ours, and needs none."""
    return "sha256" not in found.metadata and "mode" not in found.metadata


def _size(content: Content) -> int:
    """How many bytes were read: of a large file no body is held, only its entry tells."""
    if isinstance(content.entry, File):
        return content.entry.size
    return len(content.body)


@contextmanager
def _opened(store: ObjectStore, found: ObjectInfo) -> Iterator[ObjectBody | RangedObject]:
    """This version's bytes; of a large object a range that breaks off is read again."""
    if found.size <= SMALL_BYTES:
        with store.get(found.key, if_match=found.etag) as body:
            yield body
        return
    with RangedObject(store, found.key) as body:
        if body.info.etag != found.etag:
            raise ConcurrentChange("It was replaced in the bucket while it was compared.")
        yield body
