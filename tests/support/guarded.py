"""A store that keeps to a policy, for what is said of one that is too wide."""

from __future__ import annotations

from collections.abc import Iterable

from wherobots_storage.errors import AccessDenied
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.memory_body import MemoryBody
from wherobots_storage.objectstore.store import ListPage, ObjectInfo


class Guarded(MemoryStore):
    """A store that lets keys with these prefixes through, and ``listed`` to be listed, too."""

    def __init__(self, *prefixes: str, listed: tuple[str, ...] = ()) -> None:
        super().__init__(bucket="test")
        self._prefixes = prefixes
        self._listed = (*prefixes, *listed)

    def _check(self, key: str) -> None:
        if not key.startswith(self._prefixes):
            raise AccessDenied("The store says no.")

    def list_page(self, prefix: str, **options: object) -> ListPage:
        if not prefix.startswith(self._listed):
            raise AccessDenied("The store says no.")
        return super().list_page(prefix, **options)  # type: ignore[arg-type]

    def head(self, key: str) -> ObjectInfo:
        self._check(key)
        return super().head(key)

    def get(self, key: str, **options: object) -> MemoryBody:
        self._check(key)
        return super().get(key, **options)  # type: ignore[arg-type]

    def put(self, key: str, body: bytes | Iterable[bytes], **options: object) -> str:
        self._check(key)
        return super().put(key, body, **options)  # type: ignore[arg-type]

    def delete(self, key: str, **options: object) -> None:
        self._check(key)
        super().delete(key, **options)  # type: ignore[arg-type]
