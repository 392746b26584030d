"""Looking at a few folders only: what a plan then may and may not do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import PREFIX, Bench, opened

from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.threads import ThreadedTransfers
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.cycle import Cycle
from wherobots_storage.sync.focus import MOST, Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.meanwhile import Meanwhile, scanner_of
from wherobots_storage.sync.mirror import Mirror
from wherobots_storage.sync.report import Report, Stops
from wherobots_storage.sync.state import StateFolder


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A home with a few folders, all in the mirror."""
    bench = Bench(tmp_path, FaultyStore())
    for name in ("top", "a/one", "a/two", "a/b/deep", "c/three"):
        bench.write(name)
    bench.sync()
    return bench


def look(bench: Bench, *focuses: Focus) -> list[Report]:
    """Cycles with a focus, one after the other, by one worker."""
    state = StateFolder.for_settings(bench.settings)
    transfers = ThreadedTransfers(bench.store, workers=2)
    mirror = Mirror(bench.store, transfers, bench.settings.require_tenancy().mirror_prefix)
    with Journal(state.journal_path) as journal:
        home = Home.open(bench.settings, state=state.path)
        cycle = Cycle(home, mirror, journal, on_progress=lambda _: None)
        reports = [cycle.run(Cancel(), focus=focus) for focus in focuses]
    transfers.close()
    return reports


def flat(*folders: str) -> Focus:
    """Folders to look at with their entries."""
    return Focus(flat=frozenset(folders))


def test_only_what_is_looked_at(bench: Bench) -> None:
    """Changes and deletions elsewhere, above, below and beside, wait for a whole scan."""
    for name in ("top2", "a/new", "a/b/new", "c/new"):
        bench.write(name)
    for name in ("top", "a/one", "a/b/deep", "c/three"):
        (bench.home / name).unlink()
    look(bench, flat("a/"))
    assert bench.keys() == ["a/b/deep", "a/new", "a/two", "c/three", "top"]


def test_the_home_itself(bench: Bench) -> None:
    """Looking at the top of the home leaves all that is in its folders alone."""
    (bench.home / "top").unlink()
    bench.write("a/new")
    bench.write("top2")
    look(bench, flat(""))
    assert bench.keys() == ["a/b/deep", "a/one", "a/two", "c/three", "top2"]


def test_a_folder_that_is_gone(bench: Bench) -> None:
    """A folder's end is known by the folder it was in, not by its own absence."""
    shutil.rmtree(bench.home / "a/b")
    look(bench, flat("a/b/"))
    assert "a/b/deep" in bench.keys()  # noqa: SIM118  # no mapping
    look(bench, flat("a/", "a/b/"))
    assert bench.keys() == ["a/one", "a/two", "c/three", "top"]


def test_deep(bench: Bench) -> None:
    """A deep folder brings all that is below it, once, whatever else is looked at."""
    bench.write("n/x/y/z")
    bench.write("n/w")
    (bench.home / "a/b/deep").unlink()
    focus = Focus(flat=frozenset({"", "n/x/", "a/"}), deep=frozenset({"n/", "n/x/"}))
    (report,) = look(bench, focus)
    assert report.moved == 2
    assert bench.keys() == ["a/b/deep", "a/one", "a/two", "c/three", "n/w", "n/x/y/z", "top"]


def test_type_changes(bench: Bench) -> None:
    """A file that became a folder, and a folder that became a file, arrive as what they are."""
    (bench.home / "c/three").unlink()
    bench.write("c/three/x")
    shutil.rmtree(bench.home / "a/b")
    bench.write("a/b")
    look(bench, Focus(flat=frozenset({"a/", "c/"}), deep=frozenset({"c/three/"})))
    assert bench.keys() == ["a/b", "a/one", "a/two", "c/three/x", "top"]


@pytest.mark.parametrize(
    "focus",
    [
        flat("c/three/", "c/three/x/"),
        flat("c/three/x/"),
        Focus(deep=frozenset({"c/three/"})),
        Focus(flat=frozenset({"c/three/x/"}), deep=frozenset({"c/"})),
    ],
    ids=["folder", "below", "deep", "overlapping"],
)
def test_a_folder_in_the_place_of_a_file(bench: Bench, focus: Focus) -> None:
    """What lies in it comes after the file's deletion, wherever in it something was written."""
    (bench.home / "c/three").unlink()
    bench.write("c/three/x/new")
    assert isinstance(bench.store, FaultyStore)
    bench.store.calls.clear()
    (report,) = look(bench, focus)
    assert (report.moved, report.deleted) == (1, 1)
    writes = [call for call in bench.store.calls if call[0] in {"put", "delete"}]
    assert writes == [("delete", f"{PREFIX}c/three"), ("put", f"{PREFIX}c/three/x/new")]
    assert bench.keys() == ["a/b/deep", "a/one", "a/two", "c/three/x/new", "top"]


def test_a_folder_in_the_place_of_a_held_file(bench: Bench) -> None:
    """While a veto holds the file's deletion, what is in the folder of its name waits, listed."""
    for name in ("top", "a/one", "a/two", "a/b/deep", "c/three"):
        (bench.home / name).unlink()
    bench.write("c/three/new")
    (report,) = look(bench, flat("", "a/", "a/b/", "c/", "c/three/"))
    assert report.veto is not None
    (report,) = look(bench, flat("c/three/"))
    assert [(notice.path, notice.code) for notice in report.skipped] == [("c/three/new", "waiting")]
    assert "c/three/new" not in bench.keys()  # noqa: SIM118  # no mapping


def test_what_comes_between_waits_for_its_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in a folder that was a file is none of those that are saved during a cycle."""
    monkeypatch.setattr("wherobots_storage.sync.meanwhile.FIRST", 0.0)
    (bench.home / "c/three").unlink()
    bench.write("c/three/new")
    bench.write("a/new")
    with opened(bench) as (session, _):
        home = session.home()
        between = Meanwhile(
            home,
            scanner_of(home, session.mirror),
            session.journal,
            Stops(),
            take=lambda: flat("a/", "c/three/"),
            rules=home.rules,
        )
        found = {entry.path for entry in between.files()}
    assert "a/new" in found
    assert "c/three/new" not in found


def test_a_short_run_is_not_asked_what_came_between(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is saved in a run that is over at once stays for the hint's own turn after it."""
    monkeypatch.setattr("wherobots_storage.sync.meanwhile.FIRST", 1000.0)
    bench.write("a/new")
    with opened(bench) as (session, _):
        home, asked = session.home(), []
        scanner = scanner_of(home, session.mirror)

        def take() -> Focus:
            asked.append(True)
            return flat("a/")

        between = Meanwhile(home, scanner, session.journal, Stops(), take=take, rules=home.rules)
        assert between.files() == []
    assert asked == []


@pytest.mark.parametrize("where", ["link/", "node_modules/", ".wherobots/", "gone/", "top/"])
def test_what_is_no_folder_of_the_mirror(bench: Bench, tmp_path: Path, where: str) -> None:
    """Links, ignored and reserved folders, what is gone, and files give nothing at all."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    (bench.home / "link").symlink_to(outside)
    bench.write("node_modules/m")
    bench.write(".wherobots/tmp/t")
    before = bench.keys()
    reports = look(bench, flat(where), Focus(deep=frozenset({where})))
    assert [report.moved + report.deleted for report in reports] == [0, 0]
    assert bench.keys() == before


def test_unreadable_is_not_deleted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be read is listed, and nothing of it is deleted."""

    def refuse(_self: object, _folder: str, _device: int) -> None:
        raise PermissionError(13, "Permission denied")

    (bench.home / "a/one").unlink()
    monkeypatch.setattr("wherobots_storage.sync.scan.Scanner._read", refuse)
    (report,) = look(bench, flat("a/"))
    assert [notice.code for notice in report.skipped] == ["unreadable"]
    assert "a/one" in bench.keys()  # noqa: SIM118  # no mapping


def test_vetoes_count_all_that_hints_deleted(tmp_path: Path) -> None:
    """Deletions that come little by little are vetoed like those that come at once."""
    bench = Bench(tmp_path, MemoryStore(bucket="test"))
    for number in range(60):
        bench.write(f"{'ab'[number % 2]}/{number:02}")
    bench.sync()
    for number in range(0, 50, 2):
        (bench.home / f"a/{number:02}").unlink()
    for number in range(1, 21, 2):
        (bench.home / f"b/{number:02}").unlink()
    first, second = look(bench, flat("a/"), flat("b/"))
    assert (first.deleted, first.veto) == (25, None)
    assert second.deleted == 0
    assert second.veto is not None
    assert second.veto.code == "half-gone"
    assert len(bench.keys()) == 35


def test_an_emptied_home_is_vetoed(bench: Bench) -> None:
    """Hints that would leave nothing in the mirror delete nothing."""
    for child in bench.home.iterdir():
        if child.name != ".wherobots":
            shutil.rmtree(child) if child.is_dir() else child.unlink()
    (report,) = look(bench, flat("", "a/", "a/b/", "c/"))
    assert report.veto is not None
    assert report.veto.code == "home-emptied"
    assert len(bench.keys()) == 5


def test_many_entries_and_rows(tmp_path: Path) -> None:
    """Rows are read in pages and subfolders jumped over, without losing or adding one."""
    bench = Bench(tmp_path, MemoryStore(bucket="test"))
    for number in range(450):
        bench.write(f"f/{number:03}{'/x' if number % 50 == 0 else ''}")
    bench.sync()
    (bench.home / "f/449").unlink()
    (bench.home / "f/100/x").unlink()
    (report,) = look(bench, flat("f/"))
    assert (report.moved, report.deleted) == (0, 1)
    assert len(bench.keys()) == 449


def test_wide() -> None:
    """Too many folders, or all that is below the home, are a case for a whole scan."""
    assert Focus(deep=frozenset({""})).is_wide
    assert Focus(flat=frozenset(f"{number}/" for number in range(MOST + 1))).is_wide
    assert not flat("", "a/").is_wide
    assert not Focus()
