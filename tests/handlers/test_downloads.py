"""Downloads over HTTP: headers that keep a page harmless, ranges, and ends that come early."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from support.server import API, OWN, Api, HeldBack

from wherobots_storage.app import StorageApp
from wherobots_storage.errors import NotFound, StoreUnavailable
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.memory_body import MemoryBody

MIB = 1024**2


async def test_a_page_cannot_run_in_jupyters_origin(api: Api, memory_store: MemoryStore) -> None:
    """HTML is saved, not shown; typed as binary, not guessed; and sandboxed if shown anyway."""
    memory_store.put("org/data/shared/x.html", b"<script>1</script>", content_type="text/html")
    answer = await api.get("files/content", path="/data/shared/x.html")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="x.html"')
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"


async def test_a_download_is_whole_and_says_so(api: Api, memory_store: MemoryStore) -> None:
    """Several chunks arrive in order; length and ETag are the object's."""
    content = os.urandom(3 * MIB + 17)
    etag = memory_store.put("org/data/shared/big", content)
    answer = await api.get("files/content", path="/data/shared/big")
    assert answer.body == content
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Etag"] == f'"{etag}"'
    assert answer.headers["Accept-Ranges"] == "bytes"


async def test_an_empty_file_downloads(api: Api, memory_store: MemoryStore) -> None:
    """Zero bytes are an answer, not an error."""
    memory_store.put("org/data/shared/empty", b"")
    answer = await api.get("files/content", path="/data/shared/empty")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("header", "body", "content_range"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
    ],
)
async def test_a_range_is_answered_with_that_range(
    api: Api, memory_store: MemoryStore, header: str, body: bytes, content_range: str
) -> None:
    """206, the bytes, their place in the whole, and their own length."""
    memory_store.put("org/data/shared/f", b"0123456789")
    answer = await api("GET", "files/content", headers={"Range": header}, path="/data/shared/f")
    assert (answer.status, answer.body) == (206, body)
    assert answer.headers["Content-Range"] == content_range
    assert answer.headers["Content-Length"] == str(len(body))


async def test_several_ranges_are_answered_with_the_whole(
    api: Api, memory_store: MemoryStore
) -> None:
    """A multi-range request is served without its ranges."""
    memory_store.put("org/data/shared/f", b"0123456789")
    answer = await api(
        "GET", "files/content", headers={"Range": "bytes=0-1,4-5"}, path="/data/shared/f"
    )
    assert (answer.status, answer.body) == (200, b"0123456789")


async def test_a_range_after_the_end_tells_the_size(api: Api, memory_store: MemoryStore) -> None:
    """416, in the one error shape, with the size for the next try."""
    memory_store.put("org/data/shared/f", b"0123456789")
    answer = await api(
        "GET", "files/content", headers={"Range": "bytes=10-"}, path="/data/shared/f"
    )
    assert (answer.status, answer.error().code) == (416, "range-not-satisfiable")
    assert answer.headers["Content-Range"] == "bytes */10"
    assert answer.headers["Content-Type"] == "application/json"


async def test_if_range_keeps_halves_of_two_versions_apart(
    api: Api, memory_store: MemoryStore
) -> None:
    """The range is served for the version that the browser has a half of, else the whole."""
    etag = memory_store.put("org/data/shared/f", b"0123456789")

    async def ask(condition: str) -> int:
        headers = {"Range": "bytes=5-", "If-Range": condition}
        answer = await api("GET", "files/content", headers=headers, path="/data/shared/f")
        return answer.status

    assert await ask(f'"{etag}"') == 206
    assert await ask('"another"') == 200


async def test_a_browser_that_has_the_file_gets_no_body(
    api: Api, memory_store: MemoryStore
) -> None:
    """If-None-Match with the ETag is answered 304."""
    etag = memory_store.put("org/data/shared/f", b"0123456789")
    headers = {"If-None-Match": f'"{etag}"'}
    answer = await api("GET", "files/content", headers=headers, path="/data/shared/f")
    assert (answer.status, answer.body) == (304, b"")


async def test_head_tells_what_get_would(api: Api, memory_store: MemoryStore) -> None:
    """The same headers, no body, with and without a range."""
    memory_store.put("org/data/shared/f", b"0123456789")
    for headers in ({}, {"Range": "bytes=2-4"}):
        got = await api("GET", "files/content", headers=headers, path="/data/shared/f")
        head = await api("HEAD", "files/content", headers=headers, path="/data/shared/f")
        assert (head.status, head.body) == (got.status, b"")
        for name in ("Content-Length", "Etag", "Content-Disposition", "Content-Type"):
            assert head.headers[name] == got.headers[name]
        assert head.headers.get("Content-Range") == got.headers.get("Content-Range")


@pytest.mark.parametrize("name", ['quote".csv', "new\nline\r\n", "é☃.csv", "back\\slash", ";x="])
async def test_odd_names_stay_inside_their_header(
    api: Api, memory_store: MemoryStore, name: str
) -> None:
    """A name is never a header of its own."""
    memory_store.put(f"org/data/shared/{name}", b"1")
    answer = await api.get("files/content", path=f"/data/shared/{name}")
    assert answer.status == 200
    assert answer.headers["Content-Disposition"].count('"') == 2


async def test_what_is_not_there_is_an_error_and_no_download(api: Api) -> None:
    """A missing file is JSON without the attachment's headers; a folder is refused."""
    answer = await api.get("files/content", path="/data/shared/none")
    assert (answer.status, answer.error().code) == (404, "not-found")
    assert "Content-Disposition" not in answer.headers
    assert (await api.get("files/content", path="/data/shared/")).status == 400


class _Broken(MemoryBody):
    """A body whose connection breaks after the first megabyte."""

    def chunks(self, size: int = MIB) -> Iterator[bytes]:
        for index, chunk in enumerate(super().chunks(size)):
            if index:
                raise StoreUnavailable("The connection broke.")
            yield chunk


async def _read_raw(app: StorageApp, port: int, base: str, path: str) -> bytes:
    """Everything that the server sends for a GET, until it closes or the answer is whole."""
    server: Any = app.serverapp
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {base}{API}/files/content?path={path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: token {server.identity_provider.token}\r\n\r\n".encode()
    )
    received = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return received


async def test_a_store_that_breaks_off_never_looks_like_the_end(
    api: Api, held_back: HeldBack, storage_app: StorageApp, jp_http_port: int, jp_base_url: str
) -> None:
    """The connection closes before Content-Length is reached, so the browser knows."""
    held_back.put("org/data/shared/big", bytes(3 * MIB))
    whole = held_back.get

    def broken(key: str, **options: Any) -> MemoryBody:
        body = whole(key, **options)
        return _Broken(body.info, b"".join(body.chunks()))

    held_back.get = broken  # type: ignore[method-assign]
    received = await _read_raw(storage_app, jp_http_port, jp_base_url, "/data/shared/big")
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"Content-Length: {3 * MIB}".encode() in head
    assert len(body) == MIB
    assert api is not None


class _Watched(MemoryBody):
    """A body that counts what is read of it and notes that it was closed."""

    read = 0
    closed = False

    def chunks(self, size: int = MIB) -> Iterator[bytes]:
        for chunk in super().chunks(size):
            self.read += len(chunk)
            yield chunk

    def close(self) -> None:
        self.closed = True
        super().close()


async def test_a_browser_that_leaves_stops_the_download(
    api: Api, held_back: HeldBack, storage_app: StorageApp, jp_http_port: int, jp_base_url: str
) -> None:
    """Little is read ahead of a browser that does not, and nothing after it has left."""
    size = 200 * MIB
    held_back.put("org/data/shared/big", bytes(size))
    whole = held_back.get
    bodies: list[_Watched] = []

    def watched(key: str, **options: Any) -> MemoryBody:
        body = whole(key, **options)
        bodies.append(_Watched(body.info, b"".join(body.chunks(size))))
        return bodies[-1]

    held_back.get = watched  # type: ignore[method-assign]
    server: Any = storage_app.serverapp
    reader, writer = await asyncio.open_connection("127.0.0.1", jp_http_port, limit=65536)
    writer.write(
        f"GET {jp_base_url}{API}/files/content?path=/data/shared/big HTTP/1.1\r\n"
        f"Host: 127.0.0.1\r\nAuthorization: token {server.identity_provider.token}\r\n\r\n".encode()
    )
    await reader.readline()
    await asyncio.sleep(0.5)
    writer.close()
    for _ in range(3000):
        if bodies[0].closed:
            break
        await asyncio.sleep(0.02)
    assert bodies[0].closed
    assert bodies[0].read < 32 * MIB
    assert api is not None


async def test_a_file_that_goes_between_head_and_get_is_an_error(
    api: Api, held_back: HeldBack
) -> None:
    """Nothing is sent before the store has begun to answer."""
    held_back.put(f"org{OWN}f", b"1")
    held_back.errors["get"] = NotFound("It is gone.")
    answer = await api.get("files/content", path=f"{OWN}f")
    assert (answer.status, answer.error().message) == (404, "It is gone.")
