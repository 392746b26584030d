"""The parts of paging that every adapter shares: opaque cursors, and prefixes rolled up."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wherobots_storage.errors import InvalidInput
from wherobots_storage.objectstore.store import CommonPrefix, ObjectInfo

_DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a listing goes on, tied to that listing's prefix and delimiter.

    ``token`` is the store's own continuation token, or the last key given.
    """

    prefix: str
    delimiter: str
    token: str

    def write(self) -> str:
        """The cursor as it travels: URL-safe text without meaning to anybody else."""
        raw = self._digest() + self.token.encode("utf-8", "surrogatepass")
        return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")

    @classmethod
    def read(cls, text: str, prefix: str, delimiter: str) -> Cursor:
        """The cursor of a listing. Raises InvalidInput when it is of another, or of none."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            token = raw[_DIGEST_BYTES:].decode("utf-8", "surrogatepass")
        except (binascii.Error, ValueError) as error:
            raise InvalidInput("The cursor is not one that a listing gave out.") from error
        cursor = cls(prefix, delimiter, token)
        if not token or raw[:_DIGEST_BYTES] != cursor._digest():
            raise InvalidInput("The cursor belongs to another folder's listing.")
        return cursor

    def _digest(self) -> bytes:
        listing = f"{len(self.prefix)} {self.prefix} {self.delimiter}"
        data = listing.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).digest()


def entry_order(entry: ObjectInfo | CommonPrefix) -> bytes:
    """The sort key of an entry: its key's bytes, as S3 orders listings."""
    text = entry.prefix if isinstance(entry, CommonPrefix) else entry.key
    return text.encode("utf-8", "surrogatepass")


def roll_up(
    infos: Iterable[ObjectInfo], prefix: str, delimiter: str, *, token: str, start_after: str
) -> Iterator[ObjectInfo | CommonPrefix]:
    """Objects under ``prefix`` as a listing shows them, in order.

    ``token`` is the last entry given: after the folder ``a/``, all that lies in it is over.
    ``start_after`` is a key: behind ``a/x``, the folder ``a/`` appears for what follows in it.
    """
    given, behind = (text.encode("utf-8", "surrogatepass") for text in (token, start_after))
    last: CommonPrefix | None = None
    for info in sorted(infos, key=entry_order):
        if not info.key.startswith(prefix) or entry_order(info) <= behind:
            continue
        entry = _rolled(info, prefix, delimiter)
        if entry == last or entry_order(entry) <= given:
            continue
        last = entry if isinstance(entry, CommonPrefix) else None
        yield entry


def _rolled(info: ObjectInfo, prefix: str, delimiter: str) -> ObjectInfo | CommonPrefix:
    if delimiter:
        head, found, _ = info.key[len(prefix) :].partition(delimiter)
        if found:
            return CommonPrefix(prefix + head + delimiter)
    return ObjectInfo(info.key, info.size, info.etag, info.last_modified)
