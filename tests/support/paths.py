"""Paths as hypothesis makes them: legal ones, and hostile ones near the borders of areas."""

from __future__ import annotations

from hypothesis import strategies as st

from wherobots_storage.namespace.paths import Root

CUSTOMER = "customer-a1"

NEIGHBOURS = (
    "customer-a1x",
    "customer-a",
    "customer-A1",
    "customer-a1.",
    "customer-a1 ",
    "shared2",
)
"""Names that a careless prefix comparison takes for the customer's, or for the shared folder."""

ROOTS = (Root("my-bucket", ""), Root("my-bucket", "org/"), Root("b.ucket", "a/b c/"))


def segments() -> st.SearchStrategy[str]:
    """One legal segment, odd characters included."""
    text = st.text(
        st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), max_size=12
    )
    odd = st.sampled_from(
        ["", " ", "...", "%2e%2e", "..%2f", "a\\..\\b", "\x01", "😀", "*", "${x}"]
    )
    return (text | odd).filter(lambda segment: segment not in {".", ".."})


def relatives() -> st.SearchStrategy[str]:
    """A legal key relative to the root."""
    return st.lists(segments(), min_size=1, max_size=6).map("/".join).filter(bool)


def displays() -> st.SearchStrategy[str]:
    """A legal display path, of a file or a folder."""
    return st.tuples(relatives() | st.just(""), st.booleans()).map(
        lambda pair: "/" + pair[0] + ("/" if pair[1] and pair[0] else "")
    )


def hostile() -> st.SearchStrategy[str]:
    """A display path made of the tree's own names, their neighbours, and tricks."""
    known = ["data", "notebooks", "spark-logs", "shared", "warehouse", CUSTOMER, *NEIGHBOURS]
    tricks = [".", "..", "", " ", "%2e%2e", "..\\", "\\", "*", ".wherobots", "DATA", "x"]
    piece = st.sampled_from(known + tricks)
    return st.lists(piece, max_size=7).map(lambda parts: "/" + "/".join(parts))
