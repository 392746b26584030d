"""ListObjectsV2 with the standard library's C parser: an eighth of botocore's CPU a page."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from wherobots_storage.errors import InvalidInput, UnexpectedAnswer
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.pages import Cursor, entry_order
from wherobots_storage.objectstore.store import CommonPrefix, ListPage, ObjectInfo

MAX_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed, and from where."""

    prefix: str
    delimiter: str = ""
    cursor: str | None = None
    start_after: str = ""
    limit: int = MAX_LIMIT


def list_page(connection: Connection, listing: Listing) -> ListPage:
    """One page of a listing.

    Raises InvalidInput for a limit out of 1 to 1,000 or a cursor of another listing.
    """
    content = connection.read(connection.url("list_objects_v2", **_parameters(listing)))
    try:
        root = ET.fromstring(content)  # noqa: S314 - expat expands no external entities
        if root.tag.rpartition("}")[2] != "ListBucketResult":
            # A page of a proxy that happens to be XML: not an empty folder.
            raise LookupError  # noqa: TRY301 - told like every other answer that is none
        return _page(root, listing)
    except (ET.ParseError, ValueError, LookupError) as error:
        message = f"{connection.where.host} gave a listing that cannot be read"
        raise UnexpectedAnswer(f"{message} ({type(error).__name__}).") from None


def _parameters(listing: Listing) -> dict[str, str | int]:
    if not 1 <= listing.limit <= MAX_LIMIT:
        raise InvalidInput("A page of a listing has 1 to 1,000 entries.")
    # Without the encoding a key with a control character makes the answer no XML at all.
    chosen: dict[str, str | int] = {"EncodingType": "url", "MaxKeys": listing.limit}
    chosen["Prefix"] = listing.prefix
    if listing.delimiter:
        chosen["Delimiter"] = listing.delimiter
    if listing.cursor is not None:
        cursor = Cursor.read(listing.cursor, listing.prefix, listing.delimiter)
        chosen["ContinuationToken"] = cursor.token
    elif listing.start_after:
        chosen["StartAfter"] = listing.start_after
    return chosen


def _page(root: ET.Element, listing: Listing) -> ListPage:
    space = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
    encoded = root.findtext(f"{space}EncodingType") == "url"
    entries = sorted(_entries(root, space, encoded), key=entry_order)
    cursor = None
    if root.findtext(f"{space}IsTruncated") == "true":
        token = root.findtext(f"{space}NextContinuationToken")
        if not token:
            raise LookupError
        cursor = Cursor(listing.prefix, listing.delimiter, token).write()
    return ListPage(tuple(entries), cursor)


def _entries(root: ET.Element, space: str, encoded: bool) -> Iterator[ObjectInfo | CommonPrefix]:
    for element in root.iterfind(f"{space}Contents"):
        facts = {child.tag[len(space) :]: child.text or "" for child in element}
        yield ObjectInfo(
            key=_decode(facts["Key"], encoded),
            size=int(facts["Size"]),
            etag=facts.get("ETag", "").strip('"'),
            last_modified=_seconds(facts["LastModified"]),
        )
    for element in root.iterfind(f"{space}CommonPrefixes"):
        yield CommonPrefix(_decode(element.findtext(f"{space}Prefix") or "", encoded))


def _decode(text: str, encoded: bool) -> str:
    """A key as it is: servers write a space as '+' and a plus as '%2B', or a space as '%20'."""
    if not encoded:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8", "surrogateescape")


def _seconds(text: str) -> float:
    """Seconds since the epoch of a time such as 2026-01-31T12:00:00.000Z."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
