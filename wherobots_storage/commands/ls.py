"""List a folder of the tree, page by page.

PATH is a display path such as /data/shared/ (the default is the root, /). Folders come with a
slash at their end. With --json every entry is one JSON object a line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from wherobots_storage.api.models import Entry
from wherobots_storage.commands.context import DONE, Context
from wherobots_storage.commands.output import human_size
from wherobots_storage.errors import NotFound
from wherobots_storage.handlers.browse import has_folder, list_fixed, list_folder, stat
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Tenancy

_PAGE = 1000


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
    cursor: str | None = None
    access = tenancy.permissions.access(path.as_folder())
    if access.synthesised:
        yield from list_fixed(tenancy, path).entries
        return
    # The fixed folders exist, whether anything is in them or not.
    found = access.protected
    while True:
        page = list_folder(store, tenancy, path, cursor=cursor, limit=_PAGE)
        found = found or bool(page.entries)
        yield from page.entries
        cursor = page.cursor
        if cursor is None:
            break
    if not found and not has_folder(store, tenancy, path):
        try:
            yield stat(store, tenancy, path)
        except NotFound as error:
            raise NotFound(f"There is nothing at {path.display}.", path=path.display) from error


def _columns(entry: Entry) -> str:
    size = "" if entry.size is None else human_size(entry.size)
    modified = (entry.last_modified or "").replace("T", " ").removesuffix("Z")
    closing = "/" if entry.type == "FOLDER" else ""
    remark = f"   ({entry.problem})" if entry.problem else ""
    return f"{size:>10}  {modified:<19}  {entry.name}{closing}{remark}"
