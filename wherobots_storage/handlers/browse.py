"""Looking at the tree: a page of a folder, one entry. Blocking functions over the store.

The fixed folders come from the permission table, shown even when empty and never listed from the
store: a user's own policy may not list there. Everything below them comes from the store.
"""

from __future__ import annotations

from datetime import UTC, datetime

from wherobots_storage.api.models import Entry, EntryDetail, Listing
from wherobots_storage.errors import NotFound
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.namespace.permissions import Access
from wherobots_storage.objectstore.store import CommonPrefix, ObjectInfo, ObjectStore
from wherobots_storage.settings import Tenancy

DOTTED = "A segment of this key is '.' or '..'; it can only be listed and deleted."


def list_fixed(tenancy: Tenancy, path: StoragePath) -> Listing:
    """A folder above the writable ones, which is made of the permission table alone."""
    folder = path.as_folder()
    access = tenancy.permissions.access(folder)
    entries = [_fixed(tenancy, child) for child in tenancy.permissions.children(folder)]
    return _listing(tenancy, folder, access, entries, None)


def list_folder(
    store: ObjectStore, tenancy: Tenancy, path: StoragePath, *, cursor: str | None, limit: int
) -> Listing:
    """A page of a folder in a writable area; entries in the store's order.

    ``cursor`` is None at the end. A folder that holds nothing is an empty listing, since a store
    has no folders to be missing. Raises OutsideArea, InvalidInput (the cursor), and what
    ``ObjectStore.list_page`` raises.
    """
    folder = path.as_folder()
    access = tenancy.permissions.access(folder)
    prefix = folder.key(tenancy.root)
    page = store.list_page(prefix, delimiter="/", cursor=cursor, limit=limit)
    shown = [
        entry for found in page.entries if (entry := _entry(tenancy, prefix, found)) is not None
    ]
    return _listing(tenancy, folder, access, shown, page.cursor)


def stat(store: ObjectStore, tenancy: Tenancy, path: StoragePath) -> EntryDetail:
    """One file or folder, with its metadata. Raises OutsideArea, NotFound."""
    access = tenancy.permissions.access(path)
    if not path.is_folder:
        return file_detail(tenancy, path, store.head(path.key(tenancy.root)))
    if not access.protected:
        require_folder(store, tenancy, path)
    return EntryDetail(
        name=path.name,
        path=path.display,
        uri=path.uri(tenancy.root),
        type="FOLDER",
        protected=access.protected,
    )


def require_folder(store: ObjectStore, tenancy: Tenancy, path: StoragePath) -> None:
    """Raise NotFound unless something is in the folder, or marks it."""
    if not has_folder(store, tenancy, path):
        raise NotFound(f"There is no folder {path.display}.", path=path.display)


def has_folder(store: ObjectStore, tenancy: Tenancy, path: StoragePath) -> bool:
    """Whether there is a key in the folder, its own marker included."""
    key = path.as_folder().key(tenancy.root)
    return bool(store.list_page(key, limit=1).entries)


def file_detail(tenancy: Tenancy, path: StoragePath, info: ObjectInfo) -> EntryDetail:
    """A file with what a HEAD told of it."""
    return EntryDetail(
        name=path.name,
        path=path.display,
        uri=path.uri(tenancy.root),
        type="FILE",
        protected=False,
        last_modified=timestamp(info.last_modified),
        size=info.size,
        etag=info.etag,
        content_type=info.content_type or None,
        metadata=dict(info.metadata),
    )


def timestamp(seconds: float) -> str:
    """Seconds since the epoch as the wire has it, ISO 8601 in UTC."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _listing(
    tenancy: Tenancy, folder: StoragePath, access: Access, entries: list[Entry], cursor: str | None
) -> Listing:
    return Listing(
        name=folder.name,
        path=folder.display,
        uri=folder.uri(tenancy.root),
        mutate_protected=not access.mutate,
        upload_protected=not access.upload,
        entries=entries,
        cursor=cursor,
        reason=access.reason if access.synthesised else None,
        caution=access.caution,
    )


def _fixed(tenancy: Tenancy, child: StoragePath) -> Entry:
    return Entry(
        name=child.name,
        path=child.display,
        uri=child.uri(tenancy.root),
        type="FOLDER",
        protected=True,
    )


def _entry(tenancy: Tenancy, prefix: str, found: ObjectInfo | CommonPrefix) -> Entry | None:
    """An entry of a listing; None for the folder's own marker and for what is reserved."""
    key = found.prefix if isinstance(found, CommonPrefix) else found.key
    if key == prefix:
        return None
    path = _path_of(tenancy, key)
    if tenancy.permissions.is_reserved(path):
        return None
    info = found if isinstance(found, ObjectInfo) else None
    return Entry(
        name=path.name,
        path=path.display,
        uri=tenancy.root.uri(key),
        type="FOLDER" if info is None else "FILE",
        protected=False,
        problem=DOTTED if path.is_dotted else None,
        last_modified=None if info is None else timestamp(info.last_modified),
        size=None if info is None else info.size,
        etag=None if info is None else info.etag,
    )


def _path_of(tenancy: Tenancy, key: str) -> StoragePath:
    """The path of a key that exists, whatever it is made of; ``parse`` would refuse some."""
    segments = key[len(tenancy.root.prefix) :].split("/")
    is_folder = segments[-1] == ""
    return StoragePath(tuple(segments[:-1] if is_folder else segments), is_folder)
