"""Somebody at a shell with the real AWS CLI, and with what the credentials dialog shows.

And what comes of it, as one suite for every store.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from wherobots_storage.api.credentials import VendedCredentials
from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.credentials.vending import Vendor, scope_of
from wherobots_storage.handlers.credentials import vended_credentials
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys
from wherobots_storage.settings import Tenancy

PEERS = Path(__file__).parents[2] / ".make" / "peers" / "bin"
FOLDER = "org/data/shared/in coming ü/"
OLD_SECONDS = 1_600_000_000
SMALL = {"a.txt": 3, "sub/deep/ç.csv": 0}
FILES = {**SMALL, "sub/b b.bin": 20_000_000}


def find_programs(folder: Path) -> Path:
    """Where the AWS CLI is: the benchmarks' one, or one that is installed in the folder.

    In an environment of its own, since it pins its botocore.
    """
    if (PEERS / "aws").exists():
        return PEERS
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", "awscli"]
    subprocess.run(install, check=True, timeout=900)
    return folder / "bin"


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the AWS CLI is. For conftests to import."""
    return find_programs(tmp_path_factory.mktemp("awscli"))


class User:
    """Somebody at a shell with files in my-data, and what the dialog shows to copy."""

    def __init__(
        self, aws: Path, home: Path, environment: Mapping[str, str], role_arn: str, bucket: str
    ) -> None:
        """``environment`` is that of a server whose keys may assume the role."""
        self._aws = aws
        self._home = home
        self._environment = environment
        self._role_arn = role_arn
        self.bucket = bucket
        self.uri = f"s3://{bucket}/{FOLDER}"
        self.shown = self._vended().snippets

    @property
    def tenancy(self) -> Tenancy:
        """Whose folders they are."""
        return Tenancy(Root(self.bucket, "org/"), "customer-a")

    def _vended(self) -> VendedCredentials:
        """The server's answer to the dialog."""
        tenancy = self.tenancy
        client = open_client(self._environment)
        vendor = Vendor(
            tenancy,
            lambda: AssumeRole(client, self._role_arn, "customer-a"),
            lambda uri: Place(uri, "us-east-1", self._environment["AWS_ENDPOINT_URL"]),
        )
        scope = scope_of(tenancy, "/" + FOLDER.removeprefix("org/"), "upload")
        return vended_credentials(vendor.vend(scope, 900), scope)

    def prepare(self, files: Mapping[str, int] = FILES) -> None:
        """Write the files, and the block into the credentials file."""
        for name, size in files.items():
            path = self._home / "my-data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * size)
            # A store dates objects by the second: a file of that very second would look newer.
            os.utime(path, (OLD_SECONDS, OLD_SECONDS))
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
            # The CLI waits a minute for an answer that SeaweedFS does not give, each time.
            timeout=800,
        )
        return done.returncode, done.stdout

    def stored(self) -> dict[str, int]:
        """The sizes of what is in the folder, by name."""
        store = connect(self.bucket, self._environment)
        try:
            found = [one for one in iterate_keys(store, FOLDER) if isinstance(one, ObjectInfo)]
            return {one.key.removeprefix(FOLDER): one.size for one in found}
        finally:
            store.close()


class AwsCliSuite:
    """What the CLI does with what is shown. Subclasses have a ``user`` fixture.

    ``refusals`` are the CLI's words for what the store refuses.
    """

    refusals: tuple[str, ...] = ("AccessDenied",)

    def test_the_block_and_the_command_as_they_are_shown(self, user: User) -> None:
        """The command uploads a folder, large files in parts, to the folder with the odd name."""
        status, said = user.run(user.shown.profile_command)
        assert status == 0, said
        assert user.stored() == FILES

    def test_the_exports_and_their_command_as_they_are_shown(self, user: User) -> None:
        """In a shell with the exports the other command does the same, without a profile."""
        user.paste("")
        status, said = user.run(user.shown.bash + user.shown.bash_command)
        assert status == 0, said
        assert user.stored() == FILES

    def test_sync(self, user: User) -> None:
        """A sync uploads what is missing, a second one does nothing, and one back brings it all."""
        command = f"aws --profile=wherobots s3 sync my-data/ {snippets.quoted(user.uri)}"
        status, said = user.run(command)
        assert (status, user.stored()) == (0, FILES), said
        assert user.run(command) == (0, "")
        back = f"aws --profile=wherobots s3 sync {snippets.quoted(user.uri)} back/"
        status, said = user.run(f"{back} && diff -r my-data back")
        assert status == 0, said

    def test_a_folder_outside(self, user: User) -> None:
        """Another folder, above or beside, is refused to copying, listing and syncing alike."""
        for folder in ("org/data/shared/", "org/data/customer-a/", "org/data/shared/in coming üx/"):
            uri = snippets.quoted(f"s3://{user.bucket}/{folder}")
            for command in (f"cp my-data/a.txt {uri}", f"ls {uri}", f"sync my-data/ {uri}"):
                status, said = user.run(f"aws --profile=wherobots s3 {command}")
                assert status != 0
                assert any(words in said for words in self.refusals), said
        assert user.stored() == {}
