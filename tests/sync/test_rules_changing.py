"""An ignore file in the middle of being saved: what it kept back goes nowhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.agents import eventually, running_agent
from support.faults import FaultyStore
from support.homes import Bench, codes, opened, settings_for

from wherobots_storage.planning.ignore import IGNORE_FILE, IgnoreRules
from wherobots_storage.sync import leftout
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.controller import Watch
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.watch import Watcher

RULES = b"# mine\nsecret/\n*.key\n"


@pytest.fixture
def kept(bench: Bench) -> Bench:
    """A home whose ignore file keeps two files back, and all else of it in the bucket."""
    bench.write(IGNORE_FILE, RULES)
    for name in ("secret/one", "two.key", "a"):
        bench.write(name, name.encode())
    assert bench.sync().complete
    assert bench.keys() == [IGNORE_FILE, "a"]
    return bench


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ignore file that lost lines is not believed while the test lasts."""
    monkeypatch.setattr(leftout, "QUIET_SECONDS", 3600.0)
    monkeypatch.setattr(leftout, "GONE_SECONDS", 3600.0)


def truncate(path: Path) -> None:
    """As an editor begins to save."""
    os.truncate(path, 0)


def halve(path: Path) -> None:
    """The first block is written."""
    path.write_bytes(RULES[:12])


def unlink(path: Path) -> None:
    """As between a rename to a backup and the new file."""
    path.unlink()


def take_back_in(path: Path) -> None:
    """A line more, that leaves out less."""
    path.write_bytes(RULES + b"!two.key\n")


@pytest.mark.parametrize("change", [truncate, halve, unlink, take_back_in])
def test_nothing_goes_that_was_kept_back(kept: Bench, change: Callable[[Path], None]) -> None:
    """Neither a sync, nor hints, nor what is saved during a cycle brings what was left out."""
    with opened(kept) as (session, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr(leftout, "QUIET_SECONDS", 3600.0)
        patch.setattr(leftout, "GONE_SECONDS", 3600.0)
        session.cycle(Cancel(seconds=60))
        change(kept.home / IGNORE_FILE)
        kept.write("secret/new")
        kept.write("b")
        focus = Focus(frozenset({"", "secret/"}))
        session.hinted(Cancel(), focus)
        session.hints = lambda: focus
        report = session.cycle(Cancel(seconds=60))
        assert [notice.code for notice in report.skipped] == ["rules-changing"]
        assert set(kept.keys()) - {IGNORE_FILE} == {"a", "b"}


@pytest.mark.parametrize("change", [truncate, halve, unlink, take_back_in])
def test_one_sync_believes_it_in_the_end(kept: Bench, change: Callable[[Path], None]) -> None:
    """Rules that stay as they are hold after a moment, within the very same sync."""
    change(kept.home / IGNORE_FILE)
    assert kept.sync().complete
    assert "two.key" in kept.keys()  # noqa: SIM118  # no mapping


@pytest.mark.usefixtures("patient")
def test_more_rules_hold_at_once(kept: Bench) -> None:
    """What is left out from now on need not wait for anything."""
    kept.write(IGNORE_FILE, b"# mine\nother/\n" + RULES.removeprefix(b"# mine\n"))
    kept.write("other/x")
    kept.write("b")
    assert kept.sync().complete
    assert kept.keys() == [IGNORE_FILE, "a", "b"]


@pytest.mark.usefixtures("patient")
def test_what_is_new_is_left_out_while_lines_go(kept: Bench) -> None:
    """Lines that come hold at once, also beside others that go."""
    kept.write(IGNORE_FILE, b"other/\n")
    kept.write("other/x")
    with opened(kept) as (session, _):
        session.cycle(Cancel(seconds=60))
    assert kept.keys() == [IGNORE_FILE, "a"]


def test_a_whole_file_comes_back(kept: Bench) -> None:
    """An editor that is done in time has changed nothing: nothing went, and nothing is listed."""
    path = kept.home / IGNORE_FILE
    with opened(kept) as (session, _):
        session.cycle(Cancel())
        truncate(path)
        session.hinted(Cancel(), Focus(frozenset({"", "secret/"})))
        path.write_bytes(RULES)
        assert session.cycle(Cancel()).is_complete
    assert kept.keys() == [IGNORE_FILE, "a"]


@pytest.mark.usefixtures("patient")
def test_a_final_sync_has_no_time_for_it(kept: Bench) -> None:
    """With a deadline everything else is saved at once, and the file is listed."""
    truncate(kept.home / IGNORE_FILE)
    kept.write("b")
    outcome = kept.final(30.0)
    assert codes(outcome)[IGNORE_FILE] == "rules-changing"
    assert set(kept.keys()) == {IGNORE_FILE, "a", "b"}


def test_an_emptied_home_is_another_thing(kept: Bench) -> None:
    """Where only what is left out remains, deletions are judged without the rules that go."""
    (kept.home / "a").unlink()
    unlink(kept.home / IGNORE_FILE)
    outcome = kept.sync()
    assert outcome.status.veto is None
    assert kept.keys() == ["secret/one", "two.key"]


@pytest.mark.usefixtures("patient")
def test_an_agent_and_an_editor(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watching agent, and an editor that empties and writes the file again and again."""
    bench.settings = settings_for(bench.home, bench.state, store.bucket, sync_interval=0.2)
    bench.write(IGNORE_FILE, RULES)
    for name in ("secret/one", "two.key", "a"):
        bench.write(name)
    with running_agent(bench.settings, store, watching(bench)):
        eventually(lambda: bench.keys() == [IGNORE_FILE, "a"])
        with editing(bench.home / IGNORE_FILE):
            for number in range(5):
                bench.write(f"n{number}")
                bench.write(f"secret/n{number}")
                eventually(lambda n=number: f"n{n}" in bench.keys())  # type: ignore[misc]  # noqa: SIM118
        keys = bench.keys()
        assert not [key for key in keys if "secret" in key or "key" in key]
        monkeypatch.setattr(leftout, "QUIET_SECONDS", 0.2)
        bench.write(IGNORE_FILE, b"*.key\n")
        eventually(lambda: "secret/one" in bench.keys())  # noqa: SIM118
    assert "two.key" not in bench.keys()  # noqa: SIM118


def watching(bench: Bench) -> Watch:
    """A watcher of a bench's home."""
    home = Home.open(bench.settings)
    return lambda hint, trouble: Watcher(home, hint, trouble)


@contextmanager
def editing(path: Path) -> Iterator[None]:
    """A process that saves the same rules in place, in three steps, as long as this lasts."""
    script = (
        'while [ ! -e "$0.end" ]; do : > "$0"; sleep 0.05; printf "%s" "$1" > "$0"; sleep 0.05;'
        ' mv "$0" "$0.bak"; sleep 0.05; printf "%s" "$2" > "$0"; sleep 0.05; done'
    )
    halves = (RULES[:12].decode(), RULES.decode())
    with subprocess.Popen(["sh", "-c", script, path, *halves]) as process:
        try:
            yield
        finally:
            path.with_name(f"{path.name}.end").touch()
            process.wait()


@pytest.mark.parametrize(
    ("before", "after", "only_adds"),
    [
        ("", "", True),
        ("a\nb", "a\nb", True),
        ("a\nb", "x\na\ny\nb\nz", True),
        ("a\nb", "a", False),
        ("a\nb", "b\na", False),
        ("a\nb", "", False),
        ("a\nb", "a\nb\n!c", False),
        ("a\nb", "a\n!c\nb", False),
        ("a\n!c\nb", "a\n!c\nb\nd", True),
        ("a\nsecret/", "a\nsec", False),
    ],
)
def test_only_adds(before: str, after: str, *, only_adds: bool) -> None:
    """Rules that leave out no less have all lines of the others, and take nothing back in."""
    assert IgnoreRules(after.split("\n")).only_adds_to(before) is only_adds
