"""What the panel is told of the set-up, and how an extension without one answers."""

from __future__ import annotations

from typing import Any

import pytest
from support.server import CUSTOMER, OWN, Api, Fetch, Hooks

from wherobots_storage import __version__


async def test_the_set_up_is_told(api: Api) -> None:
    """Root, customer, writable folders and the notebooks' variables; no secret."""
    info = (await api.get("config")).json()
    assert info["configured"] is True
    assert info["version"] == __version__
    assert (info["root"], info["customer"]) == ("s3://test/org/", CUSTOMER)
    assert OWN in info["writable"]
    assert info["environment"]["USER_S3_PATH"] == f"s3://test/org/data/{CUSTOMER}/"
    assert set(info["environment"]) == {
        "USER_S3_PATH",
        "USER_S3_SHARED_PATH",
        "USER_WAREHOUSE_PATH",
    }


@pytest.mark.parametrize(
    ("storage_config", "code", "word"),
    [
        ({}, "not-configured", "WHEROBOTS_STORAGE_ROOT"),
        ({"root_url": "s3://test/org"}, "not-configured", "WHEROBOTS_STORAGE_CUSTOMER"),
        ({"root_url": "s3://"}, "invalid-configuration", "bucket"),
        (
            {"root_url": "s3://test/org", "customer": "customer-a/b"},
            "invalid-configuration",
            "customer",
        ),
        (
            {"root_url": "s3://test/", "customer": "customer-a", "sync_interval": -1},
            "invalid-configuration",
            "WHEROBOTS_STORAGE_SYNC_INTERVAL",
        ),
    ],
)
async def test_without_a_sound_set_up_only_config_answers(
    api: Api, hooks: Hooks, jp_fetch: Fetch, code: str, word: str
) -> None:
    """The server runs, the panel is told what to set, every other route answers 409 with it."""
    info = (await api.get("config")).json()
    assert info["configured"] is False
    assert info["problem"]["code"] == code
    assert word in info["problem"]["message"]
    answers: list[Any] = [
        await api.get("files", path="/"),
        await api.get("files/stat", path="/data/"),
        await api.get("files/content", path="/data/shared/a"),
        await api.post("folders", {"path": "/data/shared/a/"}),
        await api.post("files/delete", {"paths": ["/data/shared/a"]}),
        await api.post("uploads", {"path": "/data/shared/a", "size": 1}),
        await api.get("sync"),
        await api.post("sync", {"op": "sync"}),
        await api.post("credentials", {}),
    ]
    for answer in answers:
        assert (answer.status, answer.error().code) == (409, code)
    assert hooks.supervisor.calls == []
    assert (await jp_fetch("api", "status")).code == 200
