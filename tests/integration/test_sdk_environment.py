"""The AWS CLI and DuckDB with what kernels and terminals find in their environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.endpoints import Moved, Running

from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.kernels.sdk import SdkSetup, apply, config_text, sdk_changes
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(1200)]

DUCKDB = ("1.4.4", "1.5.5")
"""The long-lived version, and the newest whose extensions are on PyPI too: elsewhere INSTALL
fetches them."""


class Turning:
    """A source whose first ``worthless`` sessions are as good as expired ones."""

    def __init__(self, source: Moved) -> None:
        self._source = source
        self.worthless = 0
        self.asked = 0

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """A session, or keys that no store knows."""
        self.asked += 1
        found = self._source.vend(scope, seconds)
        if self.asked <= self.worthless:
            return Credentials("ASIAUNKNOWN", "unknown", "unknown", found.expiration)
        return found


@pytest.fixture
def source(seaweed: EmbeddedStore) -> Turning:
    """Sessions of SeaweedFS's role."""
    client = open_client(seaweed.environment())
    return Turning(Moved(AssumeRole(client, seaweed.role_arn, "customer-a")))


@pytest.fixture(params=["the server's variable", "another way"])
def environment(
    request: pytest.FixtureRequest,
    source: Turning,
    bucket: str,
    seaweed: EmbeddedStore,
    tmp_path: Path,
) -> Iterator[Mapping[str, str]]:
    """A terminal's environment: the server has the store's keys, and names its URL either way."""
    scope = Scope.of_areas(Root(bucket, "org/"), PermissionTable("customer-a"), "write")
    running = Running(source, scope, tmp_path / "token")
    running.start()
    setup = SdkSetup(
        running.endpoint.environment(),
        "us-east-1",
        seaweed.endpoint_url,
        str(tmp_path / "config"),
    )
    (tmp_path / "config").write_text(config_text(setup))
    base = {
        **os.environ,
        **seaweed.environment(),
        "USER_S3_PATH": f"s3://{bucket}/org/data/customer-a/",
    }
    if request.param == "another way":
        base.pop("AWS_ENDPOINT_URL")
    yield apply(base, sdk_changes(base, setup))
    running.stop()


def installed(folder: Path, *packages: str) -> Path:
    """The programs of packages, in an environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", *packages]
    subprocess.run(install, check=True, timeout=900)
    return folder / "bin"


def test_the_aws_cli(
    aws: Path, environment: Mapping[str, str], tmp_path: Path, bucket: str, s3_store: S3Store
) -> None:
    """`aws s3 cp` works as it stands and with --profile default, in the user's folders only."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(aws / "aws"), *words]
        return subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, check=False
        )

    (tmp_path / "a.txt").write_text("a")
    own = environment["USER_S3_PATH"]
    done = run("s3", "cp", str(tmp_path / "a.txt"), own)
    assert done.returncode == 0, done.stderr
    assert s3_store.head("org/data/customer-a/a.txt").size == 1
    named = run("--profile", "default", "s3", "ls", own)
    assert named.stdout.split()[-1] == "a.txt", named.stderr
    outside = run("s3", "cp", str(tmp_path / "a.txt"), f"s3://{bucket}/org/data/customer-b/")
    assert outside.returncode != 0
    assert "AccessDenied" in outside.stderr


INSTALLED = """
import importlib, pathlib
for name in ("httpfs", "aws"):
    folder = pathlib.Path(importlib.import_module("duckdb_extension_" + name).__file__).parent
    (file,) = folder.rglob(name + ".duckdb_extension")
    db.execute(f"LOAD '{file}'")
"""
READ = """
words = os.environ["USER_S3_PATH"] + "words.csv"
print(db.sql(f"SELECT count(*) FROM '{words}'").fetchone()[0])
"""
READ_BACK = """
print(db.sql(f"SELECT sum(n) FROM '{path}'").fetchone()[0])
"""


def recipe() -> str:
    """The documented lines, with the extensions from PyPI, and with something to read."""
    written = (ROOT / "docs" / "credentials.md").read_text("utf-8").split("### DuckDB")[1]
    connected, path = "db = duckdb.connect()\n", "path = os.environ"
    lines = written.split("```python\n")[1].split("```")[0]
    assert connected in lines
    assert path in lines
    lines = lines.replace(connected, connected + INSTALLED).replace(path, READ + path)
    return lines + READ_BACK


@pytest.fixture(scope="module", params=DUCKDB)
def duckdb(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has DuckDB of a version."""
    names = ("duckdb", "duckdb-extension-httpfs", "duckdb-extension-aws")
    packages = [f"{name}=={request.param}" for name in names]
    return installed(tmp_path_factory.mktemp("duckdb"), *packages) / "python"


@pytest.mark.parametrize("worthless", [0, 1])
def test_duckdb(
    duckdb: Path,
    environment: Mapping[str, str],
    tmp_path: Path,
    source: Turning,
    s3_store: S3Store,
    worthless: int,
) -> None:
    """The documented recipe reads and writes, and asks for new keys when a read is refused."""
    source.worthless = worthless
    s3_store.put("org/data/customer-a/words.csv", b"word\none\ntwo\n")
    done = subprocess.run(
        [str(duckdb), "-c", recipe()],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.stdout.split() == ["2", "499500"], done.stderr
    assert source.asked == 1 + worthless
