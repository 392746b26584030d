"""Homes to measure with: the same files, sizes and bytes on every machine."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

SEED = 20_260_101
_BLOCK = 1024**2


@dataclass(frozen=True, slots=True)
class Shape:
    """How many files and folders, and how many bytes in all."""

    files: int
    folders: int
    total: int

    @property
    def largest(self) -> int:
        """The upper end of the sizes.

        They are spread log-uniformly from one byte up; the end is where the mean, which is
        (end - 1) / ln(end), gives the total.
        """
        mean = max(2.0, self.total / self.files)
        end = mean
        for _ in range(60):
            end = 1 + mean * math.log(max(end, 2.0))
        return int(end)


def make(home: Path, shape: Shape) -> None:
    """Write a home of this shape; nested folders, contents that do not compress."""
    dice = random.Random(SEED)
    noise = dice.randbytes(_BLOCK + shape.largest)
    top = math.log(shape.largest)
    folders = [home / f"area-{index % 10}" / f"set-{index:04d}" for index in range(shape.folders)]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(shape.files):
        size = int(math.exp(dice.uniform(0.0, top)))
        start = dice.randrange(_BLOCK)
        path = folders[index % shape.folders] / f"file-{index:07d}.bin"
        path.write_bytes(noise[start : start + size])


def change(home: Path, every: int) -> int:
    """Write new bytes into every so-manieth file; how many were changed."""
    dice = random.Random(SEED + 1)
    changed = sorted(home.rglob("*.bin"))[::every]
    for path in changed:
        path.write_bytes(dice.randbytes(path.stat().st_size + 1))
    return len(changed)


def make_large(path: Path, size: int) -> None:
    """Write one large file; its megabytes differ from each other."""
    dice = random.Random(SEED)
    block = dice.randbytes(_BLOCK)
    with path.open("wb") as file:
        for index in range(size // _BLOCK):
            file.write(index.to_bytes(8, "big") + block[8:])
