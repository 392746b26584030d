"""Names whose type another instance changed: what stands there makes way before a restore.

``a`` became ``a/b`` in the bucket, or the reverse. What vanished there goes to the trash here in
any case; of such names it goes first, and folders that are empty then go too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wherobots_storage.planning.tree import Record, Remote, ancestors
from wherobots_storage.sync.downloads import Downloader
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.remote import RemoteListing
from wherobots_storage.sync.worklist import Paths


def make_way(
    downloader: Downloader,
    listing: RemoteListing,
    journal: Journal,
    *,
    trash: Paths,
    forget: Iterable[str],
) -> None:
    """Trash what of ``trash`` has a name of another type there, and drop it from it.

    ``forget`` are the paths whose rows go because nothing has them any more, or only a folder that
    lost its marker. What somebody has in such a folder beside stays, and the folder with it.
    """
    with Paths() as first, Paths() as folders:
        for path in trash:
            above = list(_in_the_way(path, listing, journal))
            if above or listing.has_below(f"{path}/"):
                first.add(path)
            for folder in above:
                folders.add(folder)
        for path in forget:
            for folder in _in_the_way(path, listing, journal):
                folders.add(folder)
        if first:
            downloader.trash(first)
            trash.drop(first)
        downloader.remove_empty(folders.deepest_first())


def _in_the_way(path: str, listing: RemoteListing, journal: Journal) -> Iterator[str]:
    """The folders that a path lies in, or is, from one on that is to be restored as a file."""
    names = ancestors(path)
    if path.endswith("/"):
        names.append(path[:-1])
    found = False
    for name in names:
        found = found or _is_coming(listing.get(name), journal.get(name))
        if found:
            yield name


def _is_coming(remote: Remote | None, row: Record | None) -> bool:
    if remote is None or remote.shadowed:
        return False
    return row is None or row.etag != remote.etag
