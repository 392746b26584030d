"""How much is in a folder that is not looked at otherwise."""

from __future__ import annotations

import os
from pathlib import Path


def count(folder: Path) -> tuple[int, int]:
    """The files in and below a folder, and their bytes."""
    files = size = 0
    stack = [folder]
    while stack:
        try:
            with os.scandir(stack.pop()) as found:
                for child in found:
                    if child.is_dir(follow_symlinks=False):
                        stack.append(Path(child.path))
                    else:
                        files += 1
                        size += child.stat(follow_symlinks=False).st_size
        except OSError:
            continue  # A count for people: what cannot be read is left out of it.
    return files, size
