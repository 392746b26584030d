"""The sync agent over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from support.server import Api, Hooks

from wherobots_storage.errors import AgentUnavailable


async def test_the_status_is_the_supervisors(api: Api) -> None:
    """GET answers with what the supervisor knows."""
    assert (await api.get("sync")).json()["state"] == "idle"


@pytest.mark.parametrize("op", ["sync", "pause", "resume", "retry", "acceptDeletes"])
async def test_an_operation_is_passed_on(api: Api, hooks: Hooks, op: str) -> None:
    """POST asks the agent and answers with the status after it."""
    answer = await api.post("sync", {"op": op})
    assert answer.json()["state"] == "syncing"
    assert hooks.supervisor.calls[-1] == op


async def test_an_operation_that_is_none_is_refused(api: Api) -> None:
    """The agent is asked for what it can do only."""
    assert (await api.post("sync", {"op": "stop"})).status == 400


async def test_an_agent_that_is_down_is_told(
    api: Api, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, retryable: the supervisor starts it again."""

    async def request(_op: str) -> None:
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
