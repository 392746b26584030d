"""The real AWS CLI with what the dialog shows, exactly as it shows it, on SeaweedFS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.stub_server import Reply, stub_server

from wherobots_storage.api.credentials import VendedCredentials
from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.credentials.vending import Vendor, scope_of
from wherobots_storage.handlers.credentials import vended_credentials
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys
from wherobots_storage.settings import Tenancy

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(400)]

PEERS = Path(__file__).parents[2] / ".make" / "peers" / "bin"
FOLDER = "org/data/shared/in coming ü/"
FILES = {"a.txt": 3, "sub/b b.bin": 20_000_000, "sub/deep/ç.csv": 0}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The AWS CLI in an environment of its own, the benchmarks' perhaps: it pins its botocore."""
    if (PEERS / "aws").exists():
        return PEERS
    folder = tmp_path_factory.mktemp("awscli")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", "awscli"]
    subprocess.run(install, check=True, timeout=300)
    return folder / "bin"


class User:
    """Somebody at a shell with files in my-data, and what the dialog shows to copy."""

    def __init__(self, aws: Path, home: Path, store: EmbeddedStore, bucket: str) -> None:
        self._aws = aws
        self._home = home
        self._store = store
        self.bucket = bucket
        self.uri = f"s3://{bucket}/{FOLDER}"
        self.shown = self._vended().snippets

    def _vended(self) -> VendedCredentials:
        """The server's answer to the dialog."""
        tenancy = Tenancy(Root(self.bucket, "org/"), "customer-a")
        client = open_client(self._store.environment())
        vendor = Vendor(
            tenancy,
            lambda: AssumeRole(client, self._store.role_arn, "customer-a"),
            lambda uri: Place(uri, "us-east-1", self._store.endpoint_url),
        )
        scope = scope_of(tenancy, "/" + FOLDER.removeprefix("org/"), "upload")
        return vended_credentials(vendor.vend(scope, 900), scope)

    def prepare(self) -> None:
        """Write the files, and the block into the credentials file."""
        for name, size in FILES.items():
            path = self._home / "my-data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
        self.paste(self.shown.ini)

    def paste(self, block: str) -> None:
        """Make a block the credentials file."""
        (self._home / ".aws").mkdir(exist_ok=True)
        (self._home / ".aws" / "credentials").write_text(block)

    def run(self, command: str) -> tuple[int, str]:
        """Run a command line in bash; its status, and what it said."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        }
        environment |= {
            "PATH": f"{self._aws}{os.pathsep}{environment['PATH']}",
            "HOME": str(self._home),
            "AWS_EC2_METADATA_DISABLED": "true",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self._home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stdout

    def stored(self) -> dict[str, int]:
        """The sizes of what is in the folder, by name."""
        store = connect(self.bucket, self._store.environment())
        try:
            found = [one for one in iterate_keys(store, FOLDER) if isinstance(one, ObjectInfo)]
            return {one.key.removeprefix(FOLDER): one.size for one in found}
        finally:
            store.close()


@pytest.fixture
def user(aws: Path, seaweed: EmbeddedStore, bucket: str, tmp_path: Path) -> User:
    """A user who has just been handed credentials."""
    one = User(aws, tmp_path, seaweed, bucket)
    one.prepare()
    return one


def test_the_block_and_the_command_as_they_are_shown(user: User) -> None:
    """The command uploads a folder, large files in parts, to the folder with the odd name."""
    status, said = user.run(user.shown.profile_command)
    assert status == 0, said
    assert user.stored() == FILES


def test_the_exports_and_their_command_as_they_are_shown(user: User) -> None:
    """In a shell with the exports the other command does the same, without a file or a profile."""
    user.paste("")
    status, said = user.run(user.shown.bash + user.shown.bash_command)
    assert status == 0, said
    assert user.stored() == FILES


def test_sync(user: User) -> None:
    """A sync uploads what is missing, and a second one finds nothing to do."""
    command = f"aws --profile=wherobots s3 sync my-data/ {snippets.quoted(user.uri)}"
    status, said = user.run(command)
    assert (status, user.stored()) == (0, FILES), said
    assert user.run(command) == (0, "")
    back = f"aws --profile=wherobots s3 sync {snippets.quoted(user.uri)} back/"
    status, said = user.run(f"{back} && diff -r my-data back")
    assert status == 0, said


def test_a_folder_outside(user: User) -> None:
    """Another folder, above or beside, is AccessDenied for copying, listing and syncing alike."""
    for folder in ("org/data/shared/", "org/data/customer-a/", "org/data/shared/in coming üx/"):
        uri = snippets.quoted(f"s3://{user.bucket}/{folder}")
        for command in (f"cp my-data/a.txt {uri}", f"ls {uri}", f"sync my-data/ {uri}"):
            status, said = user.run(f"aws --profile=wherobots s3 {command}")
            assert status != 0
            assert "AccessDenied" in said
    assert user.stored() == {}


def test_nothing_is_deleted(user: User) -> None:
    """Upload credentials do not delete, not even by a sync that is told to."""
    assert user.run(user.shown.profile_command)[0] == 0
    uri = snippets.quoted(user.uri)
    sync = f"aws --profile=wherobots s3 sync --delete my-data/ {uri}"
    status, said = user.run(f"rm my-data/a.txt; {sync}")
    assert status != 0
    assert "AccessDenied" in said
    assert user.stored() == FILES


def aged(token: str, store: EmbeddedStore) -> str:
    """SeaweedFS's own token, as it would be a minute after its end: signed with the store's key."""
    key = json.loads((store.folder / "iam.json").read_text())["sts"]["signingKey"]
    header, payload, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    now = int(time.time())
    claims |= {"exp": now - 60, "iat": now - 960, "nbf": now - 960}
    signed = f"{header}.{_url64(json.dumps(claims).encode())}"
    digest = hmac.digest(base64.b64decode(key), signed.encode(), hashlib.sha256)
    return f"{signed}.{_url64(digest)}"


def _url64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_an_expired_token(user: User, seaweed: EmbeddedStore) -> None:
    """After the end nothing is uploaded any more; SeaweedFS says that it does not know the key."""
    (line,) = [one for one in user.shown.ini.splitlines() if one.startswith("aws_session_token")]
    token = line.partition(" = ")[2]
    user.paste(user.shown.ini.replace(token, aged(token, seaweed)))
    for command in (user.shown.profile_command, f"aws --profile=wherobots s3 ls '{user.uri}'"):
        status, said = user.run(command)
        assert status != 0
        assert "(InvalidAccessKeyId)" in said
    assert user.stored() == {}
    # The same token, but for its times, was good: it is the end that is refused.
    user.paste(user.shown.ini)
    assert user.run(user.shown.profile_command)[0] == 0


def test_what_is_said_of_an_expired_token_where_the_store_says_so(user: User) -> None:
    """With the answer that AWS gives, the CLI's message is a sentence about the expiry."""
    said_by_aws = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired."
    with stub_server() as stub:
        stub.answer = lambda _: Reply(400, said_by_aws + b"</Message></Error>")
        block = user.shown.ini.splitlines()
        lines = [f"endpoint_url = {stub.url}" if "endpoint_url" in one else one for one in block]
        user.paste("\n".join(lines) + "\n")
        status, said = user.run(user.shown.profile_command)
    assert status != 0
    assert "(ExpiredToken)" in said
    assert "The provided token has expired." in said


def test_a_credential_process(user: User, seaweed: EmbeddedStore, tmp_path: Path) -> None:
    """The CLI asks the command itself for keys, and renews them so; outside is AccessDenied."""
    settings = {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{user.bucket}/org/",
        "WHEROBOTS_STORAGE_CUSTOMER": "customer-a",
        "WHEROBOTS_STORAGE_ROLE_ARN": seaweed.role_arn,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AWS_CONFIG_FILE": os.devnull,
    }
    exports = [f"export {name}={snippets.quoted(value)}\n" for name, value in settings.items()]
    vend = f"{sys.executable} -m wherobots_storage credentials --format process"
    script = tmp_path / "vend"
    script.write_text("".join(["#!/bin/bash\n", *exports, f"exec {vend} --path '{FOLDER[3:]}'\n"]))
    script.chmod(0o700)
    user.paste("")
    profile = ["[profile wherobots]", f"credential_process = {script}", "region = us-east-1"]
    profile += [f"endpoint_url = {seaweed.endpoint_url}", ""]
    (tmp_path / ".aws" / "config").write_text("\n".join(profile))
    status, said = user.run(user.shown.profile_command)
    assert status == 0, said
    assert user.stored() == FILES
    beside = f"aws --profile=wherobots s3 cp my-data/a.txt s3://{user.bucket}/org/data/shared/"
    status, said = user.run(beside)
    assert status != 0
    assert "AccessDenied" in said
