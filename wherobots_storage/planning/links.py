"""Which symbolic links a restore may make: those that stay inside the home."""

from __future__ import annotations


def stays_inside(path: str, target: str, home: str) -> bool:
    """Whether a link at ``path`` (relative to ``home``) to ``target`` points into the home.

    Judged by its text alone. ``..`` counts only at the front, where the folders it climbs are
    known to be real ones: after a name it could climb out through another link.
    """
    if not target or "\x00" in target:
        return False
    parts = [part for part in target.split("/") if part not in {"", "."}]
    if target.startswith("/"):
        base = home.rstrip("/")
        return ".." not in parts and (target == base or target.startswith(base + "/"))
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    depth = path.rstrip("/").count("/")
    return ".." not in parts[climbs:] and climbs <= depth
