"""Fixtures for every test: a clean environment, and stores to test against."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from support.environment import scrubbed
from support.secretguard import SecretGuard, guard, guarding
from support.unhurried import unhurried

from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.s3 import S3Store

# A shared machine pauses; that is no property of the code. Nothing is left in the checkout.
settings.register_profile(
    "package", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("package")

HANDLING = frozenset({"app", "commands", "credentials", "handlers", "hub", "kernels"})
"""The folders of tests that must print no secret either."""

pytest.register_assert_rewrite("support.contract", "support.bulk_contract")


@pytest.fixture(scope="session", autouse=True)
def _session_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the developer's AWS setup reaches a fixture of any scope."""
    nowhere = tmp_path_factory.mktemp("environment")
    with scrubbed(nowhere, nowhere):
        yield


@pytest.fixture(autouse=True)
def clean_environment(
    _session_environment: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Each test has an environment without AWS_* and WHEROBOTS_*, and a HOME of its own."""
    home = tmp_path_factory.mktemp("home")
    with scrubbed(home, home):
        yield


@pytest.fixture(scope="session", autouse=True)
def _unhurried() -> Iterator[None]:
    """No watchdog ends the process that runs the tests."""
    with unhurried():
        yield


@pytest.fixture(scope="session", autouse=True)
def _secret_guard() -> Iterator[SecretGuard]:
    with guarding() as guard:
        yield guard


@pytest.fixture(autouse=True)
def _no_secret_is_told(
    _secret_guard: SecretGuard, request: pytest.FixtureRequest
) -> Iterator[None]:
    """In no test may a secret in use get into a log, a log file or an answer."""
    _secret_guard.forget()
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    told = _secret_guard.found(folder)
    assert not told, f"a secret was told in {sorted(told)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Nor, where secrets are handled, in what a test and its processes print and nobody takes."""
    report = yield
    told = guard.printed(report.sections) if item.path.parent.name in HANDLING else set()
    if told and report.passed:
        report.outcome = "failed"
        report.longrepr = f"a secret was told in {sorted(told)}"
    return report


@pytest.fixture(scope="session")
def seaweed(
    _session_environment: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedStore]:
    """A running SeaweedFS, one for the whole run."""
    with EmbeddedStore(tmp_path_factory.mktemp("seaweed")) as store:
        yield store


@pytest.fixture
def bucket(seaweed: EmbeddedStore) -> str:
    """The name of a fresh bucket on SeaweedFS."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    seaweed.create_bucket(name)
    return name


@pytest.fixture
def s3_store(seaweed: EmbeddedStore, bucket: str) -> Iterator[S3Store]:
    """The S3 adapter on a fresh bucket of SeaweedFS."""
    store = connect(bucket, seaweed.environment())
    yield store
    store.close()


@pytest.fixture
def memory_store() -> MemoryStore:
    """An empty store in memory."""
    return MemoryStore()


@pytest.fixture
def seaweed_environment(seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """SeaweedFS's variables, set for the test: ``open_store`` then finds it by itself."""
    variables = seaweed.environment()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A path at which there is nothing."""
    return tmp_path / "nowhere"
