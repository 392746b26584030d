"""A Jupyter server in the test's own process, with the extension over a store of the test's."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from support.secretguard import guard
from tornado.httpclient import HTTPClientError, HTTPResponse

from wherobots_storage.api.models import ErrorBody, SyncStatus
from wherobots_storage.objectstore.content import PartBody
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.memory_body import MemoryBody
from wherobots_storage.objectstore.store import (
    DeleteFailure,
    ListPage,
    ObjectInfo,
    ObjectStore,
    Part,
)
from wherobots_storage.settings import Settings

API = "wherobots-storage/api/v1"
ROOT = "s3://test/org/"
CUSTOMER = "customer-ann"
OWN = f"/data/{CUSTOMER}/"

Fetch = Callable[..., Awaitable[HTTPResponse]]


@dataclass
class FakeSupervisor:
    """Stands for the sync agent's supervisor; notes what is asked of it."""

    restored: bool = True
    fail_stop: bool = False
    status: SyncStatus = field(
        default_factory=lambda: SyncStatus(state="idle", since="2026-01-01T00:00:00Z")
    )
    calls: list[str] = field(default_factory=list)
    deadline: float | None = None

    def spawn(self) -> None:
        """Note it."""
        self.calls.append("spawn")

    def wait_restored(self, seconds: float) -> bool:
        """Note it and answer at once."""
        self.calls.append(f"wait {seconds:g}")
        return self.restored

    async def run(self) -> None:
        """Note it and end."""
        self.calls.append("run")

    async def request(self, op: str, held: str | None = None) -> SyncStatus:
        """Note it; the status changes."""
        self.calls.append(op if held is None else f"{op} {held}")
        self.status = SyncStatus(state="syncing", since="2026-01-01T00:00:01Z")
        return self.status

    async def stop(self, deadline: float) -> None:
        """Note it."""
        self.calls.append("stop")
        self.deadline = deadline
        if self.fail_stop:
            raise RuntimeError("the agent is gone")


class Hooks:
    """What the extension under test is given in place of S3 and of the agent process."""

    def __init__(self, store: ObjectStore) -> None:
        self.store: ObjectStore | None = store
        self.supervisor = FakeSupervisor()
        self.settings: Settings | None = None

    def make_store(self, settings: Settings) -> ObjectStore:
        """The test's store, whatever bucket is asked for; the real one when there is none."""
        if self.store is None:
            # Imported here, since most tests need no S3 library.
            from wherobots_storage.credentials.stores import open_user_store  # noqa: PLC0415

            return open_user_store(settings)
        return self.store

    def make_supervisor(self, settings: Settings) -> FakeSupervisor:
        """The fake; the settings are kept."""
        self.settings = settings
        return self.supervisor


@dataclass
class Answer:
    """An answer of the server, errors included."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def error(self) -> ErrorBody:
        """The body as the one error shape, strictly."""
        assert set(self.json()) == {"code", "message", "path", "retryable"}
        return msgspec.json.decode(self.body, type=ErrorBody)


class Api:
    """Calls the extension's routes with the server's token."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def __call__(
        self,
        method: str,
        route: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **params: str,
    ) -> Answer:
        """Call a route: ``body`` is sent as JSON, bytes as they are; ``params`` as the query."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            response = await self._fetch(
                *API.split("/"),
                *route.split("/"),
                method=method,
                body=raw,
                params=params,
                headers=dict(headers or {}),
                allow_nonstandard_methods=True,
            )
        except HTTPClientError as error:
            if error.response is None:
                raise
            response = error.response
        answer = Answer(response.code, response.headers, response.body or b"")
        # What is vended is for who asked: its answer is the one place that a secret has.
        if not (route == "credentials" and answer.status == HTTPStatus.OK):
            guard.hear(f"the answer to {method} {route}", answer.body.decode("utf-8", "replace"))
        return answer

    async def get(self, route: str, **params: str) -> Answer:
        """GET."""
        return await self("GET", route, body=None, headers=None, **params)

    async def post(self, route: str, body: object) -> Answer:
        """POST a JSON body."""
        return await self("POST", route, body=body)

    async def upload(self, path: str, content: bytes, *, mode: str = "create") -> Answer:
        """Upload a file as the panel does; the answer of the step that ended it."""
        began = await self.post("uploads", {"path": path, "size": len(content), "mode": mode})
        if began.status != 201:
            return began
        ticket = began.json()
        size = ticket["partSize"]
        for index, start in enumerate(range(0, len(content), size), 1):
            piece = content[start : start + size]
            sent = await self("PUT", "uploads/part", body=piece, id=ticket["id"], number=f"{index}")
            if sent.status != 200:
                return sent
        return await self.post("uploads/complete", {"id": ticket["id"]})


async def wait_for_job(api: Api, job: Mapping[str, Any]) -> dict[str, Any]:
    """The job when it has ended."""
    for _ in range(3000):
        now: dict[str, Any] = (await api.get("jobs", id=job["id"])).json()
        if now["state"] != "running":
            return now
        await asyncio.sleep(0.02)
    raise AssertionError("the job did not end")


class HeldBack(MemoryStore):
    """A store in memory whose next calls can be made to wait, to fail, or to ignore conditions."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.ignores_conditions = False
        self.errors: dict[str, Exception] = {}

    async def called(self) -> None:
        """Wait until a call has come in."""
        assert await asyncio.to_thread(self.entered.wait, 60)

    def _pass(self, call: str) -> None:
        self.entered.set()
        assert self.gate.wait(100), "the test never opened the gate"
        if call in self.errors:
            raise self.errors[call]

    def list_page(self, prefix: str, **options: Any) -> ListPage:
        """Wait, fail, or list."""
        self._pass("list_page")
        return super().list_page(prefix, **options)

    def head(self, key: str) -> ObjectInfo:
        """Wait, fail, or look."""
        self._pass("head")
        return super().head(key)

    def get(self, key: str, **options: Any) -> MemoryBody:
        """Wait, fail, or read."""
        self._pass("get")
        return super().get(key, **options)

    def put(self, key: str, body: bytes | Iterable[bytes], **options: Any) -> str:
        """Wait, fail, or write."""
        self._pass("put")
        if self.ignores_conditions:
            options |= {"if_none_match": False, "if_match": None}
        return super().put(key, body, **options)

    def delete_many(self, keys: Sequence[str]) -> list[DeleteFailure]:
        """Wait, fail, or delete."""
        self._pass("delete_many")
        return super().delete_many(keys)

    def upload_part(
        self, key: str, upload_id: str, number: int, body: PartBody, *, size: int
    ) -> str:
        """Wait, fail, or take the part."""
        self._pass("upload_part")
        return super().upload_part(key, upload_id, number, body, size=size)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Fail, or abort."""
        self._pass("abort_multipart")
        super().abort_multipart(key, upload_id)

    def complete_multipart(
        self, key: str, upload_id: str, parts: Sequence[Part], **options: Any
    ) -> str:
        """Wait, fail, or complete."""
        self._pass("complete_multipart")
        if self.ignores_conditions:
            options |= {"if_none_match": False, "if_match": None}
        return super().complete_multipart(key, upload_id, parts, **options)
