"""What each kind of store can do: the one table of the known differences between them.

The contract suite asserts every entry in both directions, so that the table stays true.
"""

from __future__ import annotations

from dataclasses import dataclass

ODD_KEYS: dict[str, str] = {
    "space": "odd/a b",
    "edge spaces": "odd/ a ",
    "plus": "odd/a+b",
    "percent": "odd/100%",
    "escaped dot": "odd/%2e%2e/a",
    "escaped slash": "odd/a%2Fb",
    "hash": "odd/a#b",
    "question mark": "odd/a?b=c&d",
    "semicolon": "odd/a;b=1",
    "quotes": "odd/'single' \"double\" `back`",
    "xml": "odd/<a>&amp;]]>",
    "punctuation": "odd/!$*()[]{}|^~@=,:",
    "tab": "odd/a\tb",
    "line feed": "odd/a\nb",
    "carriage return": "odd/a\rb",
    "control": "odd/a\x01\x1f\x7fb",
    "emoji": "odd/😀/🏳️‍🌈",
    "composed": "odd/\u00e9",
    "decomposed": "odd/e\u0301",
    "line separator": "odd/a\u2028b",
    "no character": "odd/a\ufffeb",
    "hidden": "odd/..a/...",
    "backslash": "odd/back\\slash",
    "empty segment": "odd/empty//segment",
    "leading slash": "/leading/slash",
    "long": "odd/" + "l" * 200 + "/" + "é" * 100,
}
"""Names that are data: each must be listed, written, read, copied and deleted as it is."""

DOTTED_KEYS = ("a/../b", "./b", "../b", "a/.", "a/./b", "..", ".")
"""Keys that cannot stand in a URL's path: only listed, and deleted in a batch."""


@dataclass(frozen=True, slots=True)
class Server:
    """One kind of store, and where it departs from S3."""

    name: str
    condition_on_copy: bool = True
    none_match_on_complete: bool = True
    match_on_complete: bool = True
    part_knows_lost_upload: bool = True
    complete_knows_lost_upload: bool = True
    """Whether NoSuchUpload answers a part for, or the completion of, an unknown upload."""
    condition_on_delete: bool = True
    enforces_part_size: bool = True
    lists_uploads: bool = True
    folders_are_objects: bool = True
    """Whether an object named like a folder (``a/``) has content and metadata, and is copied."""
    rewritten: frozenset[str] = frozenset()
    """Names in ODD_KEYS that it stores as another key."""
    refused: frozenset[str] = frozenset()
    """Names in ODD_KEYS that it answers with an error."""
    refused_in_parts: frozenset[str] = frozenset()
    """Names in ODD_KEYS for which it cannot begin a multipart upload."""
    uploads_misspelt: frozenset[str] = frozenset()
    """Names in ODD_KEYS that its list of uploads, which is plain XML, shows as another key."""


_NOT_XML = frozenset({"control", "no character"})

MEMORY = Server("memory")
MOTO = Server(
    "moto",
    condition_on_copy=False,
    match_on_complete=False,
    part_knows_lost_upload=False,
    complete_knows_lost_upload=False,
    refused=frozenset({"line feed"}),
    refused_in_parts=_NOT_XML,
    uploads_misspelt=frozenset({"carriage return"}),
)
SEAWEED = Server(
    "SeaweedFS",
    folders_are_objects=False,
    rewritten=frozenset({"backslash", "empty segment", "leading slash"}),
    uploads_misspelt=_NOT_XML,
)
CEPH = Server(
    "Ceph RGW 16",
    condition_on_copy=False,
    none_match_on_complete=False,
    match_on_complete=False,
    complete_knows_lost_upload=False,
    condition_on_delete=False,
    refused_in_parts=_NOT_XML,
)
