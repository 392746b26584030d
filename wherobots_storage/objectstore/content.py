"""What bodies of objects may be able to do, beyond what every store's bodies do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable


@runtime_checkable
class FillsBuffers(Protocol):
    """A body that also comes without fresh memory for each piece; not every store's does."""

    def read_into(self, buffer: memoryview) -> int:
        """Fill ``buffer`` with what comes next; fewer bytes at the end of the body, then none.

        Raises StoreUnavailable when the connection breaks, or the body ends early.
        """
        ...


@runtime_checkable
class KnownBody(Protocol):
    """Bytes to send that can be read again, and whose SHA-256 is known beforehand.

    Reading raises, at the latest before the last piece, when they are no longer those.
    """

    @property
    def sha256(self) -> str:
        """In hexadecimal digits."""
        ...

    def __iter__(self) -> Iterator[memoryview]:
        """All of it from the start, in pieces; each is good until the next one is asked for."""
        ...


PartBody = bytes | Iterable[bytes] | KnownBody
"""What a part of a multipart upload is sent from."""
