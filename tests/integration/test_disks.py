"""Agents whose disks are full, read-only or unreadable, against SeaweedFS."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from support.agents import eventually
from support.disks import fill, mounted
from support.homes import OLD, Bench, picture, settings_for
from support.processes import agent_process, is_idle, status_of

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.state import StateFolder

pytestmark = [pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1200)]

WITHOUT_POWER = (
    ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)
"""To root, nothing is closed: these are what opens everything to it."""


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """The home, with settings that are quick."""
    return quick(bench)


def quick(bench: Bench) -> Bench:
    """The same with a short interval."""
    bench.settings = settings_for(
        bench.home, bench.state, bench.store.bucket, sync_interval=1.0, shutdown_timeout=60.0
    )
    return bench


def ended(process: subprocess.Popen[bytes]) -> int:
    """Stop an agent and return its exit code."""
    process.send_signal(signal.SIGTERM)
    return process.wait(180)


def offline(bench: Bench) -> SyncStatus:
    """What the agent says once it is offline."""
    found: list[SyncStatus] = []

    def is_offline() -> bool:
        status = status_of(bench.settings)
        if status is not None and status.state == "offline":
            found.append(status)
        return bool(found)

    eventually(is_offline)
    return found[0]


def test_full_disk_in_a_restore(bench: Bench, tmp_path: Path) -> None:
    """It stops with what is needed and what is free, deletes nothing, and goes on with room."""
    for number in range(20):
        bench.write(f"d/f{number:02}", os.urandom(400_000), mtime_ns=OLD)
    bench.write("large", os.urandom(10 * 1024**2), mtime_ns=OLD)
    bench.sync()
    keys = bench.keys()
    fresh = quick(Bench(tmp_path, bench.store, "fresh"))
    with mounted(fresh.home, "size=24m") as disk:
        ballast = fill(disk, leave=4 * 1024**2)
        with agent_process(fresh.settings) as process:
            status = offline(fresh)
            assert status.last_error is not None
            assert status.last_error.code == "disk-full"
            assert status.last_error.path == str(disk)
            assert str(disk) in status.last_error.message
            assert "bytes more are needed there, " in status.last_error.message
            # What has its name is whole; nothing else is there.
            there, whole = picture(fresh.home), picture(bench.home)
            assert there.pop("ballast")
            for path, facts in there.items():
                assert facts == whole[path], path
            assert bench.keys() == keys
            ballast.unlink()
            eventually(lambda: is_idle(fresh.settings))
            assert picture(fresh.home) == whole
            assert ended(process) == 0
    assert bench.keys() == keys


def test_stop_while_a_restore_has_no_room(bench: Bench, tmp_path: Path) -> None:
    """The final sync of a home that could not be restored saves what is new, deletes nothing."""
    for number in range(20):
        bench.write(f"f{number:02}", os.urandom(400_000), mtime_ns=OLD)
    bench.sync()
    keys = bench.keys()
    fresh = quick(Bench(tmp_path, bench.store, "fresh"))
    with mounted(fresh.home, "size=3m"):
        fresh.write("mine", b"m")
        with agent_process(fresh.settings) as process:
            offline(fresh)
            assert ended(process) == 0
    assert bench.keys() == sorted([*keys, "mine"])


def test_full_disk_of_the_state_folder(bench: Bench) -> None:
    """The home is saved all the same, also at the stop; the status says why it is shown."""
    state = StateFolder.for_settings(bench.settings)
    with mounted(bench.state, "size=2m") as disk:
        bench.write("before", b"b", mtime_ns=OLD)
        with agent_process(bench.settings) as process:
            eventually(lambda: is_idle(bench.settings))
            ballast = fill(disk)
            for number in range(400):
                bench.write(f"many/{number:04}", b"%d" % number)
            bench.write("before", b"changed")
            eventually(lambda: len(bench.keys()) == 401, 120)

            def is_told() -> bool:
                status = status_of(bench.settings)
                if status is None or status.state != "idle":
                    return False
                return "journal-disk-full" in {notice.code for notice in status.skipped}

            eventually(is_told)
            (bench.home / "many" / "0000").unlink()
            eventually(lambda: "many/0000" not in set(bench.keys()))
            assert ended(process) == 0
        assert bench.body("before") == b"changed"
        # The disk is full at the next start too; what it holds is not taken for damaged.
        with agent_process(bench.settings) as process:
            eventually(lambda: is_idle(bench.settings))
            bench.write("after", b"a")
            eventually(lambda: "after" in set(bench.keys()))
            ballast.unlink()
            time.sleep(6)
            bench.write("later", b"l")

            def is_well() -> bool:
                status = status_of(bench.settings)
                return status is not None and status.state == "idle" and status.skipped == []

            eventually(is_well)
            assert ended(process) == 0
        with closing(sqlite3.connect(state.journal_path)) as journal:
            assert journal.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            ((rows,),) = journal.execute("SELECT count(*) FROM entries").fetchall()
        assert rows == len(bench.keys()) == 402
        assert [file.name for file in state.path.glob("journal.sqlite.*")] == []
        assert not any(" (conflict 2" in key for key in set(bench.keys()))


def test_read_only_home(bench: Bench, tmp_path: Path) -> None:
    """It is told, nothing in the bucket changes; once it can be written again it is restored."""
    bench.write("a", b"a", mtime_ns=OLD)
    bench.sync()
    fresh = quick(Bench(tmp_path, bench.store, "fresh"))
    with mounted(fresh.home, "size=2m") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with agent_process(fresh.settings) as process:

            def is_told() -> bool:
                status = status_of(fresh.settings)
                error = status.last_error if status is not None else None
                return error is not None and "read-only" in error.message

            eventually(is_told)
            assert bench.keys() == ["a"]
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            eventually(lambda: is_idle(fresh.settings))
            assert picture(fresh.home) == picture(bench.home)
            assert ended(process) == 0
    assert bench.keys() == ["a"]


def test_read_only_home_that_has_everything(bench: Bench) -> None:
    """Where nothing is to be restored a read-only home is as good as any."""
    with mounted(bench.home, "size=2m") as disk:
        bench.write("a", b"a", mtime_ns=OLD)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with agent_process(bench.settings) as process:
            eventually(lambda: is_idle(bench.settings))
            assert bench.keys() == ["a"]
            assert ended(process) == 0


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_home_that_cannot_be_read(bench: Bench, mode: int) -> None:
    """A home whose folder was closed is not an empty one: nothing is deleted, and it recovers."""
    for name in ("a", "d/b"):
        bench.write(name, b"1", mtime_ns=OLD)
    with agent_process(bench.settings, wrapper=WITHOUT_POWER) as process:
        eventually(lambda: is_idle(bench.settings))
        keys = bench.keys()
        assert keys == ["a", "d/b"]
        bench.home.chmod(mode)
        try:
            client = AgentClient(StateFolder.for_settings(bench.settings).socket_path)
            client.request("sync")
            time.sleep(2.5)
            assert bench.keys() == keys
        finally:
            bench.home.chmod(0o755)
        bench.write("late", b"l")
        eventually(lambda: "late" in set(bench.keys()))
        assert ended(process) == 0
    assert bench.keys() == ["a", "d/b", "late"]
