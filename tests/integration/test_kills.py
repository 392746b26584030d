"""kill -9 of the agent at random moments, while the home is edited, against SeaweedFS."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import PREFIX, Bench, picture, settings_for
from support.processes import agent_process, is_idle, status_of
from support.turmoil import Editor, Sampler, Versions, seed_for, sha256_of, wait_a_moment

from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.settings import Settings
from wherobots_storage.sync.state import StateFolder

pytestmark = [pytest.mark.store, pytest.mark.timeout(3000)]

MOMENTS = ("any", "starting", "busy", "multipart", "final")
GRACE = 30.0


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """The home, with a cycle each second."""
    bench.settings = settings_for(bench.home, bench.state, bench.store.bucket, sync_interval=1.0)
    return bench


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Everything random of a test comes from here."""
    return random.Random(seed_for(request))


def await_moment(
    moment: str,
    process: subprocess.Popen[bytes],
    bench: Bench,
    editor: Editor,
    rng: random.Random,
) -> None:
    """Wait until an agent is where it shall be killed."""
    until = time.monotonic() + GRACE

    def passes(*states: str) -> None:
        while time.monotonic() < until:
            status = status_of(bench.settings)
            if status is not None and status.state in states:
                return
            time.sleep(0.01)

    if moment == "any":
        wait_a_moment(rng, 4.0)
    elif moment == "starting":
        passes("restoring", "idle", "syncing")
        wait_a_moment(rng, 0.3)
    elif moment == "busy":
        passes("syncing")
        wait_a_moment(rng, 0.2)
    elif moment == "multipart":
        editor.large()
        while not bench.store.list_uploads(PREFIX) and time.monotonic() < until:
            time.sleep(0.01)
        wait_a_moment(rng, 0.3)
    else:
        passes("idle")
        process.send_signal(signal.SIGTERM)
        wait_a_moment(rng, 0.6)


def check_journal(settings: Settings) -> None:
    """The journal that a killed agent left is valid."""
    path = StateFolder.for_settings(settings).journal_path
    if path.exists():
        with closing(sqlite3.connect(path)) as journal:
            assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def trash_of(bench: Bench) -> set[str]:
    """What lies in the home's trash, by the paths that it had."""
    trash = bench.home / ".wherobots" / "trash"
    return {
        str(file.relative_to(trash)).partition("/")[2]
        for file in trash.rglob("*")
        if file.is_file()
    }


def one_clean_run(bench: Bench) -> None:
    """An agent that comes to its end."""
    with agent_process(bench.settings) as process:
        eventually(lambda: is_idle(bench.settings))
        process.send_signal(signal.SIGTERM)
        assert process.wait(180) == 0


@pytest.mark.parametrize(
    "kills", [pytest.param(2, id="few"), pytest.param(100, id="hundred", marks=pytest.mark.slow)]
)
def test_agent_killed_again_and_again(
    bench: Bench, s3_store: S3Store, tmp_path: Path, rng: random.Random, kills: int
) -> None:
    """However often and whenever it is killed, nothing is torn, lost, mixed up or left behind."""
    versions = Versions()
    theirs: list[str] = []
    moments = [*MOMENTS, *rng.choices(MOMENTS, k=kills)][:kills]
    rng.shuffle(moments)
    sampler = Sampler(s3_store, PREFIX, versions, random.Random(rng.random()))
    with sampler:
        for number, moment in enumerate(moments):
            with Editor(bench.home, versions, random.Random(rng.random())) as editor:
                body = os.urandom(2000)
                versions.add(f"theirs/{number}", body)
                s3_store.put(f"{PREFIX}theirs/{number}", body)
                theirs.append(f"theirs/{number}")
                with agent_process(bench.settings) as process:
                    await_moment(moment, process, bench, editor, rng)
                    process.kill()
                    process.wait()
                check_journal(bench.settings)
            for path, digest in editor.current.items():
                file = bench.home / path
                assert digest is None or sha256_of(file) == digest, f"{path} was overwritten"
            if number % 4 == 3:
                gone = theirs.pop(0)
                s3_store.delete(f"{PREFIX}{gone}")
    one_clean_run(bench)
    sampler.check_all()
    assert sampler.seen
    assert not any(" (conflict 2" in key for key in set(bench.keys()))
    assert s3_store.list_uploads(PREFIX) == []
    assert not (bench.home / ".wherobots" / "tmp").exists()
    assert {path.partition("/")[0] for path in trash_of(bench)} <= {"theirs"}
    fresh = Bench(tmp_path, s3_store, "fresh")
    fresh.restore()
    assert picture(fresh.home) == picture(bench.home)
    assert all((bench.home / path).exists() for path in theirs)
