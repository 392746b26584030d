"""A veto stands until it is answered: what it holds is held by every run that follows."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, Bench, everything, opened

from wherobots_storage.planning.safety import Veto
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync import standing
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.consent import Consent
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.journal import Journal
from wherobots_storage.sync.report import Report
from wherobots_storage.sync.standing import Standing
from wherobots_storage.sync.worklist import Deletions


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """A home of a hundred saved files, in ten folders."""
    bench = Bench(tmp_path, store)
    for number in range(100):
        bench.write(name(number), b"%d" % number, mtime_ns=OLD)
    assert bench.sync().complete
    return bench


def name(number: int) -> str:
    """A file's path."""
    return f"d{number // 10}/f{number:02}"


def lose(bench: Bench, numbers: Iterable[int]) -> None:
    """Delete files of the home."""
    for number in numbers:
        (bench.home / name(number)).unlink()


def encrypt(bench: Bench, numbers: Iterable[int]) -> None:
    """Put another file in the place of each."""
    for number in numbers:
        (bench.home / name(number)).unlink()
        bench.write(f"{name(number)}.encrypted", b"garbage %d" % number)


def originals(bench: Bench) -> int:
    """How many of the hundred the bucket has."""
    keys = bench.keys()
    return sum(name(number) in keys for number in range(100))


def held(report: Report) -> int:
    """How many deletions a cycle holds back."""
    return report.held.files if report.held is not None else 0


def test_encrypted_files_are_asked_about_in_every_cycle(bench: Bench) -> None:
    """The files that hide a loss are saved by the next cycle, which holds the loss all the same."""
    with opened(bench) as (session, board):
        encrypt(bench, range(100))
        for _ in range(3):
            assert held(session.cycle(Cancel())) == 100
        assert board.status.veto is not None
    assert originals(bench) == 100
    assert len(bench.keys()) == 200


def test_what_is_held_waits_for_the_disk(bench: Bench) -> None:
    """A power cut takes the journal's log, and not what is held."""
    lose(bench, range(100))
    with opened(bench) as (session, _):
        assert held(session.cycle(Cancel())) == 100
        cut = session.journal.path.with_name("cut.sqlite")
        shutil.copy2(session.journal.path, cut)  # without the log beside it
    with closing(sqlite3.connect(cut)) as db:
        assert db.execute("SELECT count(*) FROM held").fetchone() == (100,)


def test_other_files_do_not_dilute_what_is_held(bench: Bench) -> None:
    """However much is saved after a loss, what of it is held stays held, for its first reason."""
    with opened(bench) as (session, _board):
        lose(bench, range(60))
        first = session.cycle(Cancel())
        for number in range(60):
            bench.write(f"new-{number}", b"n")
        for _ in range(2):
            later = session.cycle(Cancel())
            assert (later.veto, later.held) == (first.veto, first.held)
    assert originals(bench) == 100


def test_an_emptied_home_with_a_file_again(bench: Bench) -> None:
    """A shell that writes its history into an emptied home is no answer."""
    with opened(bench) as (session, _board):
        lose(bench, range(100))
        assert held(session.cycle(Cancel())) == 100
        bench.write(".bash_history", b"ls\n")
        assert held(session.cycle(Cancel())) == 100
    assert originals(bench) == 100


def test_a_hint_finds_an_emptied_home(tmp_path: Path) -> None:
    """That the home's last file is gone asks as well where folders are left and a hint saw it."""
    bench = Bench(tmp_path, FaultyStore())
    bench.write("only", mtime_ns=OLD)
    (bench.home / "empty").mkdir()
    assert bench.sync().complete
    with opened(bench) as (session, _board):
        session.cycle(Cancel())
        (bench.home / "only").unlink()
        report = session.hinted(Cancel(), Focus(frozenset({""})))
        assert report.veto is not None
        assert report.veto.code == "home-emptied"
    assert bench.keys() == ["empty/", "only"]


def test_hints_take_nothing_of_what_is_held(bench: Bench) -> None:
    """Folder by folder nothing goes either, and what is deleted meanwhile is held with it."""
    with opened(bench) as (session, _board):
        lose(bench, range(60))
        assert session.cycle(Cancel()).veto is not None
        lose(bench, range(60, 62))
        for folder in range(7):
            bench.write(f"d{folder}/new", b"a save")
            assert not session.hinted(Cancel(), Focus(frozenset({f"d{folder}/"}))).deleted
        assert held(session.cycle(Cancel())) == 62
    assert originals(bench) == 100
    keys = bench.keys()
    assert sum(key.endswith("/new") for key in keys) == 7


def test_a_final_sync_keeps_to_its_own_veto(bench: Bench) -> None:
    """What the first round of a final sync holds back, its others hold back too."""
    encrypt(bench, range(100))
    outcome = bench.final(60.0)
    assert not outcome.complete
    assert outcome.status.veto is not None
    assert originals(bench) == 100


def test_a_restart_keeps_to_it(bench: Bench) -> None:
    """Nobody answered before the restart: it is asked again, with the same id."""
    lose(bench, range(60))
    for number in range(30):
        bench.write(f"new-{number}", b"n")
    before = bench.sync().status
    bench.restore()
    after = bench.sync().status
    assert (after.veto, after.held) == (before.veto, before.held)
    assert originals(bench) == 100
    assert bench.sync(everything).complete
    assert originals(bench) == 40


def test_what_is_back_is_let_go(bench: Bench) -> None:
    """Files that are back need no answer, and with the last of them the veto ends."""
    with opened(bench) as (session, board):
        lose(bench, range(60))
        session.cycle(Cancel())
        for number in range(59):
            bench.write(name(number), b"%d" % number, mtime_ns=OLD)
        assert held(session.cycle(Cancel())) == 1
        bench.write(name(59), b"59", mtime_ns=OLD)
        assert session.cycle(Cancel()).is_complete
        assert board.status.veto is None
        lose(bench, range(5))
        assert session.cycle(Cancel()).deleted == 5
    assert originals(bench) == 95


def test_an_answer_ends_it(bench: Bench) -> None:
    """After the deletions that were agreed to the next ones go as they always do."""
    with opened(bench) as (session, _board):
        lose(bench, range(60))
        session.cycle(Cancel())
        assert session.cycle(Cancel(), Consent(everything)).deleted == 60
        lose(bench, range(60, 65))
        assert session.cycle(Cancel()).deleted == 5
    assert originals(bench) == 35


def test_what_vanished_from_the_bucket_is_held_no_more(bench: Bench, store: FaultyStore) -> None:
    """The journal forgets what is gone on both sides, and so does the veto."""
    lose(bench, range(60))
    assert bench.sync().status.veto is not None
    for number in range(60):
        store.delete(f"org/notebooks/customer-a1/{name(number)}")
    bench.restore()
    assert bench.sync().complete


def row(path: str, etag: str = "e") -> Record:
    """A file's row."""
    return Record(path, "file", 1, 2, 3, 4, 0o644, "5" * 64, etag, 6.0)


def test_what_cannot_be_looked_at_stays_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither gone by a scan nor back, as below a folder that cannot be read: it stays held.

    Of several pages each row is judged: another version, a forgotten one and what is here go.
    """
    monkeypatch.setattr(standing, "PAGE", 2)
    veto = Veto("half-gone", "So much is gone.")
    paths = ["back", "forgotten", "gone", "other", "unread"]
    (tmp_path / "home").mkdir()
    home = Home(tmp_path / "home", (".wherobots/",), (), 0o022)
    with Journal(tmp_path / "journal") as journal, Deletions() as first, Deletions() as second:
        for path in paths:
            journal.put(row(path))
            first.add(row(path))
        known = Standing(journal)
        assert not journal.ask("SELECT * FROM held")
        known.hold(veto, first)
        known.hold(Veto("home-emptied", "Later."), first)
        assert known.veto == veto
        journal.forget("forgotten")
        journal.put(row("other", "newer"))
        (home.path / "back").touch()
        second.add(row("gone"))
        second.add(row("other", "newer"))
        known.review(home, second)
        assert journal.ask("SELECT path FROM held") == [("gone",), ("unread",)]
        known.accept(second)
        assert journal.ask("SELECT path FROM held") == [("unread",)]
        assert Standing(journal).veto == veto
