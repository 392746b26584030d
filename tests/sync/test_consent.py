"""Consent to held deletions: it is for exactly what was shown, and for nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.agents import running_agent
from support.faults import FaultyStore
from support.homes import OLD, Bench, everything, opened

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.errors import AccessDenied, DeletionsChanged, InvalidInput
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.consent import Consent, check_held
from wherobots_storage.sync.heldlist import check_list, open_held
from wherobots_storage.sync.once import Outcome
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.tenure import Tenure
from wherobots_storage.sync.work import Work


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """A home of sixty saved files, forty of which are gone."""
    bench = Bench(tmp_path, store)
    for number in range(60):
        bench.write(f"f{number:02}", b"%d" % number, mtime_ns=OLD)
    assert bench.sync().complete
    lose(bench, range(40))
    return bench


def lose(bench: Bench, numbers: range) -> None:
    """Delete files of the home."""
    for number in numbers:
        (bench.home / f"f{number:02}").unlink()


def held_by(outcome: Outcome) -> HeldDeletions:
    """What is held."""
    assert outcome.status.held is not None
    return outcome.status.held


def list_path(bench: Bench) -> Path:
    """The file with the whole list."""
    return StateFolder.for_settings(bench.settings).held_path


@contextmanager
def working(bench: Bench) -> Iterator[Work]:
    """What an agent's loop works with, for a test that is the loop."""
    with opened(bench) as (session, board):
        stop, halt = threading.Event(), threading.Event()
        work = Work(session, board, Tenure(None, board), interval=60.0, stop=stop, halt=halt)
        yield work
        work.close()


def test_the_same_deletions_have_the_same_id(bench: Bench) -> None:
    """The id stays while what is held does, and is another when one more file is gone."""
    first = held_by(bench.sync())
    assert held_by(bench.sync()) == first
    assert (first.files, len(first.id)) == (40, 32)
    lose(bench, range(40, 41))
    assert held_by(bench.sync()).id != first.id


def test_another_version_of_a_path_is_another_deletion(bench: Bench) -> None:
    """A file that came back, was saved and is gone again is not what was shown before."""
    first = held_by(bench.sync())
    bench.write("f00", b"newer")
    bench.sync()
    lose(bench, range(1))
    second = held_by(bench.sync())
    assert [entry.path for entry in second.paths] == [entry.path for entry in first.paths]
    assert second.id != first.id


def test_consent_to_what_was_shown(bench: Bench) -> None:
    """Exactly the deletions that were shown go."""
    shown = held_by(bench.sync())
    assert bench.sync(lambda held: held.id == shown.id).complete
    assert bench.keys() == [f"f{number:02}" for number in range(40, 60)]


def test_what_came_to_it_since_is_asked_about(bench: Bench) -> None:
    """A list that has grown since it was shown is held anew, and none of it goes."""
    shown = held_by(bench.sync())
    lose(bench, range(40, 45))
    outcome = bench.sync(lambda held: held.id == shown.id)
    assert held_by(outcome).files == 45
    assert len(bench.keys()) == 60


def test_no_consent_without_a_name(bench: Bench) -> None:
    """Who names nothing, or something else, or what is not held any more, is refused."""
    held = held_by(bench.sync())
    check_held(held, held.id)
    for named in (None, ""):
        with pytest.raises(InvalidInput, match=r"held\.id"):
            check_held(held, named)
    for now in (held, None):
        with pytest.raises(DeletionsChanged, match="again"):
            check_held(now, "0" * 32)


def test_the_agent_takes_consent_for_what_it_holds_only(bench: Bench) -> None:
    """Over the socket another id is refused with what to do, and nothing is deleted."""
    with running_agent(bench.settings, bench.store) as agent:
        held = agent.reaches("vetoed").held
        assert held is not None
        with pytest.raises(DeletionsChanged, match="Look again"):
            agent.client.request("acceptDeletes", held="0" * 32)
        with pytest.raises(InvalidInput):
            agent.client.request("acceptDeletes")
        agent.client.request("sync")
        assert len(bench.keys()) == 60
        agent.client.request("acceptDeletes", held=held.id)
        agent.client.request("sync")
        assert len(bench.keys()) == 20
        assert agent.reaches("idle").held is None


def test_more_is_gone_between_the_answer_and_the_cycle(bench: Bench) -> None:
    """The answer is for what was shown: the agent's next cycle holds the longer list, whole."""
    with working(bench) as work:
        work.cycle()
        shown = work.held
        assert shown is not None
        work.accept(shown.id)
        lose(bench, range(40, 41))
        work.cycle()
        assert work.held is not None
        assert work.held.files == 41
        assert len(bench.keys()) == 60
        bench.write("f40", b"40", mtime_ns=OLD)
        work.cycle()
        # As it was when that was agreed to; but that answer has been asked for anew since.
        assert work.held is not None
        assert len(bench.keys()) == 60


def test_what_fails_is_tried_again_without_another_question(
    bench: Bench, store: FaultyStore
) -> None:
    """An agreed deletion that the store refused goes later, while others are asked about."""

    def refuse(name: str, key: str) -> None:
        if name == "delete" and key.endswith(("f00", "f01")):
            raise AccessDenied("Not this one.")

    with working(bench) as work:
        work.cycle()
        assert work.held is not None
        work.accept(work.held.id)
        store.before = refuse
        work.cycle()
        assert bench.keys() == ["f00", "f01", *(f"f{number:02}" for number in range(40, 60))]
        store.heal()
        lose(bench, range(40, 60))
        work.cycle()
        assert bench.keys() == [f"f{number:02}" for number in range(40, 60)]
        assert work.held is not None
        assert work.held.files == 20


def test_consent_is_for_a_version_not_for_a_path(bench: Bench) -> None:
    """What was agreed to and came back since is held again when it is gone a second time."""
    consent = Consent(everything)
    with opened(bench) as (session, _board):
        assert session.cycle(Cancel(), consent).is_complete
        consent.agree = lambda _held: False
        for number in range(40):
            bench.write(f"f{number:02}", b"again %d" % number)
        assert session.cycle(Cancel(), consent).is_complete
        lose(bench, range(40))
        report = session.cycle(Cancel(), consent)
    consent.forget()
    assert report.held is not None
    assert report.held.files == 40


def test_the_whole_list_is_in_a_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a list that a status cuts off every line is in the state folder, while it is held."""
    monkeypatch.setattr("wherobots_storage.sync.status.MAX_NOTICES", 5)
    held = held_by(bench.sync())
    assert (len(held.paths), held.files) == (5, 40)
    path = list_path(bench)
    with open_held(path) as lines:
        check_list(lines, held.id)
        assert lines is not None
        entries = [json.loads(line) for line in lines]
    assert [entry["path"] for entry in entries] == [f"f{number:02}" for number in range(40)]
    assert sum(entry["bytes"] for entry in entries) == held.bytes
    written = path.stat().st_mtime_ns
    bench.sync()
    assert path.stat().st_mtime_ns == written
    assert bench.sync(everything).complete
    assert not path.exists()
    with open_held(path) as lines, pytest.raises(DeletionsChanged):
        check_list(lines, held.id)


def test_another_list_is_not_shown_for_the_one_that_was_asked_for(bench: Bench) -> None:
    """Who asks for a list that has been replaced since is told so."""
    first = held_by(bench.sync())
    lose(bench, range(40, 41))
    bench.sync()
    with open_held(list_path(bench)) as lines, pytest.raises(DeletionsChanged, match="again"):
        check_list(lines, first.id)


def test_a_list_that_cannot_be_written_holds_nothing_up(bench: Bench) -> None:
    """Without room for the list the deletions are held all the same, and an old list is dropped."""
    path = list_path(bench)
    path.parent.joinpath(f"{path.name}.new").mkdir()
    path.write_text('{"id": "old", "code": "half-gone", "files": 1, "bytes": 1}\n')
    assert held_by(bench.sync()).files == 40
    assert not path.exists()
