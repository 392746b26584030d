"""What is read of an object in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.objectstore.store import ObjectInfo


class MemoryBody:
    """An object's bytes; satisfies ``ObjectBody``."""

    def __init__(self, info: ObjectInfo, body: bytes) -> None:
        self._info = info
        self._body: bytes | None = body
        self._length = len(body)

    @property
    def info(self) -> ObjectInfo:
        """The object that is read."""
        return self._info

    @property
    def length(self) -> int:
        """How many bytes this body has."""
        return self._length

    def chunks(self, size: int = 1024**2) -> Iterator[bytes]:
        """The bytes, in pieces of at most ``size``. Raises StoreUnavailable once closed."""
        for start in range(0, self._length, size):
            if self._body is None:
                raise StoreUnavailable("The connection was closed while the object was read.")
            yield self._body[start : start + size]

    def close(self) -> None:
        """Let the bytes go."""
        self._body = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
