"""The sync agent and `doctor` with the user's session, as processes, on SeaweedFS."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.settings import Settings, Tenancy
from wherobots_storage.sync.supervisor import AgentSupervisor

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("seaweed_environment")]


@pytest.fixture
def settings(tmp_path: Path, bucket: str, seaweed: EmbeddedStore) -> Iterator[Settings]:
    """A home with a file, and a server that is to work with its user's session."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "a.txt").write_text("a")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parent.parent.parent))
        yield Settings(
            tmp_path / "home",
            tmp_path / "state",
            tenancy=Tenancy(Root(bucket, "org/"), "customer-a"),
            role_arn=seaweed.role_arn,
            session="user",
        )


@contextmanager
def supervised(settings: Settings, seconds: float = 20) -> Iterator[AgentSupervisor]:
    """An agent as the server starts it, stopped with its final sync."""
    supervisor = AgentSupervisor(settings, lambda _: None)
    supervisor.spawn()
    try:
        yield supervisor
    finally:
        asyncio.run(supervisor.stop(seconds))


def test_the_agent_works_with_the_user_s_session(settings: Settings, s3_store: S3Store) -> None:
    """The home is restored and saved; no key is on the agent's command line."""
    with supervised(settings, 60) as supervisor:
        assert supervisor.wait_restored(60)
        command = Path(f"/proc/{supervisor.pid}/cmdline").read_bytes()
        assert os.environ["AWS_SECRET_ACCESS_KEY"].encode() not in command
    assert s3_store.head("org/notebooks/customer-a/a.txt").size == 1


def test_the_agent_has_no_other_way(settings: Settings) -> None:
    """Where there is no session to be had it is offline, though the server's keys would do."""
    unknown = replace(settings, role_arn="arn:aws:iam::role/unknown")
    with supervised(unknown) as supervisor:
        assert not supervisor.wait_restored(60)
        assert supervisor.status.last_error is not None
        assert "role" in supervisor.status.last_error.message


def test_doctor_with_the_user_s_session(settings: Settings) -> None:
    """What a session may not ask for is no failure."""
    tenancy = settings.require_tenancy()
    environment = {
        **os.environ,
        "WHEROBOTS_STORAGE_ROOT": tenancy.root.url,
        "WHEROBOTS_STORAGE_CUSTOMER": tenancy.customer,
        "WHEROBOTS_STORAGE_HOME": str(settings.home),
        "WHEROBOTS_STORAGE_STATE": str(settings.state_dir),
        "WHEROBOTS_STORAGE_ROLE_ARN": str(settings.role_arn),
        "WHEROBOTS_STORAGE_SESSION": "user",
    }
    command = [sys.executable, "-m", "wherobots_storage", "doctor"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    about = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert [line for line in about if "extension" not in line and "panel" not in line] == []
    assert "ok        bucket:" in done.stdout
    assert "ok        clock:" in done.stdout
    assert "ok        boundary:" in done.stdout
    assert "ok        temporary credentials:" in done.stdout
    assert "ok        sessions:" in done.stdout
    assert "the source of the user's sessions" in done.stdout
