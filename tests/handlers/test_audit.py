"""The audit log: every write and every refusal, with the user and without a secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.server import CUSTOMER, OWN, Api, Fetch, HeldBack, Hooks, wait_for_job

from wherobots_storage.errors import AccessDenied
from wherobots_storage.handlers.base import StorageHandler


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has a name that can be expected."""
    monkeypatch.setattr(StorageHandler, "user", property(lambda _: "ann"))


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines, as they were written; the route's prefix is the test server's own."""
    found = [one for one in caplog.records if one.name == "wherobots_storage.audit"]
    lines: list[dict[str, Any]] = [json.loads(one.getMessage()) for one in found]
    for line in lines:
        if "route" in line:
            line["route"] = line["route"].rpartition("/v1/")[2]
    caplog.clear()
    return lines


WHO = {"user": "ann", "customer": CUSTOMER}


async def test_every_write_is_told(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """A new folder, a file, deletes at once and as a job, and what is asked of the agent."""
    caplog.set_level("INFO", "wherobots_storage.audit")
    await api.post("folders", {"path": f"{OWN}new/"})
    assert audited(caplog) == [{"event": "folder-created", **WHO, "path": f"{OWN}new/"}]
    made = (await api.upload(f"{OWN}new/a.txt", b"123")).json()
    (written,) = audited(caplog)
    expected = {"path": f"{OWN}new/a.txt", "size": 3, "etag": made["etag"]}
    assert written == {"event": "file-written", **WHO, **expected}
    await api.post("files/delete", {"paths": [f"{OWN}new/a.txt"]})
    (deleted,) = audited(caplog)
    assert deleted == {
        "event": "files-deleted",
        **WHO,
        "paths": [f"{OWN}new/a.txt"],
        "failed": [],
    }
    answer = await api.post("files/delete", {"paths": [f"{OWN}new/"]})
    await wait_for_job(api, answer.json()["jobs"][0])
    began, ended = audited(caplog)
    facts = {"path": f"{OWN}new/", "objects": 0, "failed": 0, "state": "running"}
    assert began == {"event": "folder-delete-began", **WHO, **facts}
    facts = {"path": f"{OWN}new/", "objects": 1, "failed": 0, "state": "done"}
    assert ended == {"event": "folder-deleted", **WHO, **facts}
    await api.post("sync", {"op": "pause"})
    assert audited(caplog) == [{"event": "sync-requested", **WHO, "op": "pause"}]


@pytest.mark.parametrize(
    ("method", "route", "body", "code"),
    [
        ("POST", "folders", {"path": "/data/new/"}, "read-only"),
        ("POST", "folders", {"path": "/data/customer-bob/x/"}, "outside-area"),
        ("POST", "uploads", {"path": "/notebooks/customer-bob/x", "size": 1}, "outside-area"),
    ],
)
async def test_every_refusal_by_the_table_is_told(
    api: Api, caplog: pytest.LogCaptureFixture, method: str, route: str, body: Any, code: str
) -> None:
    """What the table refuses is one line, with the path and the reason's code."""
    answer = await api(method, route, body=body)
    assert answer.status == 403
    assert answer.error().code == code
    (line,) = audited(caplog)
    facts = {"method": method, "route": route, "path": answer.error().path, "code": code}
    assert line == {"event": "access-refused", **WHO, **facts}


async def test_a_refusal_by_the_store_is_told(
    api: Api, held_back: HeldBack, caplog: pytest.LogCaptureFixture
) -> None:
    """Credentials that do not reach a folder are a refusal too."""
    held_back.errors["list_page"] = AccessDenied("The store refused.")
    assert (await api.get("files", path=OWN)).status == 403
    (line,) = audited(caplog)
    assert (line["event"], line["code"], line["path"]) == ("access-refused", "access-denied", OWN)


@pytest.mark.usefixtures("hooks")
async def test_a_stranger_is_told_without_the_query(
    jp_fetch: Fetch, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong token is a line that has neither the token nor anything else of the query."""
    api = Api(jp_fetch)
    wrong = {"Authorization": "token wrong-secret"}
    answer = await api("GET", "files", headers=wrong, path=OWN, token="wrong-secret")
    assert answer.status == 403
    (line,) = [line for line in audited(caplog) if line["event"] == "access-refused"]
    assert (line["route"], line["code"]) == ("files", "http-403")
    assert "wrong-secret" not in json.dumps(line)


async def test_what_fails_otherwise_is_no_refusal(
    api: Api, hooks: Hooks, caplog: pytest.LogCaptureFixture
) -> None:
    """A path that is not there, or no path at all, is nobody's business."""
    assert hooks
    assert (await api.get("files/stat", path=f"{OWN}none.txt")).status == 404
    assert (await api.get("files")).status == 400
    assert audited(caplog) == []
