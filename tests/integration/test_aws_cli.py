"""The real AWS CLI with the block and the command exactly as they are shown, on SeaweedFS."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(400)]

FOLDER = "org/data/shared/in coming ü/"
FILES = {"a.txt": 3, "sub/b b.bin": 20_000_000, "sub/deep/ç.csv": 0}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The AWS CLI in an environment of its own: it pins another botocore."""
    folder = tmp_path_factory.mktemp("awscli")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", "awscli"]
    subprocess.run(install, check=True, timeout=300)
    return folder / "bin"


class User:
    """Somebody at a shell, with the block in their credentials file and files in my-data."""

    def __init__(self, aws: Path, home: Path, store: EmbeddedStore, bucket: str) -> None:
        self._aws = aws
        self._home = home
        self._store = store
        self.bucket = bucket
        self.place = Place(f"s3://{bucket}/{FOLDER}", "us-east-1", store.endpoint_url)

    def prepare(self) -> None:
        """Write the files, and the credentials as they are shown."""
        for name, size in FILES.items():
            path = self._home / "my-data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
        root, table = Root(self.bucket, "org/"), PermissionTable("customer-a")
        folder = StoragePath.parse("/" + FOLDER.removeprefix("org/"))
        scope = Scope.of_folder(root, table, folder, "upload")
        client = open_client(self._store.environment())
        credentials = AssumeRole(client, self._store.role_arn, "customer-a").vend(scope, 900)
        (self._home / ".aws").mkdir()
        (self._home / ".aws" / "credentials").write_text(snippets.ini(credentials, self.place))

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


def test_the_command_as_it_is_shown(user: User) -> None:
    """The shown command uploads a folder, large files in parts, to the folder with the odd name."""
    status, said = user.run(snippets.command(user.place))
    assert status == 0, said
    assert user.stored() == FILES


def test_sync(user: User) -> None:
    """A sync uploads what is missing, and a second one finds nothing to do."""
    command = f"aws --profile=wherobots s3 sync my-data/ {snippets.quoted(user.place.uri)}"
    status, said = user.run(command)
    assert (status, user.stored()) == (0, FILES), said
    assert user.run(command) == (0, "")
    back = f"aws --profile=wherobots s3 sync {snippets.quoted(user.place.uri)} back/"
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
    assert user.run(snippets.command(user.place))[0] == 0
    uri = snippets.quoted(user.place.uri)
    sync = f"aws --profile=wherobots s3 sync --delete my-data/ {uri}"
    status, said = user.run(f"rm my-data/a.txt; {sync}")
    assert status != 0
    assert "AccessDenied" in said
    assert user.stored() == FILES
