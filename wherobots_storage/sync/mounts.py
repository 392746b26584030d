"""What is mounted in a home: other disks, and folders of the same disk (bind mounts, subPath).

Device numbers do not tell. A folder that is mounted from the same disk has the home's own; files of
an overlay whose layers lie on two disks, as a container's do, have others than their folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def mounts_below(home: Path) -> frozenset[str]:
    """The paths, relative to a home and without slash, at which something is mounted.

    Where the kernel does not say (no /proc), none. Source: proc_pid_mountinfo(5): the mount's ID
    is the first field, its place the fifth, with spaces and the like in octal.
    """
    try:
        lines = MOUNTINFO.read_bytes().splitlines()
    except OSError:
        return frozenset()
    top = os.fsencode(home).rstrip(b"/") + b"/"
    found = set()
    for line in lines:
        fields = line.split(b" ", 5)
        place = _ESCAPED.sub(lambda match: bytes([int(match[1], 8)]), fields[4])
        if place.startswith(top) and _is_seen(place, fields[0]):
            found.add(os.fsdecode(place[len(top) :]))
    return frozenset(found)


def _is_seen(place: bytes, mount_id: bytes) -> bool:
    """Whether it is this mount that is at the place, not one that another was mounted over."""
    try:
        descriptor = os.open(place, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True  # A dead one, say: what cannot be looked at is not ours.
    try:
        facts = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes()
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return re.search(rb"^mnt_id:\s*" + mount_id + rb"$", facts, re.MULTILINE) is not None
