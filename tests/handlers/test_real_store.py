"""The routes over a real store, and over stores that refuse."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from support.lab import free_port
from support.moto_server import moto_server
from support.server import API, CUSTOMER, OWN, Answer, Api, Hooks, wait_for_job

from wherobots_storage.app import StorageApp
from wherobots_storage.handlers.upload_parts import PART_BYTES
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store


@pytest.fixture
def hooks(hooks: Hooks) -> Hooks:
    """The extension opens its store itself, as in production."""
    hooks.store = None
    return hooks


@pytest.mark.store
@pytest.mark.usefixtures("seaweed_environment")
class TestSeaweed:
    @pytest.fixture
    def storage_config(self, storage_config: dict[str, Any], bucket: str) -> dict[str, Any]:
        """The organisation's root in a fresh bucket."""
        return {**storage_config, "root_url": f"s3://{bucket}/org/"}

    async def test_a_large_file_goes_up_and_comes_down(self, api: Api, s3_store: S3Store) -> None:
        """Three parts and a bit arrive byte for byte, whole and by range; then it is deleted."""
        content = os.urandom(3 * PART_BYTES + 12345)
        assert (await api.upload(f"{OWN}big.bin", content)).status == 200
        assert (await api.get("files/content", path=f"{OWN}big.bin")).body == content
        part = await api(
            "GET", "files/content", headers={"Range": "bytes=-100"}, path=f"{OWN}big.bin"
        )
        assert part.body == content[-100:]
        assert s3_store.list_uploads("") == []
        gone = await api.post("files/delete", {"paths": [f"{OWN}big.bin"]})
        assert gone.json()["deleted"] == [f"{OWN}big.bin"]
        assert (await api.get("files/stat", path=f"{OWN}big.bin")).status == 404

    async def test_folders_live_a_whole_life(self, api: Api) -> None:
        """Made, shown while empty, filled, and deleted with everything in it."""
        assert (await api.post("folders", {"path": f"{OWN}new/"})).status == 201
        (entry,) = (await api.get("files", path=OWN)).json()["entries"]
        assert (entry["name"], entry["type"]) == ("new", "FOLDER")
        for name in ("a", "b", "deep/c"):
            assert (await api.upload(f"{OWN}new/{name}", b"1")).status == 200
        answer = await api.post("files/delete", {"paths": [f"{OWN}new/"]})
        job = await wait_for_job(api, answer.json()["jobs"][0])
        assert (job["state"], job["error"]) == ("done", None)
        assert (await api.get("files", path=f"{OWN}new/")).json()["entries"] == []
        assert (await api.get("files", path=OWN)).json()["entries"] == []

    async def test_a_folder_that_only_shows_can_be_deleted(
        self, api: Api, s3_store: S3Store
    ) -> None:
        """SeaweedFS shows a folder after its last file went; deleting it makes it disappear."""
        key = f"org/data/{CUSTOMER}/x/y/only"
        s3_store.put(key, b"1")
        s3_store.delete(key)
        answer = await api.post("files/delete", {"paths": [f"{OWN}x/"]})
        job = await wait_for_job(api, answer.json()["jobs"][0])
        assert (job["state"], job["done"]) == ("done", 0)
        assert (await api.get("files", path=OWN)).json()["entries"] == []

    async def test_create_and_replace_keep_what_they_must(
        self, api: Api, s3_store: S3Store
    ) -> None:
        """A taken name is refused, and a version that is gone is not replaced."""
        etag = s3_store.put(f"org/data/{CUSTOMER}/f", b"old")
        assert (await api.upload(f"{OWN}f", b"new")).error().code == "already-exists"
        s3_store.put(f"org/data/{CUSTOMER}/f", b"newer")
        request = {"path": f"{OWN}f", "size": 1, "mode": "replace", "etag": etag}
        assert (await api.post("uploads", request)).error().code == "precondition-failed"

    async def test_an_upload_that_breaks_off_leaves_nothing(
        self,
        api: Api,
        s3_store: S3Store,
        storage_app: StorageApp,
        jp_http_port: int,
        jp_base_url: str,
    ) -> None:
        """Half a part, then the browser is gone and the server stops: no object, no multipart."""
        began = await api.post("uploads", {"path": f"{OWN}f", "size": 3 * PART_BYTES})
        ticket = began.json()
        server: Any = storage_app.serverapp
        _, writer = await asyncio.open_connection("127.0.0.1", jp_http_port)
        writer.write(
            f"PUT {jp_base_url}{API}/uploads/part?id={ticket['id']}&number=2 HTTP/1.1\r\n"
            f"Host: 127.0.0.1\r\nContent-Length: {PART_BYTES}\r\n"
            f"Authorization: token {server.identity_provider.token}\r\n\r\n".encode()
            + bytes(PART_BYTES // 2)
        )
        await writer.drain()
        upload = storage_app._uploads._uploads[ticket["id"]]
        while not upload.sinks:  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()
        while upload.sinks:  # noqa: ASYNC110 -- no event
            await asyncio.sleep(0.02)
        assert (await api.get("uploads", id=ticket["id"])).json()["parts"] == []
        assert len(s3_store.list_uploads("")) == 1
        await storage_app._uploads.close()
        assert s3_store.list_uploads("") == []
        assert s3_store.list_page("").entries == ()

    @pytest.mark.parametrize(
        "name", ["x\\..\\..\\customer-bob\\f", "..\\customer-bob\\f", "x\\../../customer-bob/f"]
    )
    async def test_no_name_climbs_out_of_a_store_that_rewrites_keys(
        self, api: Api, s3_store: S3Store, name: str
    ) -> None:
        """SeaweedFS takes a backslash for a slash; it must not become a way to a neighbour."""
        s3_store.put("org/data/customer-bob/f", b"theirs")
        answers = [
            await api.upload(f"{OWN}{name}", b"mine", mode="replace"),
            await api.post("files/delete", {"paths": [f"{OWN}{name}"]}),
            await api.get("files/content", path=f"{OWN}{name}"),
        ]
        with s3_store.get("org/data/customer-bob/f") as body:
            assert b"".join(body.chunks()) == b"theirs"
        assert b"theirs" not in answers[-1].body


ODD = ["a//b", "/lead", "back\\slash", "%2e%2e", "a b+c#d?e", "\x01\tx", "\U0001f600", "quote'\""]


class TestMoto:
    """A store that keeps every key literally, reached as S3 is."""

    @pytest.fixture(autouse=True)
    def moto(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
        """The mock, with the bucket that the extension is configured for."""
        with moto_server() as variables:
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            store = connect("test", variables)
            store.connection.client.create_bucket(Bucket="test")
            yield store
            store.close()

    @pytest.mark.parametrize("name", ODD)
    async def test_odd_names_live_a_whole_life_over_s3(
        self, api: Api, moto: S3Store, name: str
    ) -> None:
        """Uploaded, listed, looked at, downloaded and deleted by exactly that name."""
        path = f"{OWN}{name}"
        assert (await api.upload(path, b"odd")).status == 200
        key = f"org/data/{CUSTOMER}/{name}"
        assert moto.head(key).size == 3
        folder = path[: path.rindex("/") + 1]
        listed = (await api.get("files", path=folder)).json()["entries"]
        assert path in [entry["path"] for entry in listed]
        assert (await api.get("files/stat", path=path)).json()["uri"] == f"s3://test/{key}"
        assert (await api.get("files/content", path=path)).body == b"odd"
        gone = await api.post("files/delete", {"paths": [path]})
        assert gone.json() == {"deleted": [path], "failed": [], "jobs": []}
        assert moto.list_page("").entries == ()


class TestRefusals:
    """Each comes back as one answer with the right code, and the server goes on."""

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Keys of somebody, and an endpoint where nobody listens."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret-key")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")

    @staticmethod
    async def check(api: Api, status: int, code: str) -> Answer:
        """The listing fails with the code, without a secret, and config still answers."""
        answer = await api.get("files", path="/data/shared/")
        assert (answer.status, answer.error().code) == (status, code)
        assert answer.error().path == "/data/shared/"
        assert b"very-secret-key" not in answer.body
        assert (await api.get("config")).json()["configured"] is True
        return answer

    async def test_an_endpoint_that_is_down(self, api: Api) -> None:
        """The server has started without it; the answer says to try again."""
        answer = await self.check(api, 503, "store-unavailable")
        assert answer.error().retryable is True

    async def test_no_credentials(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """The answer says what to set."""
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        answer = await self.check(api, 502, "no-credentials")
        assert "AWS_PROFILE" in answer.error().message

    async def test_a_profile_that_is_not_there(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A wrong AWS configuration is a set-up problem, told like one."""
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        await self.check(api, 409, "invalid-configuration")

    @pytest.mark.store
    async def test_wrong_keys(
        self, api: Api, seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A real store that does not know the key."""
        monkeypatch.setenv("AWS_ENDPOINT_URL", seaweed.endpoint_url)
        await self.check(api, 502, "invalid-credentials")

    @pytest.mark.store
    @pytest.mark.usefixtures("environment")
    async def test_no_such_bucket(
        self, api: Api, seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A real store without that bucket."""
        for name, value in seaweed.environment().items():
            monkeypatch.setenv(name, value)
        answer = await self.check(api, 404, "no-such-bucket")
        assert "bucket" in answer.error().message

    @pytest.mark.parametrize(
        ("http", "s3_code", "status", "code"),
        [
            (400, "ExpiredToken", 503, "expired-credentials"),
            (400, "AuthorizationHeaderMalformed", 502, "wrong-region"),
            (301, "PermanentRedirect", 502, "wrong-region"),
            (403, "AccessDenied", 403, "access-denied"),
            (403, "SignatureDoesNotMatch", 502, "invalid-credentials"),
            (403, "RequestTimeTooSkewed", 502, "clock-skew"),
            (501, "NotImplemented", 501, "not-supported"),
        ],
    )
    async def test_what_a_store_can_say(
        self,
        api: Api,
        monkeypatch: pytest.MonkeyPatch,
        http: int,
        s3_code: str,
        status: int,
        code: str,
    ) -> None:
        """Each refusal of S3 has its status and its code at our edge."""
        for endpoint in refusing_endpoint(http, s3_code):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            await self.check(api, status, code)


def refusing_endpoint(status: int, code: str) -> Iterator[str]:
    """An endpoint that answers every request with one error."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("x-amz-bucket-region", "us-west-2")
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 -- the base class's naming

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
