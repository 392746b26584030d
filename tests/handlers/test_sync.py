"""The sync agent over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.server import Api, Hooks

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.errors import (
    AgentUnavailable,
    DeletionsChanged,
    InvalidInput,
    StorageError,
)
from wherobots_storage.planning.tree import Record
from wherobots_storage.sync.heldlist import HeldList
from wherobots_storage.sync.state import StateFolder


async def test_the_status_is_the_supervisors(api: Api) -> None:
    """GET answers with what the supervisor knows."""
    assert (await api.get("sync")).json()["state"] == "idle"


@pytest.mark.parametrize("op", ["sync", "pause", "resume", "retry", "acceptDeletes"])
async def test_an_operation_is_passed_on(api: Api, hooks: Hooks, op: str) -> None:
    """POST asks the agent and answers with the status after it."""
    answer = await api.post("sync", {"op": op})
    assert answer.json()["state"] == "syncing"
    assert hooks.supervisor.calls[-1] == op


async def test_a_consent_names_what_was_shown(api: Api, hooks: Hooks) -> None:
    """The id of the held deletions goes to the agent, which alone knows whether it still fits."""
    await api.post("sync", {"op": "acceptDeletes", "held": "0123"})
    assert hooks.supervisor.calls[-1] == "acceptDeletes 0123"


@pytest.mark.parametrize(
    ("error", "status"), [(DeletionsChanged("Look again."), 409), (InvalidInput("Which?"), 400)]
)
async def test_a_consent_that_does_not_fit_is_refused(
    api: Api,
    hooks: Hooks,
    monkeypatch: pytest.MonkeyPatch,
    error: StorageError,
    status: int,
) -> None:
    """409 when other deletions are held than those that were shown, 400 when none are named."""

    async def request(_op: str, _held: str | None) -> None:
        raise error

    monkeypatch.setattr(hooks.supervisor, "request", request)
    answer = await api.post("sync", {"op": "acceptDeletes", "held": "0123"})
    assert (answer.status, answer.error().code) == (status, error.code)
    assert answer.error().message == error.message


def keep_list(hooks: Hooks, count: int) -> HeldDeletions:
    """Write the list of held deletions that the agent would write."""
    assert hooks.settings is not None
    state = StateFolder.for_settings(hooks.settings)
    state.make()
    held = HeldDeletions(id="0123", code="half-gone", files=count, bytes=count)
    HeldList(state.held_path).keep(
        held,
        (Record(f"<script>{n:05}\n", "file", 1, 1, 1, 1, 0o644, "", "", 1.0) for n in range(count)),
    )
    return held


async def test_the_whole_list_of_held_deletions(api: Api, hooks: Hooks) -> None:
    """All of them stream as text to be saved, one JSON object a line, however many they are."""
    held = keep_list(hooks, 20_000)
    answer = await api.get("sync/held", id=held.id)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    head, *lines = answer.body.splitlines()
    assert json.loads(head)["files"] == len(lines) == 20_000
    assert json.loads(lines[-1])["path"] == "<script>19999\n"


async def test_another_list_is_refused(api: Api, hooks: Hooks) -> None:
    """A list that is held no more, or not yet, is a conflict: the page has to look again."""
    assert (await api.get("sync/held", id="0123")).status == 409
    keep_list(hooks, 3)
    answer = await api.get("sync/held", id="4567")
    assert (answer.status, answer.error().code) == (409, "deletions-changed")
    assert (await api.get("sync/held")).status == 400


async def test_an_operation_that_is_none_is_refused(api: Api) -> None:
    """The agent is asked for what it can do only."""
    assert (await api.post("sync", {"op": "stop"})).status == 400


async def test_an_agent_that_is_down_is_told(
    api: Api, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, retryable: the supervisor starts it again."""

    async def request(_op: str, _held: str | None) -> None:
        raise AgentUnavailable("The agent is being started again.")

    monkeypatch.setattr(hooks.supervisor, "request", request)
    answer = await api.post("sync", {"op": "sync"})
    assert (answer.status, answer.error().code) == (503, "agent-unavailable")


class TestSyncIsOff:
    @pytest.fixture
    def storage_config(self, storage_config: dict[str, Any]) -> dict[str, Any]:
        """The extension without a mirror."""
        return {**storage_config, "sync": False}

    async def test_the_status_is_disabled(self, api: Api, hooks: Hooks) -> None:
        """No agent is started, and the panel is told so."""
        assert (await api.get("sync")).json()["state"] == "disabled"
        assert (await api.get("config")).json()["features"]["sync"] is False
        assert (await api.post("sync", {"op": "sync"})).status == 503
        assert hooks.supervisor.calls == []
