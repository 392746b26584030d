from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from wherobots_storage.api.models import (
    AgentEvent,
    Counts,
    ErrorBody,
    HeldDeletions,
    PathCounts,
    Progress,
    SyncNotice,
    SyncStatus,
)
from wherobots_storage.cli import main
from wherobots_storage.commands import status as status_command
from wherobots_storage.commands import sync as sync_command
from wherobots_storage.config import load_settings
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync import once
from wherobots_storage.sync.heldlist import HeldList
from wherobots_storage.sync.state import StateFolder

QUIET = SyncStatus(state="idle", since="2026-01-01T00:00:00Z", last_synced="2026-01-01T00:00:01Z")
TROUBLED = SyncStatus(
    state="vetoed",
    since="2026-01-01T00:00:00Z",
    home="/home/jo",
    mirror="s3://bucket/org/notebooks/customer-a/",
    pending=Counts(files=3, bytes=2048),
    progress=Progress(phase="uploading", files=1, bytes=10),
    conflicts=[SyncNotice(path="a.txt", code="conflict", reason="Both changed.")],
    conflicts_total=2,
    skipped=[SyncNotice(path="pipe", code="fifo", reason="A FIFO.")],
    skipped_total=1,
    veto="All files are gone.",
    held=HeldDeletions(
        id="0123",
        code="home-emptied",
        files=12,
        bytes=2048,
        paths=[PathCounts(path="lost.txt", bytes=7)],
    ),
    ignored=Counts(files=1200, bytes=4096),
    ignored_paths=[PathCounts(path="node_modules/", files=1100, bytes=4000)],
    ignored_total=3,
    last_error=ErrorBody(code="store-unavailable", message="The store is down."),
)


class FakeAgent:
    """An agent that answers with what it is given, and remembers what it was asked."""

    def __init__(self, status: SyncStatus, *, complete: bool = True) -> None:
        self._status = status
        self._complete = complete
        self.asked: list[tuple[str, float | None]] = []
        self.accepted: list[str | None] = []
        self.patience: list[float | None] = []

    def __call__(self, socket_path: Path) -> FakeAgent:
        """Take the client's place: whatever socket is named, this is the agent behind it."""
        assert socket_path.name == "agent.sock"
        return self

    def status(self, timeout: float = 10.0) -> SyncStatus:
        """The status."""
        assert timeout > 0
        return self._status

    def request(
        self,
        op: str,
        deadline: float | None = None,
        *,
        held: str | None = None,
        on_status: Callable[[SyncStatus], None] | None = None,
        timeout: float | None = None,
    ) -> AgentEvent:
        """Do nothing, and say how it went."""
        self.patience.append(timeout)
        self.asked.append((op, deadline))
        if op == "acceptDeletes":
            self.accepted.append(held)
        if on_status is not None:
            on_status(self._status)
        return AgentEvent(event="done", status=self._status, complete=self._complete)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough settings to have a state folder."""
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROOT", "s3://bucket/org/")
    monkeypatch.setenv("WHEROBOTS_STORAGE_CUSTOMER", "customer-a")
    monkeypatch.setenv("WHEROBOTS_STORAGE_HOME", str(tmp_path))
    monkeypatch.setenv("WHEROBOTS_STORAGE_STATE", str(tmp_path / "state"))


def pose(monkeypatch: pytest.MonkeyPatch, agent: FakeAgent) -> None:
    """Let both commands meet this agent."""
    for module in (status_command, sync_command, once):
        monkeypatch.setattr(module, "AgentClient", agent)


@pytest.mark.usefixtures("configured")
def test_a_quiet_agent_is_all_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing pending, nothing listed: exit 0, with the time of the last sync."""
    pose(monkeypatch, FakeAgent(QUIET))
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "idle, since 2026-01-01T00:00:00Z" in shown
    assert "Last synced:  2026-01-01T00:00:01Z" in shown
    assert "Pending:      nothing" in shown


@pytest.mark.usefixtures("configured")
def test_what_needs_a_person_is_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Conflicts, what was left out, a veto and an error are shown, and the exit is 3."""
    pose(monkeypatch, FakeAgent(TROUBLED))
    assert main(["status"]) == 3
    shown = capsys.readouterr().out
    for words in (
        "Pending:      3 files, 2.0 KiB",
        "Progress:     uploading, 1 files, 10 B",
        "Deletions:    on hold. All files are gone.",
        "Last error:   The store is down.",
        "Held deletions (12, 2.0 KiB):\n  lost.txt\n  … and 11 more",
        "Ignored (1,200 files, 4.0 KiB):\n  node_modules/: 1,100 files, 3.9 KiB\n  … and 2 more",
        "Conflicts (2):\n  a.txt: Both changed.\n  … and 1 more",
        "Not in the bucket (1):\n  pipe: A FIFO.",
    ):
        assert words in shown


@pytest.mark.usefixtures("configured")
def test_machines_get_the_wire_s_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json the status is one object in the wire's shape."""
    pose(monkeypatch, FakeAgent(TROUBLED))
    assert main(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["conflictsTotal"] == 2


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("arguments", "deadline"),
    [([], 25.0), (["--timeout", "7.5"], 7.5), (["--timeout", "none"], None)],
)
def test_the_final_sync_is_the_agent_s(
    arguments: list[str], deadline: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--final asks the running agent, within the time that was given or configured."""
    agent = FakeAgent(QUIET)
    pose(monkeypatch, agent)
    assert main(["sync", "--final", *arguments]) == 0
    ((op, asked),) = agent.asked
    assert op == "final"
    assert asked == (deadline if deadline is None else pytest.approx(deadline, abs=2))
    # One that says nothing at all is not waited for much longer than that.
    assert agent.patience == [asked if asked is None else asked + once.ANSWER_SECONDS]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("op", ["pause", "resume", "retry", "takeover"])
def test_a_running_agent_is_told(
    op: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--pause and its kin are passed on; a machine gets the status, a person a sentence."""
    agent = FakeAgent(QUIET)
    pose(monkeypatch, agent)
    assert main(["sync", f"--{op}"]) == 0
    assert [asked for asked, _ in agent.asked] == [op]
    assert capsys.readouterr().out.endswith(".\n")
    assert main(["sync", f"--{op}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "idle"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("op", ["pause", "resume", "retry", "takeover"])
def test_nobody_to_tell(op: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a running agent they fail, with 1 and the reason."""
    assert main(["sync", f"--{op}"]) == 1
    assert "not running" in capsys.readouterr().err


@pytest.mark.usefixtures("configured")
def test_a_timeout_is_for_the_final_sync(capsys: pytest.CaptureFixture[str]) -> None:
    """--timeout without --final would have no effect, and so is a mistake in the command line."""
    assert main(["sync", "--timeout", "5"]) == 2
    assert "--final" in capsys.readouterr().err


@pytest.mark.usefixtures("configured")
def test_not_watching_is_no_incompleteness(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent without watches saves by the clock: that is said, and the exit is 0."""
    notice = SyncNotice(path=".", code="not-watched", reason="No watches are left.")
    status = msgspec.structs.replace(QUIET, skipped=[notice], skipped_total=1)
    pose(monkeypatch, FakeAgent(status))
    assert main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "Note:         No watches are left." in shown
    assert "Not in the bucket" not in shown
    skipped = SyncNotice(path="pipe", code="fifo", reason="A FIFO.", size=2048)
    status = msgspec.structs.replace(QUIET, skipped=[notice, skipped], skipped_total=2)
    pose(monkeypatch, FakeAgent(status))
    assert main(["status"]) == 3
    assert "Not in the bucket (1):\n  pipe (2.0 KiB): A FIFO." in capsys.readouterr().out


@pytest.mark.usefixtures("configured")
def test_what_was_not_restored_is_told_from_what_is_not_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a restore refused is in the bucket: it stands below a heading of its own, with exit 3.

    What is about the home as a whole is below neither.
    """
    outside = SyncNotice(path="out", code="link-outside", reason="A link.", during="restore")
    pipe = SyncNotice(path="pipe", code="fifo", reason="A FIFO.")
    stop = SyncNotice(path="", code="not-saved-at-stop", reason="The last stop came before.")
    for skipped, total, shown in (
        ([outside], 1, "Not restored (1):\n  out: A link.\n"),
        ([outside], 3, "Not restored (3):\n  out: A link.\n  … and 2 more\n"),
        (
            [stop, pipe, outside],
            5,
            (
                "Not in the bucket (3):\n  pipe: A FIFO.\n  … and 2 more\n"
                "Not restored (1):\n  out: A link.\nNote:         The last stop came before.\n"
            ),
        ),
    ):
        status = msgspec.structs.replace(QUIET, skipped=skipped, skipped_total=total)
        pose(monkeypatch, FakeAgent(status))
        assert main(["status"]) == 3
        lists = capsys.readouterr().out.partition("Pending:      nothing\n")[2]
        assert lists == shown


@pytest.mark.usefixtures("configured")
def test_deletions_are_accepted_before_the_final_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """--accept-deletes is said first, so that the final sync carries the deletions out."""
    agent = FakeAgent(TROUBLED)
    pose(monkeypatch, agent)
    assert main(["sync", "--final", "--accept-deletes", "0123"]) == 0
    assert [op for op, _ in agent.asked] == ["acceptDeletes", "final"]
    assert agent.accepted == ["0123"]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("kind", ["--once", "--final"])
def test_deletions_of_another_list_are_not_accepted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """An ID that is not of what is held now deletes nothing, and shows what is held."""
    agent = FakeAgent(TROUBLED, complete=False)
    pose(monkeypatch, agent)
    assert main(["sync", kind, "--accept-deletes", "4567"]) == 3
    assert agent.accepted == []
    captured = capsys.readouterr()
    assert "nothing of it is deleted. Look at the list again" in captured.err
    assert "lost.txt" in captured.out
    assert "sync --accept-deletes 0123" in captured.out


@pytest.mark.usefixtures("configured")
def test_deletions_are_not_accepted_unnamed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """--accept-deletes without an ID is a mistake in the command line, which says where it is."""
    agent = FakeAgent(TROUBLED)
    pose(monkeypatch, agent)
    assert main(["sync", "--accept-deletes"]) == 2
    assert agent.asked == []
    assert "`wherobots-storage sync` shows" in capsys.readouterr().err


@pytest.mark.usefixtures("configured")
def test_all_held_deletions_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """--held names every one, with its size, and as JSON with the ID of the list before them."""
    monkeypatch.setattr(status_command, "AgentClient", None)  # The agent is not needed for it.
    assert main(["status", "--held"]) == 0
    assert "No deletions are on hold." in capsys.readouterr().err
    settings = load_settings({})
    state = StateFolder.for_settings(settings)
    state.make()
    held = HeldDeletions(id="0123", code="half-gone", files=2, bytes=3072)
    rows = [
        Record(path, "file", size, 1, 1, 1, 0o644, "", "", 1.0)
        for path, size in (("a\x1b[2J", 1024), ("b/c", 2048))
    ]
    HeldList(state.held_path).keep(held, rows)
    assert main(["status", "--held"]) == 3
    assert capsys.readouterr().out == "a\\x1b[2J (1.0 KiB)\nb/c (2.0 KiB)\n"
    assert main(["status", "--held", "--json"]) == 3
    head, *entries = map(json.loads, capsys.readouterr().out.splitlines())
    assert (head["id"], head["files"]) == ("0123", 2)
    assert [entry["path"] for entry in entries] == ["a\x1b[2J", "b/c"]
    assert str(state.path).startswith(str(tmp_path))


@pytest.mark.usefixtures("configured")
def test_an_incomplete_sync_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What did not get into the bucket is listed, and the exit is 3."""
    pose(monkeypatch, FakeAgent(TROUBLED, complete=False))
    assert main(["sync", "--final"]) == 3
    captured = capsys.readouterr()
    assert "Deletions are on hold: All files are gone." in captured.out
    assert "a.txt: Both changed." in captured.out
    assert "Not done yet: 3 files, 2.0 KiB." in captured.err
    assert "The last error: The store is down." in captured.err
