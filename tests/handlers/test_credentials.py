"""Temporary credentials over HTTP: who gets them, for what, and what is said otherwise."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from support.server import CUSTOMER, OWN, Api, Hooks
from support.stub_server import Reply, Stub, stub_server

from wherobots_storage import errors
from wherobots_storage.app import StorageApp
from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.vending import Vendor
from wherobots_storage.handlers.statuses import status_of
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.settings import Settings

ROLE = "arn:aws:iam::123456789012:role/storage"
KEYS = Credentials("ASIASESSION", "session-secret", "session-token", 4_000_000_000.0)
ENDPOINT = "http://store.example:8333"
EVERYTHING_WRITABLE = [
    OWN,
    "/data/shared/",
    f"/notebooks/{CUSTOMER}/",
    "/notebooks/shared/",
    "/spark-logs/",
]


class FakeSource:
    """Vends the same keys for everything, or fails as it is told; notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Scope, int]] = []
        self.opened = 0
        self.error: Exception | None = None
        self.most = 43_200

    def open(self) -> FakeSource:
        """Note it."""
        self.opened += 1
        return self

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """The keys, or the error."""
        self.asked.append((scope, seconds))
        scope.policy()
        if self.error is not None:
            raise self.error
        if seconds > self.most:
            raise errors.InvalidInput("The role does not give that.")
        return KEYS


@pytest.fixture
def source(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    """Gives the extension a source of the test's own."""
    assert hooks
    fake = FakeSource()

    def make(_app: StorageApp, settings: Settings) -> Vendor:
        return Vendor(
            settings.require_tenancy(),
            fake.open,
            lambda uri: Place(uri, "eu-west-1", ENDPOINT),
        )

    monkeypatch.setattr(StorageApp, "make_vendor", make)
    return fake


@pytest.fixture
def jp_server_config(source: FakeSource, jp_server_config: dict[str, Any]) -> dict[str, Any]:
    """The server is made after its source."""
    assert source
    return jp_server_config


def audited(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The audit log's lines."""
    lines = [one for one in caplog.records if one.name == "wherobots_storage.audit"]
    return [json.loads(one.getMessage()) for one in lines]


class TestVending:
    async def test_what_is_answered(self, api: Api, source: FakeSource) -> None:
        """The keys, where they hold, and what to paste exactly as snippets.py writes it."""
        answer = await api.post("credentials", {"path": f"{OWN}in coming/", "seconds": 900})
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Etag" not in answer.headers
        uri = f"s3://test/org/data/{CUSTOMER}/in coming/"
        place = Place(uri, "eu-west-1", ENDPOINT)
        found = answer.json()
        assert found.pop("snippets") == {
            "ini": snippets.ini(KEYS, place),
            "bash": snippets.bash(KEYS, place),
            "powershell": snippets.powershell(KEYS, place),
            "profileCommand": f"aws --profile=wherobots s3 cp --recursive my-data/ '{uri}'",
            "bashCommand": f"aws s3 cp --recursive my-data/ '{uri}'",
            "powershellCommand": f"aws s3 cp --recursive 'my-data/' '{uri}'",
        }
        assert found.pop("secondsLeft") > 1_000_000
        assert found == {
            "accessKeyId": "ASIASESSION",
            "secretAccessKey": "session-secret",
            "sessionToken": "session-token",
            "expiration": "2096-10-02T07:06:40Z",
            "scope": f"{OWN}in coming/",
            "access": "upload",
            "uri": uri,
            "region": "eu-west-1",
            "endpointUrl": ENDPOINT,
        }
        ((scope, seconds),) = source.asked
        assert (scope.prefixes, scope.rights) == ((f"org/data/{CUSTOMER}/in coming/",), "upload")
        assert seconds == 900

    async def test_every_writable_place_at_once(self, api: Api, source: FakeSource) -> None:
        """Without a path the scope is all the user's areas, for an hour unless asked otherwise."""
        answer = await api.post("credentials", {"access": "write"})
        assert answer.json()["scope"] == "all your folders"
        ((scope, seconds),) = source.asked
        assert scope.prefixes == tuple(f"org{path}" for path in EVERYTHING_WRITABLE)
        assert (scope.rights, seconds) == ("write", 3600)

    async def test_reading_needs_no_command_to_upload(self, api: Api) -> None:
        """Credentials that only read come without the commands that would fail with them."""
        answer = await api.post("credentials", {"path": OWN, "access": "read"})
        found = answer.json()["snippets"]
        assert found["ini"]
        assert {found["profileCommand"], found["bashCommand"], found["powershellCommand"]} == {""}

    async def test_the_source_is_opened_once(self, api: Api, source: FakeSource) -> None:
        """Starting the server opens nothing; the first request does, for those after it too."""
        assert source.opened == 0
        for _ in range(2):
            assert (await api.post("credentials", {"path": OWN})).status == 200
        assert source.opened == 1

    @pytest.mark.parametrize("path", EVERYTHING_WRITABLE)
    async def test_each_writable_folder(self, api: Api, path: str) -> None:
        """Every folder that one may write in, and whatever is below it, can be the target."""
        for folder in (path, f"{path}a/b/"):
            assert (await api.post("credentials", {"path": folder})).json()["scope"] == folder


class TestLimits:
    @pytest.mark.parametrize("most", [43_200, 28_800, 14_400, 3600])
    async def test_the_longest_lifetime(self, api: Api, source: FakeSource, most: int) -> None:
        """It is the longest that the source gives; asked for once, and handed to nobody."""
        source.most = most
        for _ in range(2):
            answer = await api.get("credentials")
            assert (answer.status, answer.json()) == (200, {"maxSeconds": most})
            assert KEYS.secret_access_key not in answer.body.decode()
        tried = [43_200, 28_800, 14_400]
        assert [seconds for _, seconds in source.asked] == [
            seconds for seconds in tried if seconds >= most
        ]
        assert {scope.rights for scope, _ in source.asked} == {"read"}

    async def test_a_session_that_was_tried_is_told(
        self, api: Api, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The store has made it, and so it is a line of the audit log."""
        caplog.set_level(logging.INFO, "wherobots_storage.audit")
        await api.get("credentials")
        (line,) = audited(caplog)
        assert (line["event"], line["by"]) == ("credentials-vended", "lifetimes")
        assert (line["user"], line["seconds"]) == (CUSTOMER, 43_200)
        assert line["accessKeyId"] == KEYS.access_key_id

    @pytest.mark.parametrize(
        "error",
        [errors.StoreUnavailable("Away."), errors.InvalidConfiguration("It knows no such role.")],
        ids=lambda error: error.code,
    )
    async def test_what_cannot_be_found_out(
        self, api: Api, source: FakeSource, error: errors.StorageError
    ) -> None:
        """Why is told, and the next one finds out."""
        source.error = error
        answer = await api.get("credentials")
        assert (answer.status, answer.error().code) == (status_of(error), error.code)
        source.error = None
        assert (await api.get("credentials")).json() == {"maxSeconds": 43_200}


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("/", "read-only"),
            ("/data/", "read-only"),
            ("/notebooks/", "read-only"),
            ("/data/customer-bob/", "outside-area"),
            (f"/data/{CUSTOMER}x/", "outside-area"),
            ("/else/", "outside-area"),
            (f"/notebooks/{CUSTOMER}/.wherobots/", "outside-area"),
        ],
    )
    async def test_folders_that_are_not_the_users_to_write(
        self, api: Api, source: FakeSource, path: str, code: str
    ) -> None:
        """403 for what is read-only, nobody's or somebody else's; STS is never asked."""
        for access in ("read", "upload", "write"):
            answer = await api.post("credentials", {"path": path, "access": access})
            assert (answer.status, answer.error().code) == (403, code)
            assert answer.error().path == path
        assert source.asked == []

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"path": "data/shared/"}, "invalid-path"),
            ({"path": "/data/shared/../customer-bob/"}, "invalid-path"),
            ({"path": "/data/shared/*/"}, "invalid-path"),
            ({"path": "/data/shared/\x00/"}, "invalid-path"),
            ({"path": OWN, "seconds": 899}, "invalid-input"),
            ({"path": OWN, "seconds": 43_201}, "invalid-input"),
            ({"path": OWN, "seconds": "3600"}, "invalid-input"),
            ({"path": OWN, "access": "everything"}, "invalid-input"),
            ({"path": 1}, "invalid-input"),
            ([], "invalid-input"),
        ],
    )
    async def test_what_cannot_be_asked(
        self, api: Api, source: FakeSource, body: object, code: str
    ) -> None:
        """400 for no path, a path that cannot stand in a policy, and an impossible lifetime."""
        answer = await api.post("credentials", body)
        assert (answer.status, answer.error().code) == (400, code)
        assert source.asked == []

    async def test_a_policy_that_is_too_long(self, api: Api) -> None:
        """A folder too deep for a policy is 413, and the error says what to do instead."""
        answer = await api.post("credentials", {"path": f"{OWN}{'x' * 900}/"})
        assert (answer.status, answer.error().code) == (413, "too-large")
        assert "shorter path" in answer.error().message

    @pytest.mark.parametrize(
        "error",
        [
            errors.NotSupported("It has no STS. Set AWS_ENDPOINT_URL_STS."),
            errors.AccessDenied("Check the role's trust policy."),
            errors.InvalidConfiguration("It knows no such role."),
            errors.NoCredentials("No AWS credentials were found."),
            errors.StoreUnavailable("It is not reachable."),
            errors.TooLarge("The policy is larger than it takes, once packed."),
        ],
        ids=lambda error: error.code,
    )
    async def test_what_the_source_says(
        self, api: Api, source: FakeSource, error: errors.StorageError
    ) -> None:
        """Whatever STS refuses for, the user reads the sentence about it, and no keys."""
        source.error = error
        answer = await api.post("credentials", {"path": OWN})
        assert answer.status == status_of(error)
        assert (answer.error().code, answer.error().message) == (error.code, error.message)
        assert answer.error().path == OWN


class TestAudit:
    async def test_a_vend(self, api: Api, caplog: pytest.LogCaptureFixture) -> None:
        """One line says who got what until when; by the key's id the store's own log is joined."""
        caplog.set_level(logging.INFO, "wherobots_storage.audit")
        await api.post("credentials", {"path": OWN})
        (line,) = audited(caplog)
        assert isinstance(line.pop("user"), str)
        assert line == {
            "event": "credentials-vended",
            "scope": OWN,
            "customer": CUSTOMER,
            "access": "upload",
            "seconds": 3600,
            "accessKeyId": "ASIASESSION",
            "expires": "2096-10-02T07:06:40Z",
        }
        assert "session-secret" not in caplog.text
        assert "session-token" not in caplog.text

    async def test_a_refusal_and_a_failure(
        self, api: Api, source: FakeSource, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What the rules refuse and what STS refuses are told apart, both as warnings."""
        await api.post("credentials", {"path": "/data/customer-bob/"})
        source.error = errors.AccessDenied("no")
        await api.post("credentials", {})
        refused, failed = audited(caplog)
        assert (refused["event"], refused["code"]) == ("credentials-refused", "outside-area")
        assert refused["scope"] == "/data/customer-bob/"
        assert (failed["event"], failed["code"]) == ("credentials-failed", "access-denied")
        assert failed["scope"] == "all your folders"

    async def test_a_name_cannot_write_a_line(
        self, api: Api, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A folder's line feed stays inside the one line about it."""
        await api.post("credentials", {"path": '/data/no\n{"event": "credentials-vended"}/'})
        (record,) = [one for one in caplog.records if one.name == "wherobots_storage.audit"]
        assert "\n" not in record.getMessage()


class TestWithoutARole:
    """The server's keys are in its environment, and no role is configured."""

    @pytest.fixture
    def source(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> Hooks:
        """The extension as it is, with keys of its own."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSERVER")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "server-secret")
        return hooks

    async def test_nothing_is_handed_out(self, api: Api) -> None:
        """409 says what to configure; the server's own keys are no substitute."""
        for body in ({}, {"path": OWN}, {"path": OWN, "access": "read"}):
            answer = await api.post("credentials", body)
            assert (answer.status, answer.error().code) == (409, "invalid-configuration")
            assert "WHEROBOTS_STORAGE_ROLE_ARN" in answer.error().message
            assert b"AKIDSERVER" not in answer.body
            assert b"server-secret" not in answer.body

    async def test_the_panel_is_told_beforehand(self, api: Api) -> None:
        """The set-up says that there are no credentials to be had, and why."""
        info = (await api.get("config")).json()
        assert info["features"]["credentials"] is False
        assert "WHEROBOTS_STORAGE_ROLE_ARN" in info["credentialsProblem"]["message"]


async def test_the_panel_is_told_what_it_may_offer(api: Api) -> None:
    """With a source the feature is on; the cautions are of the shared folders and of Spark's."""
    info = (await api.get("config")).json()
    assert info["features"]["credentials"] is True
    assert info["credentialsProblem"] is None
    assert set(info["cautions"]) == {"/data/shared/", "/notebooks/shared/", "/spark-logs/"}
    assert "Spark" in info["cautions"]["/spark-logs/"]


class TestHostileSts:
    """An STS that repeats in its answers whatever it was sent, and more."""

    @pytest.fixture
    def stub(self) -> Iterator[Stub]:
        """The server; each test sets what it answers."""
        with stub_server() as stub:
            yield stub

    @pytest.fixture
    def source(self, hooks: Hooks, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Hooks:
        """The extension with its real source, whose keys are known here."""
        hooks.store = None
        for name, value in stub.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_SESSION_TOKEN")
        return hooks

    @pytest.fixture
    def storage_config(self, storage_config: dict[str, Any]) -> dict[str, Any]:
        """A role, which this STS never gives."""
        return {**storage_config, "role_arn": ROLE}

    @pytest.mark.parametrize("status", [200, 400, 403, 404, 405, 501])
    async def test_no_long_lived_key_in_any_answer_or_log(
        self, api: Api, stub: Stub, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its words are not passed on: neither the server's key, nor its id, nor a signature."""
        caplog.set_level(logging.DEBUG, "wherobots_storage")
        secret = stub.environment()["AWS_SECRET_ACCESS_KEY"]

        def echo(request: Any) -> Reply:
            said = f"AKIDEXAMPLE {secret} {request.headers.get('Authorization')}"
            xml = f"<ErrorResponse><Error><Code>Odd</Code><Message>{said}</Message></Error>"
            return Reply(status, f"{xml}</ErrorResponse>".encode())

        stub.answer = echo
        answer = await api.post("credentials", {"path": OWN})
        assert stub.requests
        assert answer.status >= 400
        logged = "".join(one.getMessage() for one in caplog.records if "wherobots" in one.name)
        for told in (answer.body.decode(), logged):
            for word in ("AKIDEXAMPLE", secret, "Signature="):
                assert word not in told


@pytest.mark.store
class TestSeaweed:
    """A real store with STS, and the extension as it is in production."""

    @pytest.fixture
    def source(self, hooks: Hooks, seaweed_environment: dict[str, str]) -> Hooks:
        """The extension with its real source and store."""
        assert seaweed_environment
        hooks.store = None
        return hooks

    @pytest.fixture
    def storage_config(
        self, storage_config: dict[str, Any], bucket: str, seaweed: EmbeddedStore
    ) -> dict[str, Any]:
        """The organisation's root in a fresh bucket, and the store's role."""
        root = {"root_url": f"s3://{bucket}/org/", "role_arn": seaweed.role_arn}
        return {**storage_config, **root}

    async def test_the_session_reaches_its_folder_only(
        self, api: Api, bucket: str, seaweed: EmbeddedStore
    ) -> None:
        """What was vended puts into the folder; elsewhere, and deleting, is AccessDenied."""
        answer = await api.post("credentials", {"path": f"{OWN}in/", "seconds": 900})
        found = answer.json()
        assert seaweed.secret_key.encode() not in answer.body
        assert seaweed.access_key.encode() not in answer.body
        assert 800 < found["secondsLeft"] <= 900
        s3: Any = boto3.client(
            "s3",
            endpoint_url=found["endpointUrl"],
            region_name=found["region"],
            aws_access_key_id=found["accessKeyId"],
            aws_secret_access_key=found["secretAccessKey"],
            aws_session_token=found["sessionToken"],
        )
        inside = f"org/data/{CUSTOMER}/in/a"
        assert found["uri"] == f"s3://{bucket}/org/data/{CUSTOMER}/in/"
        s3.put_object(Bucket=bucket, Key=inside, Body=b"1")
        outside = (f"org/data/{CUSTOMER}/a", "org/data/shared/a", f"org/data/{CUSTOMER}/inx/a")
        for key in outside:
            with pytest.raises(ClientError, match="AccessDenied"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket=bucket, Key=inside)

    async def test_no_key_of_the_servers_in_any_encoding(
        self, api: Api, seaweed: EmbeddedStore
    ) -> None:
        """The server's secret is not in the answer, nor inside its session token."""
        answer = await api.post("credentials", {"path": OWN})
        token = answer.json()["sessionToken"]
        parts = [part + "=" * (-len(part) % 4) for part in token.split(".")]
        decoded = b"".join(base64.urlsafe_b64decode(part) for part in parts)
        for told in (answer.body, decoded):
            assert seaweed.secret_key.encode() not in told
