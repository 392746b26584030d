"""Changing the tree: new folders, and deleting. Blocking functions over the store."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from wherobots_storage.api.models import DeleteFailed, EntryDetail, ErrorBody
from wherobots_storage.errors import AlreadyExists, InvalidPath, NotFound, PreconditionFailed
from wherobots_storage.handlers.browse import has_folder
from wherobots_storage.namespace.hidden import KNOWN, is_hidden
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import PROBE
from wherobots_storage.objectstore.hiding import hidden_folders
from wherobots_storage.objectstore.store import (
    CommonPrefix,
    DeleteFailure,
    ObjectInfo,
    ObjectStore,
    iterate_keys,
)
from wherobots_storage.settings import Tenancy

BATCH = 1000
"""How many keys one delete request carries (Amazon S3 API, DeleteObjects)."""


def create_folder(store: ObjectStore, tenancy: Tenancy, path: StoragePath) -> EntryDetail:
    """Make an empty folder: a zero-byte object ``path/``.

    Raises ReadOnlyFolder, OutsideArea, InvalidPath as ``refuse_hidden``, and AlreadyExists when a
    folder or a file has that name.
    """
    folder = path.as_folder()
    tenancy.permissions.require_create(folder)
    refuse_hidden(store, tenancy, folder)
    refuse_file(store, tenancy, folder)
    if has_folder(store, tenancy, folder):
        raise _exists(folder, "folder")
    try:
        etag = store.put(folder.key(tenancy.root), b"", if_none_match=True)
    except PreconditionFailed as error:
        raise _exists(folder, "folder") from error
    return EntryDetail(
        name=folder.name,
        path=folder.display,
        uri=folder.uri(tenancy.root),
        type="FOLDER",
        protected=False,
        size=0,
        etag=etag,
    )


def refuse_file(store: ObjectStore, tenancy: Tenancy, folder: StoragePath) -> None:
    """Raise AlreadyExists when a file has the folder's name: a home could hold only one."""
    file = StoragePath(folder.segments, False)
    with contextlib.suppress(NotFound):
        store.head(file.key(tenancy.root))
        raise _exists(file, "file")


def refuse_hidden(store: ObjectStore, tenancy: Tenancy, path: StoragePath) -> None:
    """Raise InvalidPath when it lies in a folder that the store would not list.

    The store is asked only where a name is one that some store hides.
    """
    folders = path.segments if path.is_folder else path.segments[:-1]
    if not any(is_hidden(KNOWN, name) for name in folders):
        return
    place = f"{tenancy.mirror_prefix}{RESERVED_NAME}/{PROBE}/"
    hidden = hidden_folders(store, place)
    name = next((name for name in folders if is_hidden(hidden, name)), None)
    if name is not None:
        message = f"The store never lists what is in a folder called {name!r}: choose another name."
        raise InvalidPath(message, path=path.display)


def _exists(path: StoragePath, what: str) -> AlreadyExists:
    message = f"There is already a {what} {path.name!r} here."
    return AlreadyExists(message, path=path.display)


def parse_targets(tenancy: Tenancy, displays: Iterable[str]) -> list[StoragePath]:
    """The paths of a delete, each one allowed: a refused one refuses them all.

    Dotted keys are taken literally, since they can be deleted. Raises InvalidPath,
    ReadOnlyFolder, OutsideArea.
    """
    paths = []
    for display in displays:
        path = StoragePath.exact(display)
        if not path.is_dotted:
            path = StoragePath.parse(display)
        tenancy.permissions.require_delete(path)
        path.key(tenancy.root)
        paths.append(path)
    return paths


def delete_files(
    store: ObjectStore, tenancy: Tenancy, files: Sequence[StoragePath]
) -> tuple[list[str], list[DeleteFailed]]:
    """Delete files by their exact keys; returns the paths that are gone and the ones that are not.

    A dotted key is deleted only when the store lists exactly it. A store that resolved ``..``
    would else delete another's file.
    """
    by_key = {path.key(tenancy.root): path for path in files}
    unlisted = [
        key for key, path in by_key.items() if path.is_dotted and not _is_listed(store, key)
    ]
    keys = [key for key in by_key if key not in unlisted]
    failures = store.delete_many(keys) if keys else []
    failed = {failure.key: failed_path(by_key[failure.key], failure) for failure in failures}
    for key in unlisted:
        body = ErrorBody(code=NotFound.code, message="There is no such key.")
        failed[key] = DeleteFailed(path=by_key[key].display, error=body)
    deleted = [path.display for key, path in by_key.items() if key not in failed]
    return deleted, list(failed.values())


def _is_listed(store: ObjectStore, key: str) -> bool:
    entries = store.list_page(key, limit=1).entries
    return any(isinstance(entry, ObjectInfo) and entry.key == key for entry in entries)


def failed_path(path: StoragePath, failure: DeleteFailure) -> DeleteFailed:
    """A failure of the store as it travels."""
    body = ErrorBody(code=failure.code, message=failure.message, path=path.display)
    return DeleteFailed(path=path.display, error=body)


def delete_folder(
    store: ObjectStore,
    tenancy: Tenancy,
    folder: StoragePath,
    *,
    on_batch: Callable[[int, list[DeleteFailed]], None],
    cancelled: Callable[[], bool],
) -> None:
    """Delete everything in a folder, page by page, and its own marker last.

    ``on_batch`` hears how many keys a batch deleted and which it could not; failures do not stop
    the rest, but then the marker stays. Ends early when ``cancelled``. Raises what the store
    raises for a listing or a whole batch.
    """
    prefix = folder.key(tenancy.root)
    marked = False
    complete = True
    for keys in _batches(_keys_below(store, prefix)):
        if cancelled():
            return
        marked |= prefix in keys
        inside = [key for key in keys if key != prefix]
        complete &= not inside or _delete_batch(store, tenancy, inside, on_batch)
    if cancelled() or not complete:
        return
    if marked:
        _delete_batch(store, tenancy, [prefix], on_batch)
    if not folder.is_dotted:  # a store that resolved it would clear somebody else's
        _clear_shadows(store, prefix)


def _clear_shadows(store: ObjectStore, prefix: str) -> None:
    """Make folders disappear that a store still shows although no key is in them.

    SeaweedFS keeps directories; they go with the deletion of their marker, deepest first, whether
    there was one or not. S3 itself shows none: there this is one listing and one no-op.
    """
    shadows = [prefix]
    for shadow in shadows:  # grows on the way: each folder's own folders are looked for in turn
        shadows += [
            entry.prefix
            for entry in iterate_keys(store, shadow, delimiter="/")
            if isinstance(entry, CommonPrefix) and entry.prefix.startswith(shadow)
        ]
    store.delete_many(shadows[::-1])


def _keys_below(store: ObjectStore, prefix: str) -> Iterator[str]:
    for entry in iterate_keys(store, prefix):
        # startswith: a key is deleted for lying in the folder, whatever the listing says.
        if isinstance(entry, ObjectInfo) and entry.key.startswith(prefix):
            yield entry.key


def _batches(keys: Iterator[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _delete_batch(
    store: ObjectStore,
    tenancy: Tenancy,
    keys: list[str],
    on_batch: Callable[[int, list[DeleteFailed]], None],
) -> bool:
    failures = store.delete_many(keys)
    cut = len(tenancy.root.prefix)
    failed = [
        failed_path(StoragePath.exact("/" + failure.key[cut:]), failure) for failure in failures
    ]
    on_batch(len(keys) - len(failed), failed)
    return not failed
