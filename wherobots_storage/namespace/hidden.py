"""Folder names that a store keeps for itself: it takes what is put there, and never lists it."""

from __future__ import annotations

from collections.abc import Collection

KNOWN: tuple[str, ...] = (".uploads", "*.versions")
"""Such names, with one ``*`` at the front for any beginning, at whatever depth. SeaweedFS keeps a
bucket's multipart uploads and its objects' versions there (measured with 4.48)."""


def is_hidden(hidden: Collection[str], name: str) -> bool:
    """Whether a folder's name is one of those that are ``hidden``."""
    return any(
        name.endswith(pattern[1:]) if pattern.startswith("*") else name == pattern
        for pattern in hidden
    )


def lies_hidden(hidden: Collection[str], path: str) -> bool:
    """Whether a path has such a folder in it; a folder's own path ends with a slash."""
    return bool(hidden) and any(is_hidden(hidden, name) for name in path.split("/")[:-1])
