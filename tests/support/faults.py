"""A store that fails on demand, and that runs something before and after its requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wherobots_storage.namespace.hidden import KNOWN, lies_hidden
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ListPage, ObjectInfo

SYNC_REQUESTS = (
    "list_page",
    "head",
    "get",
    "put",
    "delete",
    "copy",
    "create_multipart",
    "upload_part",
    "list_parts",
    "complete_multipart",
    "abort_multipart",
)
"""The methods that a sync calls for what it brings; each is a request to the store."""

REQUESTS = frozenset({*SYNC_REQUESTS, "delete_many", "list_uploads"})
"""All methods that are."""


class FaultyStore(MemoryStore):
    """A store in memory whose methods can be made to fail, and whose calls are written down.

    ``before`` is called with the method's name and its first argument before every request, and
    may raise what the request should raise. ``after`` is called with the same and the result, when
    the work is done: what it returns is the answer, and what it raises is an answer that was lost
    on its way. Requests for the lease and the mirror's id, which every run makes, are left out of
    all this, unless ``lease_too``.
    """

    lease_too = False

    def __init__(self, bucket: str = "test") -> None:
        super().__init__(bucket)
        self.before: Callable[[str, str], None] = lambda _name, _key: None
        self.after: Callable[[str, str, Any], Any] = lambda _name, _key, result: result
        self.calls: list[tuple[str, str]] = []

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name not in REQUESTS:
            return value

        def request(key: str, *arguments: Any, **options: Any) -> Any:
            if str(key).endswith(("/lease.json", "/mirror-id")) and not self.lease_too:
                return value(key, *arguments, **options)
            self.calls.append((name, key))
            self.before(name, key)
            return self.after(name, key, value(key, *arguments, **options))

        return request

    def heal(self) -> None:
        """Fail no more, and forget the calls."""
        self.before = lambda _name, _key: None
        self.after = lambda _name, _key, result: result
        self.calls.clear()

    def count(self, name: str, part: str = "") -> int:
        """How often a method was called with ``part`` in its key, the probe's calls left out."""
        return sum(
            1
            for method, key in self.calls
            if method == name and part in key and "/probe/" not in key
        )


class HidingStore(FaultyStore):
    """It takes what is put into folders with certain names, and lists none of it, as SeaweedFS."""

    def __init__(self, bucket: str = "test") -> None:
        super().__init__(bucket)
        self.hides = True

    def list_page(self, prefix: str, **options: Any) -> ListPage:
        """A page, which may have fewer entries than there are, without what is hidden."""
        page = super().list_page(prefix, **options)
        shown = tuple(
            entry
            for entry in page.entries
            if not self.hides
            or not lies_hidden(KNOWN, entry.key if isinstance(entry, ObjectInfo) else entry.prefix)
        )
        return ListPage(shown, page.cursor)


class PagedStore(FaultyStore):
    """It lists ``limit`` keys at a time."""

    limit = 1000

    def list_page(self, prefix: str, **options: Any) -> Any:
        """A page."""
        return super().list_page(prefix, **{"limit": self.limit, **options})
