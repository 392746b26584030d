"""Every step of the benchmarks works, on a scale that proves nothing else."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import __main__ as program
from benchmarks.__main__ import HEADER, STEPS, document, main
from benchmarks.workbench import Scale, Workbench, workbench

PEERS = Path(__file__).parents[2] / ".make" / "peers" / "bin"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


COMPARED = ("home", "large")
"""The steps that measure the peers too."""

ALONE, BESIDE = "alone", "beside the peers"


@pytest.fixture(scope="module")
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workbench]:
    """A store, with and without programs to compare with."""
    programs = None if request.param == ALONE else PEERS
    if programs is not None and not (programs / "rclone").exists():
        pytest.skip("the peers are not installed: make bench does it")
    with workbench(tmp_path_factory.mktemp("bench"), Scale.tiny(), programs) as made:
        yield made


@pytest.mark.parametrize(
    ("bench", "name"),
    [*((ALONE, name) for name in STEPS), *((BESIDE, name) for name in COMPARED)],
    indirect=["bench"],
)
def test_step(bench: Workbench, name: str) -> None:
    """A step ends, gives tables whose rows fit their columns, and leaves no home behind.

    Only the largest of growing ones, which takes minutes, goes at the very end.
    """
    for section in STEPS[name](bench):
        assert section.rows
        assert {len(row) for row in section.rows} == {len(section.columns)}
        for bar in section.bars:
            # One is a difference: beside other work the idle server may be the later one.
            assert math.isfinite(bar.measured)
            assert bar.unit(bar.measured)
    left = {path.parts[0] for path in _files_left(bench, "*restored*")}
    assert left <= {f"restored-{bench.scale.growth[-1]}"}


def _files_left(bench: Workbench, folders: str) -> list[Path]:
    found = bench.folder.glob(f"{folders}/**/*.bin")
    return [path.relative_to(bench.folder) for path in found]


@pytest.mark.parametrize("bench", [ALONE, BESIDE], indirect=True)
def test_bars_against_peers(bench: Workbench) -> None:
    """Beside the peers a step's bars open the document, each with its figure and verdict."""
    text = document(bench, HEADER, [STEPS["large"]])
    assert re.search(r"^It took \d+ minutes\.$", text, re.MULTILINE)
    assert ("## Bars" in text) == bool(bench.peers)
    if bench.peers:
        assert text.index("## Bars") < text.index("## One file of 17 MiB, up")
        assert "wall time, to that of s5cmd, at most 1.11;" in text


def test_from_the_command_line(tmp_path: Path) -> None:
    """A chosen step is written where it was asked for, and nothing temporary is left."""
    output, folder = tmp_path / "out.md", tmp_path / "work"
    folder.mkdir()
    main(["--quick", "--only", "listing", "--output", str(output), "--folder", str(folder)])
    assert "| 5,000 | 5 |" in output.read_text()
    assert not list(folder.iterdir())


def test_million_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The million's points, and only they, go to a document of their own before their homes go."""
    written: list[bool] = []

    @contextmanager
    def watched(folder: Path, scale: Scale, programs: Path | None) -> Iterator[Workbench]:
        with workbench(folder, scale, programs) as made:
            yield made
            assert _files_left(made, "restored-60")
            written.append((tmp_path / "million.md").exists())

    monkeypatch.setattr(program, "workbench", watched)
    monkeypatch.setattr(program, "MILLIONS", (20, 60))
    monkeypatch.setattr(program, "MILLION", tmp_path / "million.md")
    monkeypatch.setattr(program, "DOCUMENT", tmp_path / "all.md")
    main(["--million"])
    assert written == [True]
    text = (tmp_path / "million.md").read_text()
    assert text.startswith("# A million files")
    assert "| 20 |" in text
    assert "| 60 |" in text
    assert "## Bars" in text
    assert not (tmp_path / "all.md").exists()
