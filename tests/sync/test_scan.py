from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherobots_storage.errors import HomeMissing
from wherobots_storage.planning.backup import plan_pairs
from wherobots_storage.planning.changes import changes
from wherobots_storage.planning.ignore import IgnoreRules
from wherobots_storage.planning.merge import in_order
from wherobots_storage.planning.tree import (
    Directory,
    Entry,
    File,
    Ignored,
    Problematic,
    Record,
    Symlink,
)
from wherobots_storage.sync.children import RUN
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.plain import Sieve
from wherobots_storage.sync.scan import Scanner, examine

names = st.text(st.sampled_from("ab.-0 /äé名🙂\n\\"), min_size=1, max_size=12)


@given(st.lists(names, max_size=12))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_order_is_that_of_the_keys(tmp_path: Path, paths: list[str]) -> None:
    """Whatever the names, a scan comes in the order of the keys' UTF-8 bytes."""
    home = tmp_path / str(time.monotonic_ns())
    home.mkdir()
    for path in paths:
        try:
            file = home / path.strip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        except OSError:
            continue  # a file is where a folder would have to be, or the reverse
    found = [entry.path for entry in in_order(Scanner(home).scan())]
    assert found == sorted(found, key=lambda path: path.encode())


def test_kinds(tmp_path: Path) -> None:
    """Files, links and folders come with what the journal needs of them."""
    (tmp_path / "file").write_bytes(b"four")
    (tmp_path / "file").chmod(0o4755)
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    (tmp_path / "hollow").mkdir(mode=0o750)
    found = {entry.path: entry for entry in Scanner(tmp_path).scan()}
    facts = (tmp_path / "file").stat()
    assert found["file"] == File(
        "file", 4, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, 0o755
    )
    assert isinstance(found["link"], Symlink)
    assert found["full/"] == Directory("full/", 0o755, empty=False)
    assert found["hollow/"] == Directory("hollow/", 0o750, empty=True)
    assert found[""] == Directory("", tmp_path.stat().st_mode & 0o777, empty=False)


def test_a_folder_of_ignored_things_is_empty(tmp_path: Path) -> None:
    """A folder whose contents are all left out counts as empty, and so keeps its place."""
    (tmp_path / "d/.cache").mkdir(parents=True)
    (tmp_path / "d/.cache/x").write_bytes(b"12")
    found = {
        entry.path: entry for entry in Scanner(tmp_path, rules=IgnoreRules([".cache/"])).scan()
    }
    assert found["d/"] == Directory("d/", 0o755, empty=True)
    assert found["d/.cache/"] == Ignored("d/.cache/", 1, 2)


def test_other_file_systems_are_not_entered(tmp_path: Path) -> None:
    """What is mounted below the home is listed, not saved."""
    scanner = Scanner(Path("/"), reserved=("proc/nothing/",))
    found = next(entry for entry in scanner.scan() if entry.path == "proc/")
    assert isinstance(found, Problematic)
    assert found.code == "other-filesystem"
    assert tmp_path.exists()


def test_a_quick_look_finds_what_a_close_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry is the same whether plain files are told from the others beforehand or not."""
    for name in ("a", "d/a", "d/ä", "ä/a", "d/a\\b", "d/a\tb", "d/x.log", "d/.cache/x", "s/ours/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    (tmp_path / "s/ourselves").write_bytes(b"12")
    (tmp_path / "d" / ("n" * 80)).touch()
    (tmp_path / "d/link").symlink_to("a")
    os.mkfifo(tmp_path / "d/fifo")
    os.utime(tmp_path / "d/a", ns=(0, 2**63 - 1 + 10**9))
    rules = IgnoreRules(["*.log", ".cache/"])

    def scan() -> list[Entry]:
        unfaithful = frozenset("\\")
        scanner = Scanner(tmp_path, reserved=("s/ours/",), prefix_bytes=950, unfaithful=unfaithful)
        return list(scanner.scan(rules))

    quick = scan()
    with monkeypatch.context() as patched:
        patched.setattr(Sieve, "sift", lambda _self, _folder, found, *_entries, **_: found)
        assert scan() == quick
    assert {entry.path for entry in quick if isinstance(entry, Problematic)} == {
        "d/a\\b",
        "d/fifo",
        "d/" + "n" * 80,
    }
    assert not any(entry.path.startswith("s/ours/") for entry in quick)


def test_a_large_folder_comes_in_parts(tmp_path: Path) -> None:
    """A run is never longer than its bound, folders stand alone, and none is empty."""
    for number in range(RUN + 2):
        (tmp_path / f"f{number:04}").touch()
    for name in ("a", "f0100", "z"):
        (tmp_path / f"{name}d").mkdir()
        (tmp_path / f"{name}d/x").touch()
    runs = list(Scanner(tmp_path).runs())
    assert [entry for run in runs for entry in run] == list(Scanner(tmp_path).scan())
    assert [len(run) for run in runs] == [1, 1, 1, 101, 1, 1, 401, 1, 1]


def test_missing_home(tmp_path: Path) -> None:
    """A home that is not there, or is a file, is an error and no empty scan."""
    (tmp_path / "file").touch()
    for name in ("nothing", "file"):
        with pytest.raises(HomeMissing):
            list(Scanner(tmp_path / name).scan())


def test_examine(tmp_path: Path) -> None:
    """One path is examined as a scan would have it; a FIFO or nothing is None."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").touch()
    os.mkfifo(tmp_path / "fifo")
    assert isinstance(examine(tmp_path, "d/f"), File)
    assert isinstance(examine(tmp_path, "d/"), Directory)
    assert examine(tmp_path, "fifo") is None
    assert examine(tmp_path, "d/f/below") is None
    assert examine(tmp_path, "nothing") is None


def test_cost_of_an_unchanged_home(tmp_path: Path) -> None:
    """Ten thousand unchanged files cost about what it takes to ask for the facts of each."""
    home = tmp_path / "home"
    for folder in range(100):
        (home / f"d{folder}").mkdir(parents=True)
        for number in range(100):
            (home / f"d{folder}/f{number}").touch()
    scanner = Scanner(home, rules=IgnoreRules([".cache/", "*.tmp", "!keep.tmp"]))
    with Journal(tmp_path / "journal.sqlite") as journal:
        for entry in scanner.scan():
            if isinstance(entry, File):
                journal.put(Record(entry.path, "file", *entry[1:], "sha", "etag", 0.0))
        journal.commit()
        began = time.process_time()
        pairs = changes(scanner.runs(), journal.facts(), journal.get)
        assert list(plan_pairs(pairs, folder_mode=0o755)) == []
        between = time.process_time()
    facts = [file.lstat() for file in home.glob("d*/f*")]
    assert len(facts) == 10_000
    # Of this very machine, as busy as it is: measured at 0.9 of it.
    assert between - began < 10 * (time.process_time() - between)
