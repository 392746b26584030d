"""Who may ask at all: every route and verb, walked by the route table."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from support.server import API, CUSTOMER, OWN, Api, Fetch, HeldBack
from tornado.httpclient import HTTPClientError

from wherobots_storage.app import StorageApp
from wherobots_storage.handlers.base import AUTH_RESOURCE, StorageHandler
from wherobots_storage.handlers.bodies import MAX_JSON_BYTES
from wherobots_storage.handlers.routes import PREFIX, routes
from wherobots_storage.objectstore.memory import MemoryStore

WRITING = {"POST", "PUT", "DELETE", "PATCH"}
SAFE = {"GET", "HEAD"}


def table() -> list[tuple[str, str]]:
    """Every (method, route) that a handler implements."""
    found = []
    for pattern, handler, _ in routes(None, None, None):  # type: ignore[arg-type]
        for method in sorted(WRITING | SAFE):
            own = getattr(handler, method.lower())
            if own is not getattr(StorageHandler, method.lower()):
                found.append((method, pattern.removeprefix(PREFIX + "/")))
    return found


def test_the_table_has_the_routes_that_the_panel_uses() -> None:
    """The walk of this module covers the whole interface."""
    assert set(table()) == {
        ("GET", "files"),
        ("GET", "files/stat"),
        ("POST", "files/delete"),
        ("GET", "files/content"),
        ("HEAD", "files/content"),
        ("POST", "folders"),
        ("GET", "jobs"),
        ("POST", "uploads"),
        ("GET", "uploads"),
        ("DELETE", "uploads"),
        ("PUT", "uploads/part"),
        ("POST", "uploads/complete"),
        ("GET", "sync"),
        ("POST", "sync"),
        ("GET", "sync/held"),
        ("GET", "credentials"),
        ("POST", "credentials"),
        ("GET", "config"),
    }


async def test_an_anonymous_request_is_refused_on_every_route(api: Api) -> None:
    """Without a token every verb of every route answers 403, in the one error shape."""
    stranger = {"Authorization": ""}
    every = itertools.product(sorted({route for _, route in table()}), sorted(WRITING | SAFE))
    for route, method in every:
        answer = await api(
            method, route, headers=stranger, body=b"{}" if method in WRITING else None
        )
        assert answer.status == 403, (method, route)
        if method != "HEAD":
            assert answer.error().code == "forbidden"


class _Nobody(Authorizer):
    """Authenticated is not authorised: this refuses everybody, and notes what was asked."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012

    def is_authorized(self, _handler: Any, _user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return False


async def test_every_verb_asks_the_authorizer(jp_serverapp: Any, api: Api) -> None:
    """An Authorizer that refuses gets its way on each verb, asked about one resource."""
    _Nobody.asked.clear()
    jp_serverapp.web_app.settings["authorizer"] = _Nobody(parent=jp_serverapp)
    for method, route in table():
        answer = await api(
            method, route, body=b"{}" if method in WRITING else None, id="x", number="1"
        )
        assert answer.status == 403, (method, route)
    expected = ["read" if method in SAFE else "write" for method, _ in table()]
    assert _Nobody.asked == [(action, AUTH_RESOURCE) for action in expected]


@pytest.mark.parametrize(("method", "route"), [pair for pair in table() if pair[0] in WRITING])
async def test_a_writing_verb_needs_the_xsrf_token(
    jp_fetch: Fetch, storage_app: StorageApp, method: str, route: str
) -> None:
    """A browser that is logged in by its cookie must show the token, streamed bodies included."""
    server: Any = storage_app.serverapp
    cookie = await _login_cookie(jp_fetch, server)
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch(
            *API.split("/"),
            *route.split("/"),
            method=method,
            body=b"{}",
            headers={"Authorization": "", "Cookie": cookie},
            params={"id": "x", "number": "1"},
            allow_nonstandard_methods=True,
        )
    assert refused.value.code == 403
    assert b"_xsrf" in refused.value.response.body  # type: ignore[union-attr]
    xsrf = "2|12345678|" + "0" * 32 + "|1700000000"
    try:
        answer = await jp_fetch(
            *API.split("/"),
            *route.split("/"),
            method=method,
            body=b"{}",
            headers={
                "Authorization": "",
                "Cookie": f"{cookie}; _xsrf={xsrf}",
                "X-XSRFToken": xsrf,
            },
            params={"id": "x", "number": "1"},
            allow_nonstandard_methods=True,
        )
        status = answer.code
    except HTTPClientError as error:
        status = error.code
    assert status != 403


async def _login_cookie(fetch: Fetch, server: Any) -> str:
    """The cookie that a browser gets by opening a page with the token."""
    token = server.identity_provider.token
    response = await fetch("lab-or-any", params={"token": token}, raise_error=False)
    cookies = response.headers.get_list("Set-Cookie")
    (login,) = [line.split(";")[0] for line in cookies if line.startswith("username-")]
    return login


READ_ONLY = ["/", "/data/", "/notebooks/"]
FOREIGN = ["/data/customer-bob/", "/notebooks/customer-bob/", "/else/", "/data/customer-ann2/"]
WRITABLE = [OWN, "/data/shared/", f"/notebooks/{CUSTOMER}/", "/notebooks/shared/", "/spark-logs/"]


@pytest.mark.parametrize("folder", WRITABLE)
async def test_writable_folders_take_everything_but_their_own_end(api: Api, folder: str) -> None:
    """Upload, new folder and delete work inside; the folder itself stays."""
    assert (await api.upload(f"{folder}a.txt", b"1")).status == 200
    assert (await api.post("folders", {"path": f"{folder}sub/"})).status == 201
    assert (await api.post("files/delete", {"paths": [f"{folder}a.txt"]})).status == 200
    refused = await api.post("files/delete", {"paths": [folder]})
    assert (refused.status, refused.error().code) == (403, "read-only")
    assert (await api.post("folders", {"path": folder})).status == 403


@pytest.mark.parametrize("folder", READ_ONLY)
async def test_read_only_folders_refuse_with_their_reason(api: Api, folder: str) -> None:
    """Whatever the panel showed, the server refuses and says where one can write."""
    answers = [
        await api.upload(f"{folder}a.txt", b"1"),
        await api.post("folders", {"path": f"{folder}new/"}),
        await api.post("files/delete", {"paths": [folder]}),
        await api.post("files/delete", {"paths": [f"{folder}a.txt"]}),
    ]
    for answer in answers:
        assert answer.status == 403
        assert answer.error().code == "read-only"
        assert "You can write inside" in answer.error().message


@pytest.mark.parametrize("folder", FOREIGN)
async def test_what_is_somebody_elses_is_refused_everywhere(
    api: Api, memory_store: MemoryStore, folder: str
) -> None:
    """No route reads, writes or deletes outside the user's areas, though the object is there."""
    memory_store.put(f"org{folder}a.txt", b"secret")
    file = f"{folder}a.txt"
    answers = [
        await api.get("files", path=folder),
        await api.get("files/stat", path=file),
        await api.get("files/content", path=file),
        await api.upload(f"{folder}b.txt", b"1", mode="replace"),
        await api.post("folders", {"path": f"{folder}new/"}),
        await api.post("files/delete", {"paths": [file]}),
        await api.post("files/delete", {"paths": [f"{folder}x/"]}),
    ]
    assert {answer.status for answer in answers} == {403}
    assert {answer.error().code for answer in answers} <= {"outside-area", "read-only"}
    assert [entry.key for entry in memory_store.list_page("").entries] == [f"org{file}"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "path",
    [
        "/data/shared/../customer-bob/a",
        "/data/./shared/a",
        "data/shared/a",
        "",
        "/data/shared/\x00",
        "/data/shared/" + "x" * 1100,
    ],
)
async def test_what_is_no_path_is_a_bad_request(api: Api, path: str) -> None:
    """Dot segments, NUL, a missing slash and over-long keys are refused by every route."""
    for answer in [
        await api.get("files", path=path),
        await api.get("files/stat", path=path),
        await api.get("files/content", path=path),
        await api.post("uploads", {"path": path, "size": 1}),
        await api.post("folders", {"path": path}),
    ]:
        assert (answer.status, answer.error().code) == (400, "invalid-path")


async def test_a_body_that_is_too_long_is_a_bad_request(api: Api) -> None:
    """More than 4 MiB of JSON are read and dropped, and the answer says why."""
    answer = await api.post("files/delete", {"paths": ["x" * MAX_JSON_BYTES]})
    assert (answer.status, answer.error().code) == (400, "invalid-input")
    assert "too long" in answer.error().message
    whole = await api.post("files/delete", {"paths": ["x" * (MAX_JSON_BYTES - 100)]})
    assert "too long" not in whole.error().message


async def test_a_refused_body_is_read_before_the_answer(api: Api) -> None:
    """A stranger who sends a body gets the refusal, and no reset of the connection."""
    body = json.dumps({"path": "x" * (MAX_JSON_BYTES - 100)}).encode()
    answer = await api("POST", "folders", body=body, headers={"Authorization": "token x"})
    assert answer.status == 403


async def test_nothing_that_is_secret_is_logged(
    api: Api, held_back: HeldBack, jp_serverapp: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An accident is logged with its trace, but without the request's headers and cookies."""
    held_back.errors["list_page"] = ValueError("an accident")
    headers = {"Cookie": "session=very-secret-cookie"}
    answer = await api("GET", "files", headers=headers, path="/data/shared/")
    assert (answer.status, answer.error().code) == (500, "internal-error")
    assert "accident" not in answer.error().message
    assert "an accident" in caplog.text
    assert "very-secret-cookie" not in caplog.text
    ours = [line for line in caplog.text.splitlines() if "wherobots_storage: GET" in line]
    assert ours
    assert jp_serverapp.identity_provider.token not in "".join(ours)
