"""Agents whose disks are full, read-only or unreadable, against SeaweedFS."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from support.agents import eventually
from support.disks import fill, mounted
from support.homes import OLD, Bench, picture, settings_for
from support.processes import agent_process, is_idle, status_of

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


def test_full_disk_in_a_restore(bench: Bench, tmp_path: Path) -> None:
    """It stops, and says what it needs; what is here is saved meanwhile; it goes on with room."""
    for number in range(20):
        bench.write(f"d/f{number:02}", os.urandom(400_000), mtime_ns=OLD)
    bench.write("large", os.urandom(10 * 1024**2), mtime_ns=OLD)
    bench.sync()
    keys = bench.keys()
    fresh = quick(Bench(tmp_path, bench.store, "fresh"))
    with mounted(fresh.home, "size=24m") as disk:
        fresh.write(".cache/ballast-to-be", b"not mirrored")
        ballast = fill(disk / ".cache", leave=4 * 1024**2)
        mine = fresh.write("mine", b"m")
        with agent_process(fresh.settings) as process:
            eventually(lambda: bool(refusal(fresh)))
            told = refusal(fresh) or ""
            assert str(disk) in told
            assert "bytes more are needed there, " in told
            # What has its name is whole, and nothing is missing in the bucket.
            whole = picture(bench.home)
            there = {path: facts for path, facts in picture(fresh.home).items() if path in whole}
            assert there.items() <= whole.items()
            for body in (b"1", b"2"):
                with mine.open("r+b") as file:
                    file.write(body)
                eventually(partial(has, fresh, "mine", body))
            assert bench.keys() == sorted([*keys, "mine"])
            ballast.unlink()
            AgentClient(StateFolder.for_settings(fresh.settings).socket_path).request("retry")
            eventually(lambda: refusal(fresh) is None and is_idle(fresh.settings))
            assert whole.items() <= picture(fresh.home).items()
            assert ended(process) == 0
    assert bench.keys() == sorted([*keys, "mine"])


def refusal(bench: Bench) -> str | None:
    """What the agent says of a restore that does not come to its end; "" without an agent."""
    status = status_of(bench.settings)
    if status is None:
        return ""
    reasons = {notice.code: notice.reason for notice in status.skipped}
    return reasons.get("restore-refused")


def has(bench: Bench, path: str, body: bytes) -> bool:
    """Whether there is an object of that path, with these bytes."""
    return path in set(bench.keys()) and bench.body(path) == body


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
            eventually(lambda: bool(refusal(fresh)))
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
