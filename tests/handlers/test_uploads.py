"""Uploads over HTTP: create, parts, complete, abort, and everything that breaks off."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.server import API, CUSTOMER, OWN, Api, Fetch, HeldBack

from wherobots_storage.app import StorageApp
from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.handlers import upload_manager
from wherobots_storage.handlers.backend import PART_STREAMS
from wherobots_storage.handlers.upload_manager import UploadManager
from wherobots_storage.handlers.upload_parts import PART_BYTES, part_size_for
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import MAX_OBJECT_BYTES, MAX_PART_BYTES, MAX_PARTS
from wherobots_storage.settings import OPEN_UPLOADS

TIB = 1024**4
KEY = f"org/data/{CUSTOMER}/f"


def stored(store: MemoryStore, key: str = KEY) -> bytes:
    """The object's bytes."""
    with store.get(key) as body:
        return b"".join(body.chunks())


async def begin(api: Api, size: int, **more: str) -> dict[str, Any]:
    """An upload of ``size`` bytes to the user's folder."""
    answer = await api.post("uploads", {"path": f"{OWN}f", "size": size, **more})
    assert answer.status == 201, answer.body
    ticket: dict[str, Any] = answer.json()
    return ticket


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
async def test_a_file_arrives_as_it_was(api: Api, memory_store: MemoryStore, size: int) -> None:
    """Empty, small, exactly one part, one byte more, several parts: the bytes are the same."""
    content = os.urandom(size)
    done = await api.upload(f"{OWN}f", content)
    assert done.status == 200
    assert done.json()["size"] == size
    assert done.json()["etag"] == memory_store.head(KEY).etag
    assert stored(memory_store) == content
    assert memory_store.list_uploads("") == []


async def test_parts_may_come_in_parallel_out_of_order_and_twice(
    api: Api, memory_store: MemoryStore
) -> None:
    """The object is made of the parts by number, whatever the order; the last sending counts."""
    content = os.urandom(3 * PART_BYTES + 5)
    ticket = await begin(api, len(content))
    assert ticket["partSize"] == PART_BYTES

    async def send(number: int, piece: bytes) -> None:
        answer = await api("PUT", "uploads/part", body=piece, id=ticket["id"], number=str(number))
        assert answer.status == 200
        assert answer.json()["number"] == number

    await send(2, b"?" * PART_BYTES)
    pieces = [content[i : i + PART_BYTES] for i in range(0, len(content), PART_BYTES)]
    await asyncio.gather(*(send(number, pieces[number - 1]) for number in (4, 2, 1, 3)))
    listed = (await api.get("uploads", id=ticket["id"])).json()
    assert [(part["number"], part["size"]) for part in listed["parts"]] == [
        (1, PART_BYTES),
        (2, PART_BYTES),
        (3, PART_BYTES),
        (4, 5),
    ]
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200
    assert stored(memory_store) == content


async def test_an_upload_with_a_missing_part_is_not_completed(
    api: Api, memory_store: MemoryStore
) -> None:
    """Complete names the missing part, and works once it has arrived."""
    ticket = await begin(api, 2 * PART_BYTES)
    piece = b"x" * PART_BYTES
    await api("PUT", "uploads/part", body=piece, id=ticket["id"], number="1")
    refused = await api.post("uploads/complete", {"id": ticket["id"]})
    assert (refused.status, refused.error().code) == (409, "conflict")
    assert "part 2" in refused.error().message
    await api("PUT", "uploads/part", body=piece, id=ticket["id"], number="2")
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200
    assert memory_store.head(KEY).size == 2 * PART_BYTES


async def test_create_asks_before_bytes_travel(api: Api, memory_store: MemoryStore) -> None:
    """A name that is taken is told at once; replace goes over it."""
    memory_store.put(KEY, b"old")
    refused = await api.upload(f"{OWN}f", b"new")
    assert (refused.status, refused.error().code) == (409, "already-exists")
    assert refused.error().path == f"{OWN}f"
    assert stored(memory_store) == b"old"
    assert (await api.upload(f"{OWN}f", b"new", mode="replace")).status == 200
    assert stored(memory_store) == b"new"


async def test_a_file_is_not_put_beside_a_folder_of_its_name(
    api: Api, memory_store: MemoryStore
) -> None:
    """A home could hold only one of the two."""
    memory_store.put(KEY + "/inside", b"1")
    assert (await api.upload(f"{OWN}f", b"new")).error().code == "already-exists"


@pytest.mark.parametrize("size", [3, PART_BYTES + 3])
@pytest.mark.parametrize("ignores", [False, True])
async def test_create_never_goes_over_what_came_meanwhile(
    api: Api, held_back: HeldBack, size: int, ignores: bool
) -> None:
    """Another writer between begin and complete wins, also where the store ignores conditions."""
    held_back.ignores_conditions = ignores
    ticket = await begin(api, size)
    for number, start in enumerate(range(0, size, PART_BYTES), 1):
        piece = b"x" * min(PART_BYTES, size - start)
        await api("PUT", "uploads/part", body=piece, id=ticket["id"], number=str(number))
    held_back.put(KEY, b"theirs")
    refused = await api.post("uploads/complete", {"id": ticket["id"]})
    assert (refused.status, refused.error().code) == (409, "already-exists")
    assert stored(held_back) == b"theirs"
    assert held_back.list_uploads("") == []
    assert (await api.get("uploads", id=ticket["id"])).status == 404


@pytest.mark.parametrize("ignores", [False, True])
async def test_replace_with_an_etag_replaces_that_version_only(
    api: Api, held_back: HeldBack, ignores: bool
) -> None:
    """The version that the user saw may be replaced, a later one not."""
    etag = held_back.put(KEY, b"one")
    held_back.ignores_conditions = ignores
    ticket = await begin(api, 3, mode="replace", etag=etag)
    await api("PUT", "uploads/part", body=b"new", id=ticket["id"], number="1")
    held_back.put(KEY, b"two")
    refused = await api.post("uploads/complete", {"id": ticket["id"]})
    assert (refused.status, refused.error().code) == (412, "precondition-failed")
    assert stored(held_back) == b"two"
    early = await api.post(
        "uploads", {"path": f"{OWN}f", "size": 3, "mode": "replace", "etag": etag}
    )
    assert early.status == 412


async def test_abort_leaves_nothing(api: Api, memory_store: MemoryStore) -> None:
    """After DELETE the parts are gone from the store and the id is unknown."""
    ticket = await begin(api, 2 * PART_BYTES)
    await api("PUT", "uploads/part", body=b"x" * PART_BYTES, id=ticket["id"], number="1")
    assert len(memory_store.list_uploads("")) == 1
    assert (await api("DELETE", "uploads", id=ticket["id"])).status == 204
    assert memory_store.list_uploads("") == []
    again = await api("DELETE", "uploads", id=ticket["id"])
    assert (again.status, again.error().code) == (404, "no-such-upload")


@pytest.mark.parametrize(
    ("length", "status", "code"),
    [(PART_BYTES + 1, 413, "too-large"), (PART_BYTES - 1, 400, "invalid-input")],
)
async def test_a_part_has_exactly_its_size(
    api: Api, memory_store: MemoryStore, length: int, status: int, code: str
) -> None:
    """A part that announces another size is refused by its headers."""
    ticket = await begin(api, 2 * PART_BYTES)
    answer = await api("PUT", "uploads/part", body=b"x" * length, id=ticket["id"], number="1")
    assert (answer.status, answer.error().code) == (status, code)
    assert (await api.get("uploads", id=ticket["id"])).json()["parts"] == []
    assert memory_store.list_uploads("") != []


@pytest.mark.parametrize("number", ["0", "3", "10001", "x", ""])
async def test_a_part_of_another_number_is_refused(api: Api, number: str) -> None:
    """Only the parts that make the file are taken."""
    ticket = await begin(api, 2 * PART_BYTES)
    answer = await api("PUT", "uploads/part", body=b"x", id=ticket["id"], number=number)
    assert answer.status == 400


async def test_a_part_of_no_upload_is_refused(api: Api) -> None:
    """An id that was made up, or an upload that was aborted meanwhile, is 404."""
    answer = await api("PUT", "uploads/part", body=b"x", id="made-up", number="1")
    assert (answer.status, answer.error().code) == (404, "no-such-upload")


async def open_part(
    app: StorageApp, port: int, base: str, ticket: dict[str, Any], length: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a part's headers are sent, and no byte of its body."""
    server: Any = app.serverapp
    token = server.identity_provider.token
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"PUT {base}{API}/uploads/part?id={ticket['id']}&number=1 HTTP/1.1\r\n"
        f"Host: 127.0.0.1\r\nAuthorization: token {token}\r\n{length}\r\n\r\n"
    )
    writer.write(head.encode())
    await writer.drain()
    return reader, writer


async def parts_begin(uploads: UploadManager, ticket: dict[str, Any]) -> None:
    """Wait until a part is under way."""
    for _ in range(6000):
        if uploads._uploads[ticket["id"]].sinks:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no part began")


async def parts_settle(uploads: UploadManager, ticket: dict[str, Any]) -> None:
    """Wait until no part is under way."""
    for _ in range(6000):
        if not uploads._uploads[ticket["id"]].sinks:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the part's place was not freed")


@pytest.mark.parametrize("size", [1000, 2 * PART_BYTES])
async def test_a_part_that_breaks_off_is_not_registered(
    api: Api,
    memory_store: MemoryStore,
    storage_app: StorageApp,
    jp_http_port: int,
    jp_base_url: str,
    size: int,
) -> None:
    """Half a body leaves no part and no object; sent again, the file is whole."""
    content = os.urandom(size)
    ticket = await begin(api, size)
    first = content[:PART_BYTES]
    _, writer = await open_part(
        storage_app, jp_http_port, jp_base_url, ticket, f"Content-Length: {len(first)}"
    )
    writer.write(first[: len(first) // 2])
    await writer.drain()
    await parts_begin(storage_app._uploads, ticket)
    writer.close()
    await writer.wait_closed()
    await parts_settle(storage_app._uploads, ticket)
    assert (await api.get("uploads", id=ticket["id"])).json()["parts"] == []
    assert memory_store.list_page("").entries == ()
    for number, start in enumerate(range(0, size, PART_BYTES), 1):
        piece = content[start : start + PART_BYTES]
        sent = await api("PUT", "uploads/part", body=piece, id=ticket["id"], number=str(number))
        assert sent.status == 200
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200
    assert stored(memory_store) == content


async def test_a_chunked_body_may_not_go_on_after_its_size(
    api: Api, storage_app: StorageApp, jp_http_port: int, jp_base_url: str
) -> None:
    """A body that announces no length is cut off when it is longer than the part."""
    ticket = await begin(api, 10)
    reader, writer = await open_part(
        storage_app, jp_http_port, jp_base_url, ticket, "Transfer-Encoding: chunked"
    )
    writer.write(b"14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n")
    assert b"400" in await reader.readline()
    writer.close()
    await parts_settle(storage_app._uploads, ticket)
    assert (await api.get("uploads", id=ticket["id"])).json()["parts"] == []


async def test_a_chunked_body_of_the_right_size_is_taken(
    api: Api, storage_app: StorageApp, jp_http_port: int, jp_base_url: str
) -> None:
    """A client that streams without a length is served too."""
    ticket = await begin(api, 10)
    reader, writer = await open_part(
        storage_app, jp_http_port, jp_base_url, ticket, "Transfer-Encoding: chunked"
    )
    writer.write(b"a\r\n" + b"x" * 10 + b"\r\n0\r\n\r\n")
    assert b"200" in await reader.readline()
    writer.close()
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).json()["size"] == 10


async def test_the_server_holds_little_of_a_part(
    api: Api, held_back: HeldBack, storage_app: StorageApp, jp_http_port: int, jp_base_url: str
) -> None:
    """While the store takes nothing, the browser can send a few MiB of a part of 105, no more."""
    ticket = await begin(api, TIB)
    size = ticket["partSize"]
    assert size > 100 * 1024**2
    held_back.gate.clear()
    _, writer = await open_part(
        storage_app, jp_http_port, jp_base_url, ticket, f"Content-Length: {size}"
    )
    sent = 0
    try:
        while sent < size:
            writer.write(b"x" * 262144)
            sent += 262144
            await asyncio.wait_for(writer.drain(), 1)
    except TimeoutError:
        pass
    held_back.gate.set()
    writer.close()
    await parts_settle(storage_app._uploads, ticket)
    assert sent < 24 * 1024**2


async def test_a_later_attempt_takes_over_from_one_that_hangs(
    api: Api,
    memory_store: MemoryStore,
    storage_app: StorageApp,
    jp_http_port: int,
    jp_base_url: str,
) -> None:
    """A part whose first connection went silent can be sent again on another at once."""
    ticket = await begin(api, PART_BYTES + 1)
    _, writer = await open_part(
        storage_app, jp_http_port, jp_base_url, ticket, f"Content-Length: {PART_BYTES}"
    )
    writer.write(b"?")
    await writer.drain()
    await parts_begin(storage_app._uploads, ticket)
    for number, piece in ((1, b"x" * PART_BYTES), (2, b"y")):
        sent = await api("PUT", "uploads/part", body=piece, id=ticket["id"], number=str(number))
        assert sent.status == 200
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200
    assert stored(memory_store) == b"x" * PART_BYTES + b"y"
    writer.close()


async def test_a_part_that_the_store_refuses_is_told(api: Api, held_back: HeldBack) -> None:
    """The store's error arrives as the part's answer, retryable, and the part is not there."""
    ticket = await begin(api, PART_BYTES + 1)
    held_back.errors["upload_part"] = StoreUnavailable("The store is down.")
    answer = await api("PUT", "uploads/part", body=b"x" * PART_BYTES, id=ticket["id"], number="1")
    assert answer.status == 503
    assert answer.error().retryable is True
    assert answer.error().path == f"{OWN}f"
    assert (await api.get("uploads", id=ticket["id"])).json()["parts"] == []


async def test_a_complete_that_fails_can_be_asked_again(api: Api, held_back: HeldBack) -> None:
    """A store that is down for a moment does not cost the bytes that were sent."""
    ticket = await begin(api, 3)
    await api("PUT", "uploads/part", body=b"abc", id=ticket["id"], number="1")
    held_back.errors["put"] = StoreUnavailable("The store is down.")
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 503
    del held_back.errors["put"]
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200
    assert stored(held_back) == b"abc"


async def test_small_files_are_held_under_a_budget(
    api: Api, memory_store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the budget a small file becomes a multipart upload, and arrives all the same."""
    monkeypatch.setattr(upload_manager, "HELD_BYTES", 10)
    first = await api.post("uploads", {"path": f"{OWN}a", "size": 8})
    assert memory_store.list_uploads("") == []
    second = (await api.post("uploads", {"path": f"{OWN}b", "size": 8})).json()
    assert len(memory_store.list_uploads("")) == 1
    await api("PUT", "uploads/part", body=b"12345678", id=second["id"], number="1")
    assert (await api.post("uploads/complete", {"id": second["id"]})).status == 200
    assert (await api("DELETE", "uploads", id=first.json()["id"])).status == 204
    await api.post("uploads", {"path": f"{OWN}c", "size": 8})
    assert memory_store.list_uploads("") == []


@pytest.mark.parametrize("size", [0, 1, 10**9, 79 * 1024**3, TIB, MAX_OBJECT_BYTES])
def test_part_sizes_stay_within_what_s3_takes(size: int) -> None:
    """Any size up to 5 TiB fits into 10,000 parts of at most 5 GiB."""
    part = part_size_for(size)
    assert PART_BYTES <= part <= MAX_PART_BYTES
    assert part * MAX_PARTS >= size


async def test_more_than_five_tebibytes_are_refused(api: Api) -> None:
    """The limit of S3 is told before anything is sent."""
    answer = await api.post("uploads", {"path": f"{OWN}f", "size": MAX_OBJECT_BYTES + 1})
    assert (answer.status, answer.error().code) == (413, "too-large")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"path": f"{OWN}f"},
        {"path": f"{OWN}f", "size": -1},
        {"path": f"{OWN}f", "size": 1, "mode": "x"},
        {"path": 5, "size": 1},
        {"path": f"{OWN}folder/", "size": 1},
        [],
        b"{",
        b"",
        b'{"path": "\\ud800", "size": 1}',
    ],
)
async def test_a_bad_request_is_a_bad_request(api: Api, body: object) -> None:
    """What is not an upload's description answers 400 in the one error shape."""
    answer = await api.post("uploads", body)
    assert answer.status == 400
    assert answer.error().code in {"invalid-input", "invalid-path"}


async def test_idle_uploads_are_aborted(
    api: Api,
    memory_store: MemoryStore,
    storage_app: StorageApp,
) -> None:
    """An upload that nobody touches is given up, one that is used is not."""
    idle = await begin(api, 2 * PART_BYTES)
    used = (await api.post("uploads", {"path": f"{OWN}g", "size": 2 * PART_BYTES})).json()
    storage_app._uploads._uploads[idle["id"]].touched -= upload_manager.IDLE_SECONDS + 1
    await storage_app._uploads.reap()
    assert (await api.get("uploads", id=idle["id"])).status == 404
    assert (await api.get("uploads", id=used["id"])).status == 200
    assert [upload.key for upload in memory_store.list_uploads("")] == [f"org/data/{CUSTOMER}/g"]


async def test_an_abort_that_fails_is_tried_again(
    api: Api, held_back: HeldBack, storage_app: StorageApp
) -> None:
    """No multipart stays behind because the store was down at the wrong moment."""
    ticket = await begin(api, 2 * PART_BYTES)
    held_back.errors["abort_multipart"] = StoreUnavailable("The store is down.")
    assert (await api("DELETE", "uploads", id=ticket["id"])).status == 204
    assert len(held_back.list_uploads("")) == 1
    del held_back.errors["abort_multipart"]
    await storage_app._uploads.reap()
    assert held_back.list_uploads("") == []


async def test_stopping_aborts_what_is_unfinished(
    api: Api, memory_store: MemoryStore, storage_app: StorageApp, tmp_path: Path
) -> None:
    """A clean stop leaves no multipart, no object and no list of uploads; new ones are refused."""
    ticket = await begin(api, 2 * PART_BYTES)
    await api("PUT", "uploads/part", body=b"x" * PART_BYTES, id=ticket["id"], number="1")
    await storage_app._uploads.close()
    assert memory_store.list_uploads("") == []
    assert list((tmp_path / "state" / OPEN_UPLOADS).iterdir()) == []
    assert (await api.post("uploads", {"path": f"{OWN}g", "size": 1})).status == 503
    assert (await api.get("uploads", id=ticket["id"])).status == 503


async def test_the_next_start_aborts_what_a_killed_server_left(
    api: Api, memory_store: MemoryStore, storage_app: StorageApp, tmp_path: Path
) -> None:
    """The list of a server that died is worked off; that of one that lives is left alone."""
    folder = tmp_path / "state" / OPEN_UPLOADS
    mine = await begin(api, 2 * PART_BYTES)
    (live,) = folder.iterdir()
    assert live.stat().st_mode & 0o777 == 0o600
    upload_id = memory_store.create_multipart("org/data/shared/left")
    lines = [{"begin": ["test", "org/data/shared/left", upload_id]}]
    (folder / "dead.uploads").write_text("\n".join(map(json.dumps, lines)) + "\n{torn")
    other = json.dumps({"begin": ["elsewhere", "k", "u"]})
    (folder / "other.uploads").write_text(other)
    assert storage_app._uploads._store.recover() is True
    assert [upload.key for upload in memory_store.list_uploads("")] == [KEY]
    assert {path.name for path in folder.iterdir()} == {live.name, "other.uploads"}
    assert (await api.get("uploads", id=mine["id"])).status == 200


async def test_a_list_that_cannot_be_worked_off_is_kept(
    api: Api, held_back: HeldBack, storage_app: StorageApp, tmp_path: Path
) -> None:
    """While the store is down nothing is forgotten."""
    folder = tmp_path / "state" / OPEN_UPLOADS
    folder.mkdir(parents=True)
    line = json.dumps({"begin": ["test", "k", "u"]})
    (folder / "dead.uploads").write_text(line)
    held_back.errors["abort_multipart"] = StoreUnavailable("The store is down.")
    assert await storage_app._backend.run(storage_app._uploads._store.recover) is False
    assert (folder / "dead.uploads").exists()
    assert api is not None


async def test_uploads_work_where_the_state_folder_cannot_be_written(
    api: Api, memory_store: MemoryStore, tmp_path: Path
) -> None:
    """A read-only disk costs the clean-up after a crash, not the upload."""
    (tmp_path / "state").write_text("a file where the folder should be")
    content = os.urandom(PART_BYTES + 1)
    assert (await api.upload(f"{OWN}f", content)).status == 200
    assert stored(memory_store) == content


async def test_another_route_answers_while_the_store_hangs(
    api: Api, held_back: HeldBack, jp_fetch: Fetch
) -> None:
    """A store call that waits blocks neither the event loop nor the other routes."""
    held_back.gate.clear()
    hanging = asyncio.ensure_future(api.get("files", path="/data/shared/"))
    await held_back.called()
    assert (await asyncio.wait_for(api.get("config"), 60)).status == 200
    assert (await asyncio.wait_for(api.get("files", path="/data/"), 60)).status == 200
    assert (await asyncio.wait_for(jp_fetch("api", "status"), 60)).code == 200
    assert not hanging.done()
    held_back.gate.set()
    assert (await hanging).status == 200


async def test_completing_twice_tells_the_same(api: Api, memory_store: MemoryStore) -> None:
    """A browser whose first answer got lost asks again and learns that the file is there."""
    ticket = await begin(api, 3)
    await api("PUT", "uploads/part", body=b"abc", id=ticket["id"], number="1")
    first = await api.post("uploads/complete", {"id": ticket["id"]})
    memory_store.put(KEY, b"later")
    again = await api.post("uploads/complete", {"id": ticket["id"]})
    assert (again.status, again.json()) == (200, first.json())
    assert stored(memory_store) == b"later"


async def test_nothing_else_happens_to_an_upload_while_it_is_completed(
    api: Api, held_back: HeldBack, storage_app: StorageApp
) -> None:
    """Abort, another part, a second complete are conflicts; even a stop leaves the file whole."""
    ticket = await begin(api, 3)
    await api("PUT", "uploads/part", body=b"abc", id=ticket["id"], number="1")
    held_back.entered.clear()
    held_back.gate.clear()
    completing = asyncio.ensure_future(api.post("uploads/complete", {"id": ticket["id"]}))
    await held_back.called()
    answers = [
        await api("DELETE", "uploads", id=ticket["id"]),
        await api("PUT", "uploads/part", body=b"xyz", id=ticket["id"], number="1"),
        await api.post("uploads/complete", {"id": ticket["id"]}),
    ]
    assert [answer.status for answer in answers] == [409, 409, 409]
    await storage_app._uploads.close()
    held_back.gate.set()
    assert (await completing).status == 200
    assert stored(held_back) == b"abc"


async def test_a_file_whose_part_still_arrives_is_not_completed(
    api: Api, storage_app: StorageApp, jp_http_port: int, jp_base_url: str
) -> None:
    """A part that is being sent a second time must end first."""
    ticket = await begin(api, 10)
    await api("PUT", "uploads/part", body=b"0123456789", id=ticket["id"], number="1")
    _, writer = await open_part(
        storage_app, jp_http_port, jp_base_url, ticket, "Content-Length: 10"
    )
    await parts_begin(storage_app._uploads, ticket)
    refused = await api.post("uploads/complete", {"id": ticket["id"]})
    assert "part 1 is still arriving" in refused.error().message
    writer.close()
    await parts_settle(storage_app._uploads, ticket)
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200


async def test_two_attempts_that_wait_for_a_stream_leave_one_part(
    api: Api, held_back: HeldBack, storage_app: StorageApp
) -> None:
    """With all streams taken, attempts at one part queue up; in the end there is one, and whole."""
    ticket = await begin(api, PART_BYTES + 1)
    for _ in range(PART_STREAMS):
        await storage_app._uploads._streams.acquire()
    piece = b"x" * PART_BYTES
    attempts = [
        asyncio.ensure_future(api("PUT", "uploads/part", body=piece, id=ticket["id"], number="1"))
        for _ in range(3)
    ]
    await asyncio.sleep(0.2)
    for _ in range(PART_STREAMS):
        storage_app._uploads._streams.release()
    statuses = [(await attempt).status for attempt in attempts]
    assert 200 in statuses
    assert set(statuses) <= {200, 400}
    listed = (await api.get("uploads", id=ticket["id"])).json()["parts"]
    assert [part["number"] for part in listed] == [1]
    await api("PUT", "uploads/part", body=b"y", id=ticket["id"], number="2")
    assert (await api.post("uploads/complete", {"id": ticket["id"]})).status == 200
    assert stored(held_back) == piece + b"y"
