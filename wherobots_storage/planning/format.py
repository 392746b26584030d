"""Format 1 of the mirror: what a home's files, folders and links look like as objects.

A file is an object at its relative path, with the user metadata ``mtime`` (seconds since the
epoch, decimal, as rclone writes and reads it), ``mode`` (octal, masked 0777) and ``sha256`` (hex).
An empty folder, or one with an unusual mode, is a zero-byte object ``path/``; its mode also stands
in its content type, since SeaweedFS keeps no metadata of such objects. A symbolic link is an
object whose body is its target, marked ``symlink: 1``. Objects without this metadata are files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_FILE_MODE = 0o644
EARLIEST_NS, LATEST_NS = -(2**63), 2**63 - 1
"""The times that fit 64 bits, as the journal needs them: 1677 to 2262."""
_NANO = 10**9
_MTIME = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,18}))?")
_MODE = re.compile(r"[0-7]{1,7}")
_MODE_PARAMETER = re.compile(r"application/x-directory;\s*mode=([0-7]{1,3})$")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What an object's metadata says; None where it says nothing, or nothing readable."""

    mtime_ns: int | None
    mode: int | None
    sha256: str | None
    is_symlink: bool


def file_metadata(mtime_ns: int, mode: int, sha256: str) -> dict[str, str]:
    """The user metadata of a file's object."""
    return {"mtime": format_mtime(mtime_ns), "mode": f"{mode & 0o777:o}", "sha256": sha256}


def symlink_metadata(mtime_ns: int, sha256: str) -> dict[str, str]:
    """The user metadata of a link's object; ``sha256`` is its target's."""
    return {"mtime": format_mtime(mtime_ns), "sha256": sha256, "symlink": "1"}


def folder_metadata(mode: int) -> dict[str, str]:
    """The user metadata of a folder's marker."""
    return {"mode": f"{mode & 0o777:o}"}


def folder_content_type(mode: int) -> str:
    """The content type of a folder's marker, which carries its mode as a parameter."""
    return f"application/x-directory; mode={mode & 0o777:o}"


def read_folder_mode(metadata: Mapping[str, str], content_type: str) -> int | None:
    """A folder's mode from its marker, or None when it says nothing."""
    mode = read_metadata(metadata).mode
    if mode is not None:
        return mode
    match = _MODE_PARAMETER.search(content_type)
    return int(match[1], 8) if match is not None else None


def read_metadata(metadata: Mapping[str, str]) -> Facts:
    """The facts in an object's user metadata, whoever wrote it."""
    mode = metadata.get("mode", "")
    digest = metadata.get("sha256", "").lower()
    return Facts(
        mtime_ns=parse_mtime(metadata.get("mtime", "")),
        mode=int(mode, 8) & 0o777 if _MODE.fullmatch(mode) else None,
        sha256=digest if _SHA256.fullmatch(digest) else None,
        is_symlink=metadata.get("symlink") == "1",
    )


def format_mtime(mtime_ns: int) -> str:
    """Nanoseconds since the epoch as decimal seconds: ``1700000000.123456789``."""
    seconds, rest = divmod(abs(mtime_ns), _NANO)
    return f"{'-' if mtime_ns < 0 else ''}{seconds}.{rest:09d}"


def parse_mtime(text: str) -> int | None:
    """Decimal seconds as nanoseconds since the epoch, or None; digits past the ninth are cut.

    A time that does not fit 64 bits becomes the nearest one that does.
    """
    match = _MTIME.fullmatch(text)
    if match is None:
        return None
    sign, seconds, fraction = match.groups()
    value = int(seconds) * _NANO + int((fraction or "0")[:9].ljust(9, "0"))
    return clamped(-value if sign else value)


def clamped(mtime_ns: int) -> int:
    """The nearest modification time from ``EARLIEST_NS`` to ``LATEST_NS``."""
    return max(EARLIEST_NS, min(mtime_ns, LATEST_NS))
