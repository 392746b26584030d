from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from support.endpoints import Moved, Running

from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = pytest.mark.store

CHILD = """
import datetime, sys
import boto3
client = boto3.client("s3")
keys = client._request_signer._credentials
real = keys._time_fetcher
for line in sys.stdin:
    moved, bucket, prefix = line.rstrip("\\n").split(" ", 2)
    keys._time_fetcher = lambda: real() + datetime.timedelta(seconds=int(moved))
    try:
        found = client.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"]
    except Exception as error:
        found = type(error).__name__
    print(found, keys._access_key, keys.method, flush=True)
"""


class Child:
    """A kernel's process in small: boto3 with nothing but the endpoint's variables.

    Its clock can be moved.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env={**clean, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def list(self, bucket: str, prefix: str, *, moved: int = 0) -> tuple[str, str, str]:
        """List with the clock moved by seconds: count or error, key id, provider."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{moved} {bucket} {prefix}\n")
        self._process.stdin.flush()
        count, key, provider = self._process.stdout.readline().split()
        return count, key, provider

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Closes the pipes and waits for the end, which the closed standard input brings.
        self._process.communicate(timeout=60)


@pytest.fixture
def scope(bucket: str) -> Scope:
    """All areas of customer-a."""
    root = Root(bucket, "org/")
    return Scope.of_areas(root, PermissionTable("customer-a"), "write")


@pytest.fixture
def moved(seaweed: EmbeddedStore) -> Moved:
    """Sessions of SeaweedFS's role, by a clock that can be moved."""
    source = AssumeRole(open_client(seaweed.environment()), seaweed.role_arn, "customer-a")
    return Moved(source)


@pytest.fixture
def endpoint(moved: Moved, scope: Scope, tmp_path: Path) -> Iterator[Running]:
    """An endpoint with credentials of 15 minutes, the shortest that STS gives."""
    cached = CachedSource(moved, moved.time)
    running = Running(cached, scope, tmp_path / "token", seconds=900)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def child(seaweed: EmbeddedStore, endpoint: Running, tmp_path: Path) -> Iterator[Child]:
    """A process that has only the endpoint's variables, the store's address and a region."""
    variables = {
        "AWS_ENDPOINT_URL": seaweed.endpoint_url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        **endpoint.endpoint.environment(),
    }
    with Child(variables) as one:
        yield one


def test_boto3_finds_the_endpoint(child: Child, bucket: str) -> None:
    """Without a line of set-up boto3 works in the user's folders, and only there."""
    count, _, provider = child.list(bucket, "org/data/customer-a/")
    assert (count, provider) == ("0", "container-role")
    assert child.list(bucket, "org/data/customer-b/")[0] == "AccessDenied"
    assert child.list(bucket, "")[0] == "AccessDenied"


def test_credentials_renew_themselves(child: Child, moved: Moved, bucket: str) -> None:
    """A process lives through many lifetimes of its credentials, and never has expired ones."""
    keys = []
    for seconds in (0, 100, 500, 1000, 2000, 10_000):
        moved.seconds = seconds
        count, key, _ = child.list(bucket, "org/data/customer-a/", moved=seconds)
        assert count == "0"
        keys.append(key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5


def test_a_broken_endpoint_is_told(
    child: Child, moved: Moved, endpoint: Running, bucket: str
) -> None:
    """When nothing renews them, expired credentials are an error and not a request."""
    assert child.list(bucket, "org/data/customer-a/")[0] == "0"
    endpoint.stop_endpoint()
    moved.seconds = 1000
    found, _, _ = child.list(bucket, "org/data/customer-a/", moved=1000)
    assert found not in {"0", "AccessDenied"}
