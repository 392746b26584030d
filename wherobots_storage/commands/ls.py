"""List a folder of the tree, page by page.

PATH is a display path such as /data/shared/ (the default is the root, /). Folders come with a
slash at their end. With --json every entry is one JSON object a line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime

from wherobots_storage.api.models import Entry
from wherobots_storage.commands.context import DONE, Context
from wherobots_storage.commands.output import human_size
from wherobots_storage.errors import InvalidPath, NotFound
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.objectstore.store import CommonPrefix, ObjectInfo, ObjectStore, iterate_keys
from wherobots_storage.settings import Tenancy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("path", nargs="?", default="/", metavar="PATH", help="/data/shared/, say")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(context: Context) -> int:
    """List the folder, or the one file, that PATH names. Raises NotFound, OutsideArea."""
    settings = context.settings()
    tenancy = settings.require_tenancy()
    path = StoragePath.parse(context.arguments.path)
    with context.store(settings) as store:
        for entry in entries(tenancy, store, path):
            context.output.record(entry)
            context.output.line(_columns(entry))
    return DONE


def entries(tenancy: Tenancy, store: ObjectStore, path: StoragePath) -> Iterator[Entry]:
    """What is directly inside ``path``, in the store's order; never more than a page in memory.

    A path without a closing slash may name a folder or a file. Raises OutsideArea for a path
    that is not this customer's, NotFound where nothing is.
    """
    folder = path.as_folder()
    table = tenancy.permissions
    access = table.access(folder)
    if access.synthesised:
        yield from (_folder(tenancy, child) for child in table.children(folder))
        return
    prefix = folder.key(tenancy.root)
    # The fixed folders exist, whether the store has anything in them or not.
    found = access.protected
    for item in iterate_keys(store, prefix, delimiter="/"):
        found = True
        key = item.prefix if isinstance(item, CommonPrefix) else item.key
        place = StoragePath.exact("/" + key[len(tenancy.root.prefix) :])
        if key == prefix or table.is_reserved(place):
            continue
        if isinstance(item, CommonPrefix):
            yield _folder(tenancy, place)
        else:
            yield _file(tenancy, place, item)
    if not found:
        yield _single(tenancy, store, path)


def _single(tenancy: Tenancy, store: ObjectStore, path: StoragePath) -> Entry:
    message = f"There is nothing at {path.display}."
    if path.is_folder:
        raise NotFound(message, path=path.display)
    try:
        return _file(tenancy, path, store.head(path.key(tenancy.root)))
    except NotFound as error:
        raise NotFound(message, path=path.display) from error


def _folder(tenancy: Tenancy, path: StoragePath) -> Entry:
    return Entry(
        name=path.name,
        path=path.display,
        uri=tenancy.root.uri(tenancy.root.prefix + path.display[1:]),
        type="FOLDER",
        protected=not path.is_dotted and tenancy.permissions.access(path).protected,
        problem=_problem(path),
    )


def _file(tenancy: Tenancy, path: StoragePath, item: ObjectInfo) -> Entry:
    modified = datetime.fromtimestamp(item.last_modified, UTC)
    return Entry(
        name=path.name,
        path=path.display,
        uri=tenancy.root.uri(item.key),
        type="FILE",
        protected=False,
        last_modified=modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        size=item.size,
        etag=item.etag,
        problem=_problem(path),
    )


def _problem(path: StoragePath) -> str | None:
    """Why a key that exists can only be listed and deleted, or None."""
    try:
        StoragePath.parse(path.display)
    except InvalidPath as error:
        return f"{error.message} It can only be deleted."
    return None


def _columns(entry: Entry) -> str:
    size = "" if entry.size is None else human_size(entry.size)
    modified = (entry.last_modified or "").replace("T", " ").removesuffix("Z")
    closing = "/" if entry.type == "FOLDER" else ""
    remark = f"   ({entry.problem})" if entry.problem else ""
    return f"{size:>10}  {modified:<19}  {entry.name}{closing}{remark}"
