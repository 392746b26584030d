"""The names below ``.wherobots/`` at the top of the home and of the mirror: ours alone."""

from __future__ import annotations

HOME_ID = "home-id"
"""The file by which a home is known again."""

TMP = "tmp"
"""The folder for restores under way."""

TRASH = "trash"
"""The folder for what a restore takes out of the home."""

LEASE = "lease.json"
"""The object that says which instance writes."""

MIRROR_ID = "mirror-id"
"""The object by which a mirror is known again."""

PROBE = "probe"
"""The folder for small objects that find out what the store is good for, and are deleted again."""

DOCTOR = "doctor"
"""The beginning of the names of objects that ``doctor`` writes, and deletes again."""

IN_HOME = (HOME_ID, f"{TMP}/", f"{TRASH}/")
IN_MIRROR = (LEASE, MIRROR_ID, f"{PROBE}/", f"{DOCTOR}-*")
