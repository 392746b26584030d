"""Homes to measure with are the same each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import fixture
from benchmarks.fixture import Shape


def picture(home: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*.bin")}


def test_same_home_each_time(tmp_path: Path) -> None:
    """Two homes of one shape are equal, byte for byte."""
    shape = Shape(60, 7, 60_000)
    fixture.make(tmp_path / "a", shape)
    fixture.make(tmp_path / "b", shape)
    found = picture(tmp_path / "a")
    assert found == picture(tmp_path / "b")
    assert len(found) == 60
    assert len({Path(name).parent for name in found}) == 7


@pytest.mark.parametrize("mean", [64, 11_500, 1_000_000])
def test_sizes_make_the_total(tmp_path: Path, mean: int) -> None:
    """Sizes begin at a byte and reach about the total that was asked for."""
    shape = Shape(400, 4, 400 * mean)
    fixture.make(tmp_path, shape)
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.bin")]
    assert 1 <= min(sizes) < max(sizes) <= shape.largest
    assert 0.7 < sum(sizes) / shape.total < 1.3


def test_change_rewrites_some(tmp_path: Path) -> None:
    """Every so-manieth file gets other bytes and another size, no other file does."""
    fixture.make(tmp_path, Shape(40, 2, 40_000))
    before = picture(tmp_path)
    assert fixture.change(tmp_path, 10) == 4
    after = picture(tmp_path)
    changed = [name for name in before if before[name] != after[name]]
    assert len(changed) == 4
    assert all(len(after[name]) == len(before[name]) + 1 for name in changed)


def test_large_file(tmp_path: Path) -> None:
    """A large file has its size, and no two of its megabytes are equal."""
    path = tmp_path / "large"
    fixture.make_large(path, 3 * 1024**2)
    content = path.read_bytes()
    assert len(content) == 3 * 1024**2
    assert len({content[start : start + 1024**2] for start in range(0, len(content), 1024**2)}) == 3
