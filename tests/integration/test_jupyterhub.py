"""A real JupyterHub with two users on one bucket: each reaches their own, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from support.agents import eventually
from support.browser import browse
from support.jupyterhubs import JupyterHub
from support.visitor import Visitor

from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.embedded_config import IDENTITY

pytest.importorskip("jupyterhub", reason="needs the extra 'hub'")

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(1800)]

SWEEP = Path(__file__).parent.parent / "support" / "sweep.py"
USERS = ("ann", "ann-x@example.org")
ANN, ANNX = (customer_from_user(user) for user in USERS)


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """configurable-http-proxy, from npm unless it is installed."""
    found = shutil.which("configurable-http-proxy")
    if found:
        return Path(found)
    folder = tmp_path_factory.mktemp("proxy")
    command = ["npm", "install", "--silent", "--prefix", str(folder), "configurable-http-proxy"]
    subprocess.run(command, check=True, timeout=900)
    return folder / "node_modules" / ".bin" / "configurable-http-proxy"


@pytest.fixture(scope="module")
def hub(proxy: Path, seaweed: EmbeddedStore) -> Iterator[JupyterHub]:
    """The hub over a fresh bucket with a file of each user's; the keys are the service's alone."""
    bucket = f"hub-{uuid.uuid4().hex[:12]}"
    seaweed.create_bucket(bucket)
    store = connect(bucket, seaweed.environment())
    for customer in (ANN, ANNX):
        store.put(f"org/data/{customer}/secret.txt", customer.encode())
    store.put("org/data/shared/all.txt", b"all")
    store.close()
    where = {
        "WHEROBOTS_STORAGE_ROOT": f"s3://{bucket}/org/",
        "AWS_ENDPOINT_URL": seaweed.endpoint_url,
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": os.environ.get("PYTHONPATH", str(Path(__file__).parent.parent.parent)),
    }
    deployment = {**where, **seaweed.environment(), "WHEROBOTS_STORAGE_ROLE_ARN": seaweed.role_arn}
    with JupyterHub(proxy, {user: {} for user in USERS}, where, deployment) as hub:
        yield hub


@pytest.fixture(scope="module")
def tokens(hub: JupyterHub) -> dict[str, str]:
    """Both users' servers are running; their tokens."""
    return {user: hub.start(user) for user in USERS}


def base(user: str) -> str:
    """Where a user's server has the panel's API, below the hub's proxy."""
    return f"/user/{quote(user, safe='@~')}/wherobots-storage/api/v1/"


def names(hub: JupyterHub, user: str, token: str, path: str) -> list[str] | int:
    """What the panel's API lists through the hub's proxy; the status when it refuses."""
    status, answer = hub.fetch(f"{base(user)}files?path={path}", token)
    return [entry["name"] for entry in answer["entries"]] if status == 200 else status


def test_each_user_sees_their_own(hub: JupyterHub, tokens: dict[str, str]) -> None:
    """The panel's API has the customer of the hub's user, their folder and the shared one."""
    for user, customer in zip(USERS, (ANN, ANNX), strict=True):
        status, config = hub.fetch(f"{base(user)}config", tokens[user])
        assert status == 200, (config, hub.log()[-3000:])
        assert config["customer"] == customer
        assert names(hub, user, tokens[user], f"/data/{customer}/") == ["secret.txt"]
        assert names(hub, user, tokens[user], "/data/shared/") == ["all.txt"]


def test_another_s_folder_is_refused(hub: JupyterHub, tokens: dict[str, str]) -> None:
    """Neither by a guessed path in one's own server, nor at the other's server."""
    assert names(hub, "ann", tokens["ann"], f"/data/{ANNX}/") == 403
    assert names(hub, "ann", tokens["ann"], f"/data/{ANN}/../{ANNX}/") in {400, 403}
    status, _ = hub.fetch(f"{base(USERS[1])}files?path=/data/{ANNX}/", tokens["ann"])
    assert status == 403


def test_no_server_has_the_deployment_s_keys(
    hub: JupyterHub, tokens: dict[str, str], seaweed: EmbeddedStore
) -> None:
    """Neither users' servers nor their agents have them to be read; the service alone has."""
    assert set(tokens) == set(USERS)
    secret = seaweed.environment()["AWS_SECRET_ACCESS_KEY"]

    def running(program: str) -> bool:
        return sum(program in command for command, _ in hub.programs()) == len(USERS)

    for program in ("jupyterhub.singleuser", "wherobots_storage agent"):
        eventually(partial(running, program))
    holders = [
        command
        for command, environment in hub.programs()
        if secret in environment.values() or secret in command
    ]
    assert len(holders) == 1
    assert "hub-service" in holders[0]
    assert secret not in hub.log()


def test_a_kernel_works_without_a_line_of_set_up(hub: JupyterHub, tokens: dict[str, str]) -> None:
    """Its variables name the user's folders, and boto3 reaches them by itself."""
    code = """
import os, boto3
bucket, _, prefix = os.environ["USER_S3_PATH"].removeprefix("s3://").partition("/")
boto3.client("s3").put_object(Bucket=bucket, Key=prefix + "from-a-kernel", Body=b"1")
print(prefix)
"""
    assert hub.run("ann", tokens["ann"], code).strip() == f"org/data/{ANN}/"
    listed = names(hub, "ann", tokens["ann"], f"/data/{ANN}/")
    assert isinstance(listed, list)
    assert "from-a-kernel" in listed


def test_a_kernel_finds_no_way_to_the_other_user(hub: JupyterHub, tokens: dict[str, str]) -> None:
    """Under a uid of its own it tries every credential that it can read anywhere: none gets there.

    Of environments of all processes, command lines, files in places where credentials lie, and
    sockets: keys at the store, tokens at everything that the hub has started.
    """
    if not hub.uids:
        pytest.skip("needs root, for uids of the users' own")
    bucket = hub.fetch(f"{base('ann')}config", tokens["ann"])[1]["root"].split("/")[2]
    code = SWEEP.read_text("utf-8").replace("BUCKET", bucket).replace("OTHER", ANNX)
    code = code.replace("VISITED", quote(USERS[1], safe="@"))
    code = code.replace("PORTS: list[int] = []", f"PORTS = {hub.ports()}")
    found = json.loads(hub.run("ann", tokens["ann"], code))
    assert found["uid"] == hub.uids["ann"]
    # It has looked: its own server's process is there to be read, and its own session works.
    assert found["environments"] > 0
    assert found["credentials"] > 0
    # Its own token and its own endpoint's are worth what they are for: its own session, twice.
    assert found["tokens"] >= 2
    assert found["vended"] >= 2
    assert found["reached"] == []


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("how", ["in a browser", "made for it"])
def test_a_visitor_s_token_is_worth_no_session(hub: JupyterHub, how: str) -> None:
    """Who visits another's server gives it a token for that server: it buys no files of theirs.

    Neither the one of the login that a browser makes there, nor one that was made for the visit.
    """
    if how == "in a browser":
        visitor = Visitor(hub.url, "teacher")
        assert "jupyter-config-data" in visitor.visit("ann")
        token = visitor.shown_to("ann")
    else:
        asked = {"note": "a visit", "scopes": ["access:servers!server=ann/"]}
        token = hub.api("POST", "users/teacher/tokens", asked)["token"]
    status, whose = hub.fetch("/hub/api/user", token)
    assert (status, whose["name"]) == (200, "teacher")
    assert "access:servers!server=ann/" in whose["scopes"]
    assert hub.fetch("/user/ann/api/status", token)[0] == 200
    body = {"folder": None, "access": "write", "seconds": 900}
    vended = hub.fetch("/services/storage/credentials", token, method="POST", body=body)
    assert vended[0] == 403
    assert "own servers" in vended[1]["message"]


def test_the_panel_in_each_user_s_browser(
    hub: JupyterHub, tokens: dict[str, str], tmp_path: Path
) -> None:
    """Logged in at the hub, each sees, uploads to, and gets credentials for, theirs and no other's.

    What exactly is in hub.spec.ts, a test each.
    """
    root = hub.fetch(f"{base('ann')}config", tokens["ann"])[1]["root"]
    users = [
        {"name": user, "customer": customer, "token": tokens[user], "home": str(hub.homes / user)}
        for user, customer in zip(USERS, (ANN, ANNX), strict=True)
    ]
    given = {"url": hub.url, "root": root, "results": str(tmp_path), "users": users}
    browse("hub", {"HUB": json.dumps(given)}, tmp_path)


def test_a_user_cannot_choose_the_customer(hub: JupyterHub, tokens: dict[str, str]) -> None:
    """Whatever a kernel asks the hub's service for: the token says whose folders it is."""
    code = f"""
import json, os
os.environ["WHEROBOTS_STORAGE_CUSTOMER"] = {ANNX!r}
from wherobots_storage.config import load_settings
from wherobots_storage.credentials.connect import source_of
from wherobots_storage.namespace.policy import Scope
settings = load_settings()
tenancy = settings.require_tenancy()
try:
    source_of(settings).vend(Scope.of_areas(tenancy.root, tenancy.permissions, "write"), 900)
    print("vended")
except Exception as error:
    print(type(error).__name__, error)
"""
    said = hub.run("ann", tokens["ann"], code)
    assert "vended" not in said
    assert ANN in said


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize(
    "more", [{}, {"session": "own", "hub_service": "", "role_arn": IDENTITY.role_arn}]
)
def test_a_configuration_that_names_another_customer_gives_nothing(
    hub: JupyterHub, more: dict[str, str]
) -> None:
    """A server starts by its user's own file: the service refuses it, and nobody else has keys."""
    hub.stop("ann")
    folder = hub.homes / "ann" / ".jupyter"
    folder.mkdir(exist_ok=True)
    if uid := hub.uids.get("ann"):
        os.chown(folder, uid, uid)
    file = folder / "jupyter_server_config.json"
    file.write_text(json.dumps({"StorageApp": {"customer": ANNX, **more}}))
    try:
        token = hub.start("ann")
        # Whatever it takes itself for, nothing of the other's and nothing shared is to be had.
        for path in (f"/data/{ANNX}/", f"/notebooks/{ANNX}/", "/data/shared/"):
            assert not isinstance(names(hub, "ann", token, path), list)
    finally:
        hub.stop("ann")
        file.unlink()
    assert isinstance(names(hub, "ann", hub.start("ann"), f"/data/{ANN}/"), list)


TOLD_TO_KERNELS = """
import json, os, boto3, pathlib
token = pathlib.Path(os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()
held = boto3.Session().get_credentials().get_frozen_credentials()
print(json.dumps([token, held.secret_key, held.token]))
"""


def test_no_secret_is_in_any_log(
    hub: JupyterHub, tokens: dict[str, str], seaweed: EmbeddedStore
) -> None:
    """Of hub, service, servers and agents, after all of these tests: not one of those in use."""
    variables = ("JUPYTERHUB_API_TOKEN", "CONFIGPROXY_AUTH_TOKEN", "AWS_SECRET_ACCESS_KEY")
    secrets = {seaweed.environment()["AWS_SECRET_ACCESS_KEY"], *tokens.values()}
    for _, environment in hub.programs():
        secrets |= {environment[name] for name in variables if environment.get(name)}
    for user in USERS:
        secrets |= set(json.loads(hub.run(user, tokens[user], TOLD_TO_KERNELS)))
    body = {"folder": None, "access": "write", "seconds": 900}
    vended = hub.fetch("/services/storage/credentials", tokens["ann"], method="POST", body=body)
    assert vended[0] == 200
    secrets |= {vended[1]["secretAccessKey"], vended[1]["sessionToken"]}
    logs = {"hub.log": hub.log()}
    for path in hub.homes.rglob("*.log*"):
        logs[str(path.relative_to(hub.homes))] = path.read_text("utf-8", "replace")
    # A user's folder may have several: one for each customer that a server took itself for.
    owners = {name.partition("/")[0] for name in logs if name.endswith("agent.log")}
    assert len(owners) == len(USERS)
    assert all(len(secret) >= 12 for secret in secrets)
    assert [name for name, text in logs.items() if any(one in text for one in secrets)] == []


def test_every_vend_is_in_the_audit_log(hub: JupyterHub, tokens: dict[str, str]) -> None:
    """The service says for whom: the hub's user, and the customer made of it."""
    assert set(tokens) == set(USERS)
    lines = [line for line in hub.log().splitlines() if "credentials-vended" in line]
    for user, customer in zip(USERS, (ANN, ANNX), strict=True):
        assert any(f'"user": "{user}", "customer": "{customer}"' in line for line in lines)
