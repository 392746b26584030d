"""Homes and mirrors as values, read without a word of the engine's, and what a restore owes."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from support.oracle import Value

from wherobots_storage.objectstore.store import ObjectInfo

_MTIME = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,18}))?")


class Facts(NamedTuple):
    """A value with what else is told about it."""

    value: Value
    mode: int | None
    mtime_ns: int | None


def read_home(home: Path) -> dict[str, Facts]:
    """All that is in a folder, less ``.wherobots``: folders with a slash at the end."""
    found: dict[str, Facts] = {}
    for top, folders, files in os.walk(home):
        where = Path(top)
        if where == home:
            folders[:] = [name for name in folders if name != ".wherobots"]
        for name in [*folders, *files]:
            path = where / name
            relative = str(path.relative_to(home))
            facts = path.lstat()
            mode = stat.S_IMODE(facts.st_mode)
            if path.is_symlink():
                target = os.fsencode(path.readlink())
                found[relative] = Facts(("link", target), None, facts.st_mtime_ns)
            elif path.is_dir():
                found[f"{relative}/"] = Facts(("folder", b""), mode, None)
            else:
                value = ("file", path.read_bytes())
                found[relative] = Facts(value, mode, facts.st_mtime_ns)
    return found


def facts_of(path: str, info: ObjectInfo, body: bytes) -> Facts:
    """An object with what its metadata tell, whoever wrote them."""
    mode, mtime_ns = info.metadata.get("mode", ""), mtime_of(info.metadata.get("mtime", ""))
    kind = "link" if info.metadata.get("symlink") == "1" else "file"
    value = ("folder", b"") if path.endswith("/") else (kind, body)
    octal = int(mode, 8) & 0o777 if re.fullmatch("[0-7]{1,7}", mode) else None
    return Facts(value, octal, mtime_ns)


def mtime_of(text: str) -> int | None:
    """A modification time from an object's metadata, within 64 bits, or None."""
    match = _MTIME.fullmatch(text)
    if match is None:
        return None
    sign, seconds, fraction = match.groups()
    value = int(seconds) * 10**9 + int((fraction or "").ljust(9, "0")[:9])
    return within(-value if sign else value)


def within(mtime_ns: int) -> int:
    """The nearest time that 64 bits can tell in nanoseconds."""
    return min(max(mtime_ns, -(2**63)), 2**63 - 1)


def on_disk(folder: Path, mtime_ns: int) -> int:
    """What the file system makes of a time: ext4's begin in 1901, and end in 2446."""
    probe = folder / "time-probe"
    probe.touch()
    os.utime(probe, ns=(mtime_ns, mtime_ns))
    found = probe.stat().st_mtime_ns
    probe.unlink()
    return within(found)


def expected_home(
    mirror: dict[str, Facts], written: dict[str, int], home: Path, umask: int = 0o022
) -> tuple[dict[str, Facts], set[str]]:
    """What a restore has to make of a mirror, and the names that it has to refuse."""
    expected: dict[str, Facts] = {}
    refused = set()
    for path, facts in mirror.items():
        kind, body = facts.value
        segments = path.removesuffix("/").split("/")
        shadowed = kind != "folder" and any(other.startswith(f"{path}/") for other in mirror)
        if shadowed or any(name == "" or len(name.encode()) > 255 for name in segments):
            refused.add(path)
            continue
        if kind == "link":
            target = os.path.normpath(home / Path(path).parent / os.fsdecode(body))
            if not target.startswith(f"{home}/") and target != str(home):
                refused.add(path)
                continue
        for count in range(1, len(segments)):
            above = "/".join(segments[:count]) + "/"
            expected.setdefault(above, Facts(("folder", b""), 0o777 & ~umask, None))
        mode = facts.mode
        if mode is None and kind != "link":
            mode = (0o777 if kind == "folder" else 0o644) & ~umask
        mtime_ns = facts.mtime_ns
        if kind != "folder":
            mtime_ns = on_disk(home.parent, written[path] if mtime_ns is None else mtime_ns)
        expected[path] = Facts(facts.value, mode, mtime_ns)
    return expected, refused


def digest(body: bytes) -> str:
    """The SHA-256 of bytes, as metadata has it."""
    return hashlib.sha256(body).hexdigest()
