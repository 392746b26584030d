"""kill -9 of the Jupyter server, of it with its agent, and of the store in the middle of a sync."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import OLD, PREFIX, Bench, opened, picture, settings_for
from support.lab import LabServer
from support.processes import agent_process, is_idle, status_of
from support.turmoil import Editor, Versions, seed_for

from wherobots_storage.objectstore import ports
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.reconcile import Reconciler
from wherobots_storage.sync.state import StateFolder, process_start

pytestmark = [pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1800)]

CHECKOUT = str(Path(__file__).parents[2])


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedStore]:
    """A SeaweedFS that only this test uses, since it is to be killed."""
    with EmbeddedStore(tmp_path / "store") as store:
        store.create_bucket("test")
        for name, value in store.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", CHECKOUT)
        yield store


def kill(store: EmbeddedStore) -> None:
    """End it as a crash would."""
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)
    assert store._process is not None
    store._process.wait()


def start_again(store: EmbeddedStore) -> None:
    """Start it on the same folder and the same ports."""
    former = dict(store._ports)
    store.stop()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ports, "choose", lambda _names: dict(former))
        store.start()


def test_store_killed_in_the_middle_of_syncs(
    tmp_path: Path, own_store: EmbeddedStore, request: pytest.FixtureRequest
) -> None:
    """The agent is offline and comes back by itself; what the store lost goes there again."""
    rng = random.Random(seed_for(request))
    with closing(connect("test", own_store.environment())) as s3:
        bench = Bench(tmp_path, s3)
        for number in range(300):
            bench.write(f"many/f{number:03}", rng.randbytes(3000), mtime_ns=OLD)
        bench.settings = settings_for(
            bench.home, bench.state, "test", sync_interval=1.0, shutdown_timeout=60.0
        )
        versions = Versions()
        with agent_process(bench.settings) as process:
            with Editor(bench.home, versions, random.Random(rng.random()), pause=0.1) as editor:
                eventually(lambda: len(bench.keys()) > 50)
                for _ in range(3):
                    editor.large()
                    time.sleep(rng.uniform(0, 1.5))
                    kill(own_store)
                    eventually(lambda: state_of(bench) == "offline")
                    start_again(own_store)
                    eventually(lambda: state_of(bench) in {"idle", "syncing"})
            eventually(lambda: is_idle(bench.settings))
            process.send_signal(signal.SIGTERM)
            assert process.wait(180) == 0
        # What the store acknowledged and does not have any more; and more of the kind.
        with opened(bench) as (session, _):
            acknowledged = {record.path for record in session.journal}
        lost = acknowledged - set(bench.keys())
        print(f"acknowledged {len(acknowledged)}, lost by the kills {len(lost)}")  # noqa: T201
        for path in ("many/f000", "many/f001"):
            s3.delete(f"{PREFIX}{path}")
        with opened(bench, reconciler=Reconciler(0.0)) as (session, _):
            assert session.cycle(Cancel()).is_settled
        assert s3.list_uploads(PREFIX) == []
        fresh = Bench(tmp_path, s3, "fresh")
        fresh.restore()
        assert picture(fresh.home) == picture(bench.home)


def state_of(bench: Bench) -> str:
    """The agent's state."""
    status = status_of(bench.settings)
    return status.state if status is not None else ""


@pytest.fixture
def lab_settings(
    tmp_path: Path, seaweed: EmbeddedStore, s3_store: S3Store
) -> tuple[Bench, dict[str, str]]:
    """A home, and the environment of a server for it."""
    bench = Bench(tmp_path, s3_store)
    environment = {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{s3_store.bucket}/org/",
        "WHEROBOTS_STORAGE_CUSTOMER": "customer-a1",
        "WHEROBOTS_STORAGE_STATE": str(bench.state),
        "PYTHONPATH": CHECKOUT,
    }
    return bench, environment


def holder_of(bench: Bench) -> int:
    """The process that writes for this home."""
    found: list[int] = []

    def there() -> bool:
        holder = StateFolder.for_settings(bench.settings).holder()
        if holder is not None:
            found.append(holder.pid)
        return bool(found)

    eventually(there)
    return found[-1]


def test_server_and_agent_killed_together(
    tmp_path: Path, lab_settings: tuple[Bench, dict[str, str]]
) -> None:
    """What was saved seconds before is in the bucket, and the rest comes with the next start."""
    bench, environment = lab_settings
    with LabServer(bench.home, environment) as lab:
        agent = holder_of(bench)
        bench.write("early.txt", b"early")
        eventually(lambda: "early.txt" in set(bench.keys()))
        bench.write("last.txt", b"last")
        os.kill(lab.process.pid, signal.SIGSTOP)
        os.kill(agent, signal.SIGKILL)
        lab.kill()
        eventually(lambda: process_start(agent) is None)
    lost_machine = Bench(tmp_path, bench.store, "lost")
    lost_machine.restore()
    assert (lost_machine.home / "early.txt").read_bytes() == b"early"
    with LabServer(bench.home, environment):
        eventually(lambda: "last.txt" in set(bench.keys()))
    assert bench.keys() == ["early.txt", "last.txt"]


def test_server_killed_and_started_at_once(lab_settings: tuple[Bench, dict[str, str]]) -> None:
    """The former agent ends its final sync before the next one begins; nothing is mixed up."""
    bench, environment = lab_settings
    for number in range(3):
        with LabServer(bench.home, environment) as lab:
            holder_of(bench)
            for part in range(50):
                bench.write(f"run{number}/f{part:02}", b"%d" % part)
            lab.kill()
    with LabServer(bench.home, environment) as lab:
        eventually(lambda: len(bench.keys()) == 150)
        assert lab.terminate(timeout=180) == 0
    assert {path for path in set(bench.keys()) if "(" in path} == set()
    for path in set(bench.keys()):
        assert bench.body(path) == (bench.home / path).read_bytes()
