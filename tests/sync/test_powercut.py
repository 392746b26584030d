"""A power cut leaves empty, short and old files, and none: nobody wrote or deleted them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.agents import ThreadAgent, eventually, running_agent
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, environment_of, opened

from wherobots_storage.cli import main
from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.planning.format import file_metadata
from wherobots_storage.sync import powercut
from wherobots_storage.sync.intents import Intent, Intents
from wherobots_storage.sync.once import Outcome
from wherobots_storage.sync.powercut import WINDOW_SECONDS

WORK = b"an hour's work" * 50


class Machine:
    """What tells one boot of the machine from the next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._boots = 0
        self.reboot()

    def reboot(self) -> None:
        """It is another boot from now on."""
        self._boots += 1
        self._path.write_text(f"boot-{self._boots}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine that can be rebooted."""
    path = tmp_path / "boot_id"
    monkeypatch.setattr(powercut, "BOOT_ID", path)
    return Machine(path)


@pytest.fixture
def bench(tmp_path: Path, machine: Machine) -> Bench:
    """A home with a saved notebook and something else, on that machine."""
    del machine
    bench = Bench(tmp_path, FaultyStore())
    bench.write("notebook.ipynb", WORK, mtime_ns=OLD)
    bench.write("other", b"other", mtime_ns=OLD)
    assert bench.sync().complete
    return bench


def alter_rows(bench: Bench, what: str, *values: object) -> None:
    """Change the journal's rows: a test cannot set the times that a file's inode has."""
    (journal,) = bench.state.rglob("journal.sqlite")
    with closing(sqlite3.connect(journal)) as db:
        db.execute(f"UPDATE entries SET {what}", values)  # noqa: S608
        db.commit()


def left_as(bench: Bench, body: bytes, *, same_times: bool = True) -> None:
    """The notebook is on the disk with other bytes, which nobody wrote after it was saved."""
    file = bench.home / "notebook.ipynb"
    with file.open("r+b") as opened:
        opened.truncate(len(body))
        opened.write(body)
    mtime_ns = OLD if same_times else OLD - 10**9
    os.utime(file, ns=(mtime_ns, mtime_ns))
    alter_rows(bench, "ctime_ns = ? WHERE path = 'notebook.ipynb'", file.stat().st_ctime_ns)


def trashed(bench: Bench) -> list[bytes]:
    """What of the notebook is in the trash."""
    return [file.read_bytes() for file in bench.home.glob(".wherobots/trash/*/notebook.ipynb")]


def assert_saved(bench: Bench) -> None:
    """The notebook is whole, here and in the bucket, and nothing was made of it beside."""
    assert (bench.home / "notebook.ipynb").read_bytes() == WORK
    assert bench.sync().complete
    assert bench.body("notebook.ipynb") == WORK
    assert bench.keys() == ["notebook.ipynb", "other"]


@pytest.mark.parametrize("body", [b"", WORK[:100]], ids=["empty", "short"])
@pytest.mark.parametrize("reboots", [True, False])
def test_a_file_that_lost_bytes_is_restored(
    bench: Bench, machine: Machine, body: bytes, *, reboots: bool
) -> None:
    """What is left of it goes to the trash; also where only a snapshot of the disk came back."""
    left_as(bench, body)
    if reboots:
        machine.reboot()
    bench.restore()
    assert trashed(bench) == [body]
    assert_saved(bench)


@pytest.mark.parametrize("body", [bytes(len(WORK)), b"the version before"], ids=["zeros", "old"])
def test_other_bytes_that_nobody_wrote_are_found_after_a_reboot(
    bench: Bench, machine: Machine, body: bytes
) -> None:
    """Zeros in the place of the bytes, and an older version, do not go over the saved one."""
    left_as(bench, body, same_times=len(body) == len(WORK))
    machine.reboot()
    bench.restore()
    assert trashed(bench) == [body]
    assert_saved(bench)


def test_a_sync_without_a_restore_uploads_nothing_of_it(bench: Bench, machine: Machine) -> None:
    """After a reboot a single sync leaves the saved version, and a restore brings it."""
    left_as(bench, b"")
    machine.reboot()
    bench.sync()
    assert bench.body("notebook.ipynb") == WORK
    bench.restore()
    assert_saved(bench)


def test_a_new_file_that_did_not_reach_the_disk_was_not_deleted(
    bench: Bench, machine: Machine
) -> None:
    """A name that is gone after a reboot, and was saved shortly before, comes back."""
    (bench.home / "notebook.ipynb").unlink()
    machine.reboot()
    bench.restore()
    assert_saved(bench)


def test_a_row_that_is_dated_ahead_hides_no_other(bench: Bench, machine: Machine) -> None:
    """Files that were saved after a clock was set back are the latest, whatever older rows say."""
    left_as(bench, b"")
    alter_rows(bench, "time = time + 90000 WHERE path = 'other'")
    machine.reboot()
    bench.restore()
    assert trashed(bench) == [b""]
    assert_saved(bench)


def test_a_new_link_that_did_not_reach_the_disk_was_not_deleted(
    bench: Bench, machine: Machine
) -> None:
    """It comes back like a file; one whose deletion was synced does not."""
    for name in ("kept", "deleted"):
        (bench.home / name).symlink_to("notebook.ipynb")
    bench.sync()
    (bench.home / "deleted").unlink()
    bench.sync()
    (bench.home / "kept").unlink()
    machine.reboot()
    bench.restore()
    assert (bench.home / "kept").readlink() == Path("notebook.ipynb")
    bench.sync()
    assert bench.keys() == ["kept", "notebook.ipynb", "other"]


@pytest.mark.parametrize("reboots", [True, False])
def test_what_was_edited_and_deleted_is_believed(
    bench: Bench, machine: Machine, *, reboots: bool
) -> None:
    """An edit before the reboot, an emptied file too, and the deletion of an older one, count."""
    alter_rows(bench, "time = time - ? WHERE path = 'other'", 2 * WINDOW_SECONDS)
    (bench.home / "other").unlink()
    (bench.home / "notebook.ipynb").write_bytes(b"")
    if reboots:
        machine.reboot()
    bench.restore()
    assert bench.sync().complete
    assert bench.keys() == ["notebook.ipynb"]
    assert bench.body("notebook.ipynb") == b""


def test_a_deletion_without_a_reboot_is_one(bench: Bench) -> None:
    """Who deletes a file and restarts the server has deleted it."""
    (bench.home / "notebook.ipynb").unlink()
    bench.restore()
    bench.sync()
    assert bench.keys() == ["other"]


@pytest.mark.parametrize("reboots", [True, False])
def test_an_object_whose_row_was_lost_with_its_files_bytes_is_kept(
    bench: Bench, machine: Machine, *, reboots: bool
) -> None:
    """Noted, put, and cut off: what is left of the file is no edit of what had arrived.

    After a kill, with the machine still there, it is one.
    """
    digest = hashlib.sha256(WORK).hexdigest()
    with opened(bench) as (session, _):
        session.home()
        Intents(session.mirror, session.journal).note([Intent("new", digest, is_new=True)])
        bench.store.put(f"{PREFIX}new", WORK, metadata=file_metadata(OLD, 0o644, digest))
    bench.write("new", WORK[:30])
    if reboots:
        machine.reboot()
    bench.restore()
    bench.sync()
    assert bench.body("new") == WORK[:30]
    assert [bench.body(key) for key in bench.kept("new")] == [WORK] * reboots


def broken(outcome: Outcome) -> dict[str, str]:
    """What is listed as broken by a power cut, with the reasons."""
    found = [notice for notice in outcome.status.skipped if notice.code == "power-cut"]
    assert {notice.during for notice in found} <= {"restore"}
    return {notice.path: notice.reason for notice in found}


def test_it_is_listed_until_it_is_whole_again(bench: Bench, machine: Machine) -> None:
    """Each sync says what a power cut broke and where the rest of it is, until a restore."""
    left_as(bench, b"half")
    (bench.home / "other").unlink()
    machine.reboot()
    for _ in range(2):
        listed = broken(bench.sync())
        assert set(listed) == {"notebook.ipynb", "other"}
        (trash,) = bench.home.glob(".wherobots/trash/*")
        assert f"is in .wherobots/trash/{trash.name}/." in listed["notebook.ipynb"]
        assert "wherobots-storage restore" in listed["notebook.ipynb"]
        assert "Nothing is left of it here" in listed["other"]
    outcome = bench.restore()
    assert broken(outcome) == {}
    assert outcome.status.skipped_total == 0
    assert_saved(bench)


def test_it_is_listed_while_only_the_trash_has_something(bench: Bench, machine: Machine) -> None:
    """Where the bucket has lost it too, the list says so until somebody took it from the trash."""
    left_as(bench, b"half")
    machine.reboot()
    bench.store.delete(f"{PREFIX}notebook.ipynb")
    assert set(broken(bench.restore())) == {"notebook.ipynb"}
    assert set(broken(bench.sync())) == {"notebook.ipynb"}
    (copy,) = bench.home.glob(".wherobots/trash/*/notebook.ipynb")
    copy.rename(bench.home / "notebook.ipynb")
    assert broken(bench.sync()) == {}
    assert bench.body("notebook.ipynb") == b"half"


def test_an_agent_says_it_while_the_store_is_away(
    bench: Bench,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The status of an agent that cannot restore yet has it, and no more when it could.

    The command line tells it with ``status --json`` and in words.
    """
    for name, value in environment_of(bench.settings).items():
        monkeypatch.setenv(name, value)
    left_as(bench, b"")
    machine.reboot()
    store = bench.store
    assert isinstance(store, FaultyStore)

    def away(_name: str, _key: str) -> None:
        raise StoreUnavailable("It is away.")

    def listed(agent: ThreadAgent) -> set[str]:
        status = agent.status
        return {notice.code for notice in status.skipped} if status is not None else {"?"}

    store.before = away
    with running_agent(bench.settings, store) as agent:
        eventually(lambda: listed(agent) == {"power-cut"})
        assert main(["status", "--json"]) == 3
        told = json.loads(capsys.readouterr().out)
        (notice,) = told["skipped"]
        assert (notice["path"], notice["code"], notice["during"]) == (
            "notebook.ipynb",
            "power-cut",
            "restore",
        )
        assert told["skippedTotal"] == 1
        assert main(["status"]) == 3
        assert notice["reason"] in capsys.readouterr().out
        store.heal()
        eventually(lambda: listed(agent) == set())
    assert_saved(bench)


def test_what_cannot_be_put_aside_is_kept_beside(bench: Bench, machine: Machine) -> None:
    """With a file in the trash's place both versions are in the bucket in the end."""
    left_as(bench, b"half")
    machine.reboot()
    (bench.home / ".wherobots/trash").write_bytes(b"")
    bench.restore()
    bench.sync()
    saved = {bench.body(key) for key in bench.keys()}  # noqa: SIM118  # no mapping
    assert saved >= {WORK, b"half"}


def test_an_empty_file_that_nobody_knows_gives_way(tmp_path: Path) -> None:
    """What a power cut left of a restore whose rows it took too is no version of its own."""
    bench = Bench(tmp_path, FaultyStore())
    bench.store.put(f"{PREFIX}notebook.ipynb", WORK)
    bench.store.put(f"{PREFIX}other", b"")
    bench.write("notebook.ipynb", b"")
    bench.write("other", b"mine")
    bench.restore()
    assert (bench.home / "notebook.ipynb").read_bytes() == WORK
    assert trashed(bench) == [b""]
    assert (bench.home / "other").read_bytes() == b"mine"
    bench.sync()
    assert bench.body("other") == b"mine"


def bodies(bench: Bench) -> dict[str, bytes]:
    """All of the bucket."""
    keys = bench.keys()
    return {key: bench.body(key) for key in keys}


@contextmanager
def disk(image: Path, folder: Path) -> Iterator[None]:
    """An image's file system at a folder; only root may."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("only root may mount a disk's image")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def saves(bench: Bench) -> None:
    """A notebook is saved, as an editor does that does not wait for the disk."""
    bench.write("notebook.ipynb", WORK)
    assert bench.sync().complete


def restores(bench: Bench) -> None:
    """A home is restored."""
    bench.store.put(f"{PREFIX}notebook.ipynb", WORK)
    for number in range(50):
        bench.store.put(f"{PREFIX}f{number:02}", b"precious %d" % number * 50)
    assert bench.restore().complete


@pytest.mark.parametrize("fs", ["ext4", "xfs"])
@pytest.mark.parametrize("happens", [saves, restores])
def test_the_power_fails(
    tmp_path: Path, machine: Machine, fs: str, happens: Callable[[Bench], None]
) -> None:
    """On a real file system, whatever it leaves of them, nothing that was saved is lost."""
    image, cut = tmp_path / "image", tmp_path / "cut"
    with image.open("wb") as file:
        file.truncate(320 * 1024**2)  # as small as XFS may be
    maker = shutil.which(f"mkfs.{fs}", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if maker is None:
        pytest.skip(f"there is no mkfs.{fs}")
    subprocess.run([maker, "-q", image], check=True, capture_output=True)
    folder = tmp_path / "disk"
    with disk(image, folder):
        bench = Bench(folder, FaultyStore())
        os.sync()
        happens(bench)
        saved = bodies(bench)
        shutil.copyfile(image, cut)  # what the disk has at this instant
    machine.reboot()
    with disk(cut, folder):
        bench.restore()
        assert bench.sync().complete
        assert bodies(bench) == saved
        assert {path: (bench.home / path).read_bytes() for path in saved} == saved
