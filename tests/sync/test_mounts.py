"""What is mounted in a home is listed, and not saved; what is not there one day is not deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.disks import bound, mounted, overlaid
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, opened

from wherobots_storage.sync import mounts
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.mounts import mounts_below

OTHER = "other-filesystem"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder of the same disk, with files."""
    folder = tmp_path / "shared"
    folder.mkdir()
    for number in range(20):
        (folder / f"f{number}").write_bytes(b"%d" % number)
    return folder


def mount_id(path: Path) -> str:
    """The kernel's number for what a path is mounted from."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        facts = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
    finally:
        os.close(descriptor)
    return dict(line.split(":", 1) for line in facts.splitlines())["mnt_id"].strip()


def test_mounts_are_read_from_the_kernel_s_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Places below the home, with odd characters; not the home's own, nor one that is covered."""
    home = tmp_path / "home"
    for name in ("a", "b c/d\\e", "covered"):
        (home / name).mkdir(parents=True)
    number = mount_id(home)
    lines = [
        f"{number} 1 8:1 / {home} rw - ext4 /dev/sda rw",
        f"{number} 1 8:1 / {home}/a rw shared:1 - ext4 /dev/sda rw",
        f"{number} 1 8:1 / {home}/b\\040c/d\\134e rw - ext4 /dev/sda rw",
        f"{number}9 1 8:1 / {home}/covered rw - ext4 /dev/sda rw",
        f"{number} 1 8:1 / {home}-else/x rw - ext4 /dev/sda rw",
        f"{number} 1 8:1 / {home}/gone rw - nfs server:/ rw",
    ]
    listed = tmp_path / "mountinfo"
    listed.write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.setattr(mounts, "MOUNTINFO", listed)
    assert mounts_below(home) == {"a", "b c/d\\e", "gone"}
    monkeypatch.setattr(mounts, "MOUNTINFO", tmp_path / "none")
    assert mounts_below(home) == frozenset()


def test_a_folder_of_the_same_disk_that_is_not_mounted_has_lost_nothing(
    bench: Bench, shared: Path
) -> None:
    """A volume's subPath is listed as any other mount; without it nothing is deleted."""
    bench.write("own", b"own", mtime_ns=OLD)
    with bound(shared, bench.home / "shared"):
        assert codes(bench.sync()) == {"shared/": OTHER}
        assert bench.keys() == ["own"]
        with opened(bench) as (session, _):
            session.cycle(Cancel())
            session.hinted(Cancel(), Focus(frozenset({"", "shared/"}), frozenset({"shared/"})))
        assert bench.keys() == ["own"]
        assert codes(bench.restore()) == {}  # the bucket has nothing there
    bench.sync()
    assert set(bench.keys()) - {"shared/"} == {"own"}


def test_what_was_saved_before_something_was_mounted_there_stays(
    bench: Bench, shared: Path
) -> None:
    """A folder that was saved, and is a mount since, is forgotten: bare, it has lost nothing."""
    for number in range(20):
        bench.write(f"shared/f{number}", b"%d" % number, mtime_ns=OLD)
    bench.write("own", b"own", mtime_ns=OLD)
    bench.sync()
    with bound(shared, bench.home / "shared"):
        assert codes(bench.sync()) == {"shared/": OTHER}
    for number in range(20):
        (bench.home / f"shared/f{number}").unlink()
    bench.sync()
    assert {f"shared/f{number}" for number in range(20)} < set(bench.keys())


def test_a_mounted_file_is_not_taken_for_the_one_below_it(bench: Bench, tmp_path: Path) -> None:
    """A single file that is mounted (a ConfigMap's) is listed; the bare one goes over nothing."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"of the cluster")
    bench.write("config", b"mine", mtime_ns=OLD)
    bench.sync()
    with bound(secret, bench.home / "config"):
        assert codes(bench.sync()) == {"config": OTHER}
        assert bench.body("config") == b"mine"
    assert bench.sync().complete
    assert bench.keys() == ["config"]


def test_a_home_on_an_overlay_of_two_disks_is_saved_and_restored(tmp_path: Path) -> None:
    """Files of its layers have other device numbers than their folder, and are saved."""
    with (
        mounted(tmp_path / "lower", "size=4m") as lower,
        mounted(tmp_path / "upper", "size=4m") as upper,
    ):
        (lower / "from-image").write_bytes(b"image")
        bench = Bench(tmp_path, FaultyStore())
        with overlaid(lower, upper, bench.home):
            bench.write("d/mine", b"mine", mtime_ns=OLD)
            bench.store.put(f"{PREFIX}theirs", b"theirs")
            assert bench.sync().complete
            assert bench.keys() == ["d/mine", "from-image", "theirs"]
            assert bench.restore().complete
            assert (bench.home / "theirs").read_bytes() == b"theirs"
            (bench.home / "from-image").unlink()
            assert bench.sync().complete
            assert bench.keys() == ["d/mine", "theirs"]
