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

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(400)]

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


@pytest.fixture
def environment(
    source: Turning, bucket: str, seaweed: EmbeddedStore, tmp_path: Path
) -> Iterator[Mapping[str, str]]:
    """The environment of a terminal whose server has the store's keys."""
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
    base.pop("AWS_ENDPOINT_URL")
    yield apply(base, sdk_changes(base, setup))
    running.stop()


def installed(folder: Path, *packages: str) -> Path:
    """The programs of packages, in an environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [str(folder / "bin" / "pip"), "install", "--quiet", *packages]
    subprocess.run(install, check=True, timeout=300)
    return folder / "bin"


def test_the_aws_cli(
    environment: Mapping[str, str], tmp_path: Path, bucket: str, s3_store: S3Store
) -> None:
    """`aws s3 cp` works as it stands and with --profile default, in the user's folders only."""
    programs = installed(tmp_path / "aws", "awscli")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [str(programs / "aws"), *words]
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


RECIPE = """
import os
from urllib.parse import urlsplit
import duckdb

store = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
db = duckdb.connect()
EXTENSIONS
db.execute(f'''CREATE SECRET (
    TYPE s3, PROVIDER credential_chain, REFRESH auto, REGION 'us-east-1',
    ENDPOINT '{store.netloc}', URL_STYLE 'path', USE_SSL {store.scheme == "https"}
)''')
path = os.environ["USER_S3_PATH"]
print(db.sql(f"SELECT count(*) FROM '{path}words.csv'").fetchone()[0])
path += "numbers.parquet"
db.execute(f"COPY (SELECT range AS n FROM range(1000)) TO '{path}'")
print(db.sql(f"SELECT sum(n) FROM '{path}'").fetchone()[0])
"""
INSTALLED = """
import importlib, pathlib
for name in ("httpfs", "aws"):
    folder = pathlib.Path(importlib.import_module("duckdb_extension_" + name).__file__).parent
    (file,) = folder.rglob(name + ".duckdb_extension")
    db.execute(f"LOAD '{file}'")
"""


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
        [str(duckdb), "-c", RECIPE.replace("EXTENSIONS", INSTALLED)],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.split() == ["2", "499500"], done.stderr
    assert source.asked == 1 + worthless
