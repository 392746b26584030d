"""Ranges and names of a download, without a server."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherobots_storage.errors import RangeNotSatisfiable
from wherobots_storage.handlers.ranges import content_disposition, parse_range
from wherobots_storage.objectstore.store import ByteRange


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-4", ByteRange(2, 5)),
        ("bytes=2-", ByteRange(2, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("bytes=5-99", ByteRange(5, 10)),
        (" bytes = 2 - 4 ", ByteRange(2, 5)),
        ("bytes=0-1,3-4", None),
        ("bytes=4-2", None),
        ("bytes=-", None),
        ("bytes=x-2", None),
        ("items=0-1", None),
        ("bytes=0-1-2", None),
    ],
)
def test_a_single_sound_range_is_read_and_every_other_header_ignored(
    header: str | None, expected: ByteRange | None
) -> None:
    """What RFC 9110 lets a server ignore is ignored: the answer is then the whole file."""
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99-"])
def test_a_range_after_the_end_cannot_be_had(header: str) -> None:
    """A range without a byte of the file in it is told as such."""
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, 10)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_makes_a_header_that_is_one_line_of_ascii(name: str) -> None:
    """No name breaks out of its quotes or its line, and the browser can read it back."""
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    start, plain, rest = header.split('"')
    assert start == "attachment; filename="
    assert not set(plain) & set("\\/%")
    assert unquote(rest.removeprefix("; filename*=UTF-8''")) == (name or "download")
