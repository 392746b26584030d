"""A home that takes some files or none: what is in it is saved all the same."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest
from support.agents import ThreadAgent, eventually, running_agent
from support.disks import mounted
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes

LARGE = os.urandom(9 * 1024**2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the home refuses is given up, and tried again, sooner."""
    monkeypatch.setattr("wherobots_storage.sync.controller.RESTORES", 2)
    monkeypatch.setattr("wherobots_storage.sync.work.MISSING_FIRST", 0.5)


def listed(agent: ThreadAgent) -> set[str]:
    """The codes that the agent lists."""
    status = agent.status
    return {notice.code for notice in status.skipped} if status is not None else set()


@pytest.mark.parametrize("how", ["file", "link", "closed"])
def test_no_temporary_files(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What needs one is listed with the reason, all else is restored, and everything is saved."""
    work = bench.home / ".wherobots"
    if how == "file":
        work.write_bytes(b"")
    elif how == "link":
        work.symlink_to(tmp_path)
    else:
        real = Path.mkdir

        def mkdir(path: Path, mode: int = 0o777, **options: bool) -> None:
            if path == work:
                raise PermissionError(errno.EACCES, "Permission denied")
            real(path, mode, **options)

        monkeypatch.setattr(Path, "mkdir", mkdir)
    bench.write("known", b"before", mtime_ns=OLD)
    bench.write("gone", mtime_ns=OLD)
    bench.sync()
    bench.store.put(f"{PREFIX}large", LARGE)
    bench.store.put(f"{PREFIX}small", b"small")
    bench.store.put(f"{PREFIX}known", b"newer there")
    bench.store.delete(f"{PREFIX}gone")
    bench.write("mine", b"new work")
    with running_agent(bench.settings, bench.store) as agent:
        eventually(lambda: "mine" in bench.keys())  # noqa: SIM118  # no mapping
        eventually(lambda: {"not-restored", "not-trashed"} <= listed(agent))
        assert agent.status is not None
        reasons = {notice.path: notice.reason for notice in agent.status.skipped}
        assert ".wherobots of the home cannot be used" in reasons["large"]
    assert (bench.home / "small").read_bytes() == b"small"
    assert (bench.home / "known").read_bytes() == b"before"
    assert (bench.home / "gone").exists()
    assert bench.body("gone") == b"x"
    assert bench.body("large") == LARGE
    assert bench.body("known") == b"newer there"


def test_it_comes_when_the_folder_can_be_used(bench: Bench) -> None:
    """What was not restored counts as deleted by nobody, and comes with the next restore."""
    (bench.home / ".wherobots").write_bytes(b"")
    bench.store.put(f"{PREFIX}large", LARGE)
    assert codes(bench.restore()) == {"large": "not-restored"}
    assert bench.sync().complete
    assert bench.keys() == ["large"]
    (bench.home / ".wherobots").unlink()
    assert bench.restore().complete
    assert (bench.home / "large").read_bytes() == LARGE


def test_a_trash_that_is_none(bench: Bench) -> None:
    """A file in the trash's place keeps nothing waiting; what should go there stays, listed.

    The bucket has nothing of it: the next sync saves it again, and is complete when it has.
    """
    for name in ("a", "b"):
        bench.write(name, mtime_ns=OLD)
    bench.sync()
    (bench.home / ".wherobots").mkdir(exist_ok=True)
    (bench.home / ".wherobots/trash").write_bytes(b"")
    bench.store.delete(f"{PREFIX}a")
    assert codes(bench.restore())["a"] == "not-trashed"
    assert (bench.home / "a").exists()
    assert bench.sync().complete
    assert bench.keys() == ["a", "b"]


def test_a_disk_that_is_read_only(bench: Bench, store: FaultyStore) -> None:
    """What is on it is saved, the restore is listed as refused, and goes on when it can be."""
    with mounted(bench.home, "size=1m") as disk:
        bench.write("saved", mtime_ns=OLD)
        bench.sync()
        bench.store.put(f"{PREFIX}missing", b"of another instance")
        bench.write("mine", b"new work")
        remount(disk, "ro")
        with running_agent(bench.settings, store) as agent:
            eventually(lambda: "mine" in bench.keys())  # noqa: SIM118  # no mapping
            eventually(lambda: "restore-refused" in listed(agent))
            assert bench.keys() == ["mine", "missing", "saved"]
            remount(disk, "rw")
            eventually((bench.home / "missing").exists)
            eventually(lambda: "restore-refused" not in listed(agent))
        assert bench.keys() == ["mine", "missing", "saved"]


def remount(disk: Path, how: str) -> None:
    """Make a mounted disk read-only, or writable again."""
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
