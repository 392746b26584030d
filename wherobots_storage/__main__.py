"""``python -m wherobots_storage`` is the ``wherobots-storage`` program."""

from __future__ import annotations

import sys

from wherobots_storage.cli import program

if __name__ == "__main__":
    sys.exit(program())
