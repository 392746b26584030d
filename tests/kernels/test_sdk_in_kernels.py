"""AWS SDKs in real kernels and terminals, without a line of set-up, on a real store."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import shlex
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from support.endpoints import Moved
from support.server import CUSTOMER, Fetch, Hooks
from tornado.websocket import WebSocketClientConnection

from wherobots_storage.app import StorageApp
from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.endpoint import CredentialsEndpoint
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.settings import Settings

pytestmark = pytest.mark.store

Run = Callable[[str], Any]

WAIT_SECONDS = 270
"""For a word of a kernel or a terminal: while a program runs there, nothing comes."""


@pytest.fixture
def storage_config(
    storage_config: dict[str, Any], bucket: str, seaweed: EmbeddedStore
) -> dict[str, Any]:
    """A bucket of a real store, and its role."""
    return {**storage_config, "root_url": f"s3://{bucket}/org", "role_arn": seaweed.role_arn}


@pytest.fixture
def jp_environ(
    jp_environ: Any, seaweed_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A server with keys of its own, whose user has no AWS files."""
    assert seaweed_environment["AWS_SECRET_ACCESS_KEY"]
    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.delenv("AWS_SHARED_CREDENTIALS_FILE")
    return jp_environ


@pytest.fixture
def moved(seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> Moved:
    """Kernels get sessions of 15 minutes by a clock that can be moved."""
    client = open_client(seaweed.environment())
    moved = Moved(AssumeRole(client, seaweed.role_arn, CUSTOMER))

    def make_endpoint(
        _: StorageApp, settings: Settings, token: Path, threads: Executor
    ) -> CredentialsEndpoint:
        tenancy = settings.require_tenancy()
        scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
        source = CachedSource(moved, moved.time)
        return CredentialsEndpoint(source, scope, token, threads, user=CUSTOMER, seconds=900)

    monkeypatch.setattr(StorageApp, "make_endpoint", make_endpoint)
    return moved


@pytest.fixture
def hooks(hooks: Hooks, moved: Moved) -> Hooks:
    """The store is the real one. It is here before there is a server."""
    assert moved
    hooks.store = None
    return hooks


class Kernel:
    """One kernel of the server under test."""

    def __init__(self, kernel_id: str, socket: WebSocketClientConnection) -> None:
        self.id = kernel_id
        self._socket = socket

    async def run(self, code: str) -> Any:
        """Run code; what it printed, read as JSON. A failure is the test's."""
        message_id = uuid.uuid4().hex
        message = {
            "channel": "shell",
            "header": {
                "msg_id": message_id,
                "msg_type": "execute_request",
                "username": "",
                "session": "s",
                "version": "5.3",
            },
            "parent_header": {},
            "metadata": {},
            "content": {"code": code, "silent": False},
            "buffers": [],
        }
        await self._socket.write_message(json.dumps(message))
        printed = ""
        while True:
            raw = await asyncio.wait_for(self._socket.read_message(), WAIT_SECONDS)
            assert raw is not None
            answer = json.loads(raw)
            if answer["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = answer["msg_type"], answer["content"]
            assert kind != "error", "\n".join(content["traceback"])
            if kind == "stream":
                printed += content["text"]
            if kind == "status" and content["execution_state"] == "idle":
                return json.loads(printed.splitlines()[-1])


@pytest.fixture
def start_kernel(jp_serverapp: Any, jp_fetch: Fetch, jp_ws_fetch: Any) -> Any:
    """Starts the server's extensions and a notebook's kernel."""

    async def start() -> Kernel:
        await jp_serverapp.extension_manager.start_all_extensions()
        model = {"path": "n.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
        answer = await jp_fetch("api", "sessions", method="POST", body=json.dumps(model))
        kernel_id = json.loads(answer.body)["kernel"]["id"]
        return Kernel(kernel_id, await jp_ws_fetch("api", "kernels", kernel_id, "channels"))

    return start


KEYS = """
import json, os
print(json.dumps(sorted(name for name in os.environ if name.startswith("AWS_"))))
"""
BOTO3 = """
import boto3, json, os
from botocore.exceptions import ClientError

bucket, _, own = os.environ["USER_S3_PATH"].removeprefix("s3://").partition("/")

def tried(prefix, **session):
    s3 = boto3.Session(**session).client("s3")
    try:
        s3.put_object(Bucket=bucket, Key=prefix + "a.txt", Body=b"a")
        return s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"]
    except ClientError as error:
        return error.response["Error"]["Code"]

own = own + "boto3/"
method = boto3.Session().get_credentials().method
by_profile = tried(own, profile_name="default")
print(json.dumps([method, tried(own), by_profile, tried("org/data/customer-b/")]))
"""
PANDAS = """
import json, os
import pandas, s3fs
path = os.environ["USER_S3_SHARED_PATH"]
frame = pandas.DataFrame({"city": ["Oslo", "Lima"], "n": [1, 2]})
frame.to_parquet(path + "x.parquet")
frame.to_csv(path + "x.csv", index=False)
read = [pandas.read_parquet(path + "x.parquet"), pandas.read_csv(path + "x.csv")]
named = s3fs.S3FileSystem(profile="default").ls(path)
print(json.dumps([one.to_dict("list") for one in read] + [sorted(named)]))
"""


async def test_sdks_work_without_a_line_of_set_up(
    start_kernel: Any, moved: Moved, bucket: str
) -> None:
    """boto3, s3fs and pandas reach the user's folders, by the default chain and by profile.

    They have none of the server's keys.
    """
    assert moved.seconds == 0
    kernel = await start_kernel()
    assert await kernel.run(KEYS) == [
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
    ]
    assert await kernel.run(BOTO3) == ["container-role", 1, 1, "AccessDenied"]
    table = {"city": ["Oslo", "Lima"], "n": [1, 2]}
    shared = f"{bucket}/org/data/shared"
    named = [f"{shared}/x.csv", f"{shared}/x.parquet"]
    assert await kernel.run(PANDAS) == [table, table, named]


CLIENTS = """
import boto3, datetime, gc, json, os, pandas, s3fs
from botocore.credentials import RefreshableCredentials
bucket, _, own = os.environ["USER_S3_PATH"].removeprefix("s3://").partition("/")
s3, fs = boto3.client("s3"), s3fs.S3FileSystem()
now = datetime.datetime.now

def work(seconds):
    held = [one for one in gc.get_objects() if isinstance(one, RefreshableCredentials)]
    for one in held:
        one._time_fetcher = lambda: now(datetime.UTC) + datetime.timedelta(seconds=seconds)
    s3.put_object(Bucket=bucket, Key=own + "a.txt", Body=b"a")
    fs.invalidate_cache()
    fs.pipe(bucket + "/" + own + "b.csv", b"n\\n1\\n")
    assert list(pandas.read_csv(os.environ["USER_S3_PATH"] + "b.csv")["n"]) == [1]
    print(json.dumps(sorted(one._access_key for one in held)))

s3.list_objects_v2(Bucket=bucket, Prefix=own)
fs.pipe(bucket + "/" + own + "b.csv", b"")
work(0)
"""


async def test_credentials_renew_themselves_in_a_kernel(start_kernel: Any, moved: Moved) -> None:
    """With sessions of 15 minutes and a clock that goes on, boto3, s3fs and pandas do not stop."""
    kernel = await start_kernel()
    seen = [await kernel.run(CLIENTS)]
    for seconds in (1000, 2000, 10_000):
        moved.seconds = seconds
        seen.append(await kernel.run(f"work({seconds})"))
    assert all(len(keys) >= 2 for keys in seen)
    for before, after in itertools.pairwise(seen):
        assert not set(before) & set(after)


AWS_CLI = """
import json, os, pathlib, subprocess
os.environ["PATH"] = PROGRAMS + os.pathsep + os.environ["PATH"]
own = os.environ["USER_S3_PATH"]

def aws(*words):
    done = subprocess.run(["aws", *words], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()

def work(name):
    pathlib.Path("my-data").mkdir(exist_ok=True)
    pathlib.Path("my-data", name).write_text(name)
    aws("s3", "cp", "my-data/" + name, own + "cli/")
    aws("s3", "sync", "my-data/", own + "cli/")
    listed = [line.split()[-1] for line in aws("s3", "ls", own + "cli/")]
    (key,) = [line.split() for line in aws("configure", "list") if "access_key" in line]
    print(json.dumps([listed, key[1].lstrip("*"), key[2]]))
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_the_aws_cli_survives_an_expiry(
    start_kernel: Any, moved: Moved, aws: Path, tmp_path: Path
) -> None:
    """In a kernel ``aws`` works as it stands, and after the end of each session with the next."""
    kernel = await start_kernel()
    code = f"import os; os.chdir({str(tmp_path)!r})" + AWS_CLI.replace("PROGRAMS", repr(str(aws)))
    await kernel.run(code + "print(1)")
    names = []
    for seconds in (0, 1000, 10_000):
        moved.seconds = seconds
        names.append(f"at-{seconds}.txt")
        listed, key, provider = await kernel.run(f"work({names[-1]!r})")
        assert sorted(listed) == sorted(names)
        assert provider == "container-role"
        assert moved.given[-1].endswith(key)
        assert len(set(moved.given)) == len(names)


async def test_a_restarted_kernel_and_a_renamed_notebook(
    start_kernel: Any, moved: Moved, jp_fetch: Fetch, jp_ws_fetch: Any
) -> None:
    """Neither a restart nor a rename brings the server's keys into a kernel."""
    assert moved.seconds == 0
    kernel = await start_kernel()
    (session,) = json.loads((await jp_fetch("api", "sessions")).body)
    renamed = json.dumps({"path": "m.ipynb"})
    await jp_fetch("api", "sessions", session["id"], method="PATCH", body=renamed)
    await jp_fetch("api", "kernels", kernel.id, "restart", method="POST", body="")
    again = Kernel(kernel.id, await jp_ws_fetch("api", "kernels", kernel.id, "channels"))
    names = await again.run(KEYS)
    assert "AWS_SECRET_ACCESS_KEY" not in names
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in names


class Terminal:
    """A shell of the server under test."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self._socket = socket

    async def until(self, typed: str, shown: str) -> str:
        """Type a line, and wait until what comes after it matches; the first group of it."""
        await self._socket.write_message(json.dumps(["stdin", typed + "\n"]))
        seen = ""
        while not (found := re.search(shown, seen)):
            raw = await asyncio.wait_for(self._socket.read_message(), WAIT_SECONDS)
            assert raw is not None
            kind, *rest = json.loads(raw)
            seen += rest[0] if kind == "stdout" else ""
        return found[1]


Opened = Callable[[], AbstractAsyncContextManager[Terminal]]


@pytest.fixture
def terminal(moved: Moved, jp_serverapp: Any, jp_fetch: Fetch, jp_ws_fetch: Any) -> Opened:
    """Opens a terminal, after the server's extensions have started."""
    assert moved.seconds == 0

    @asynccontextmanager
    async def opened() -> AsyncIterator[Terminal]:
        await jp_serverapp.extension_manager.start_all_extensions()
        asked = {"method": "POST", "body": "", "allow_nonstandard_methods": True}
        name = json.loads((await jp_fetch("api", "terminals", **asked)).body)["name"]
        socket = await jp_ws_fetch("terminals", "websocket", name)
        await socket.write_message(json.dumps(["set_size", 24, 400, 0, 0]))
        yield Terminal(socket)
        socket.close()
        await jp_fetch("api", "terminals", name, method="DELETE")

    return opened


async def test_a_terminal_has_them_too(terminal: Opened) -> None:
    """A shell has the endpoint's variables, and none of the server's keys."""
    ask = 'echo "<${AWS_SECRET_ACCESS_KEY-none}> <$AWS_CONTAINER_CREDENTIALS_FULL_URI>"'
    async with terminal() as shell:
        assert await shell.until(ask, "<(none)> <http://127.0.0.1:")


PROGRAM = """
import boto3, os
bucket, _, own = os.environ["USER_S3_PATH"].removeprefix("s3://").partition("/")
session = boto3.Session()
session.client("s3").put_object(Bucket=bucket, Key=own + "shell.txt", Body=b"s")
print("<wrote with " + session.get_credentials().access_key + ">")
"""


async def test_credentials_renew_themselves_in_a_terminal(
    terminal: Opened, moved: Moved, tmp_path: Path
) -> None:
    """Programs that a shell starts after the end of a session have another, and work."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run = shlex.join([sys.executable, str(program)])
    seen = []
    async with terminal() as shell:
        for seconds in (0, 1000, 10_000):
            moved.seconds = seconds
            seen.append(await shell.until(run, r"<wrote with (\w+)>"))
    assert len(set(seen)) == 3


class TestOptOut:
    @pytest.fixture
    def storage_config(self, storage_config: dict[str, Any]) -> dict[str, Any]:
        """A role, and kernels that are to be left alone."""
        return {**storage_config, "kernel_credentials": False}

    async def test_kernels_keep_what_they_had(self, start_kernel: Any, moved: Moved) -> None:
        """Opted out of, kernels have the server's own keys as ever."""
        assert moved.seconds == 0
        kernel = await start_kernel()
        names = await kernel.run(KEYS)
        assert "AWS_SECRET_ACCESS_KEY" in names
        assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in names
