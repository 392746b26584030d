"""Tests of the reserved names: the documentation has all of them, and the code no others."""

from __future__ import annotations

import re
from pathlib import Path

import wherobots_storage
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.reserved import IN_HOME, IN_MIRROR

PACKAGE = Path(wherobots_storage.__file__).parent
DOCUMENT = Path(__file__).parents[2] / "docs" / "sync.md"
ROW = re.compile(rf"^\| `{re.escape(RESERVED_NAME)}/(\S+)` \| (home|mirror) \|", re.MULTILINE)


def test_the_documentation_lists_them() -> None:
    """The table of what lies below the reserved name is that of the code."""
    listed = ROW.findall(DOCUMENT.read_text("utf-8"))
    known = [(name, "home") for name in IN_HOME] + [(name, "mirror") for name in IN_MIRROR]
    assert sorted(listed) == sorted(known)


def test_no_name_is_written_out() -> None:
    """What the code puts below the reserved name is one of these, and not a word of its own."""
    written = re.compile(r"RESERVED_NAME\}/\w|_folder\}\w|\.work / f?\"\w")
    found = {
        f"{file.relative_to(PACKAGE)}: {line.strip()}"
        for file in PACKAGE.rglob("*.py")
        for line in file.read_text("utf-8").splitlines()
        if written.search(line)
    }
    assert found == set()
