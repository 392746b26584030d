"""What deletes nothing and what is only listed, against a real SeaweedFS."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from support.disks import mounted
from support.homes import OLD, PREFIX, Bench, codes, everything, keys_below

from wherobots_storage.errors import HomeMissing
from wherobots_storage.objectstore.s3 import S3Store

pytestmark = pytest.mark.store


@pytest.fixture
def bench(tmp_path: Path, s3_store: S3Store) -> Bench:
    """A home that is saved."""
    return Bench(tmp_path, s3_store)


def numbered(bench: Bench, count: int) -> list[Path]:
    """So many files, each with bytes of its own, saved."""
    made = [bench.write(f"f{n:02}", b"%d" % n, mtime_ns=OLD) for n in range(count)]
    assert bench.sync().complete
    return made


def test_emptied_home(bench: Bench) -> None:
    """All objects stay until the deletions are accepted; then all go."""
    for file in numbered(bench, 3):
        file.unlink()
    assert bench.sync().status.state == "vetoed"
    assert len(bench.keys()) == 3
    assert bench.sync(everything).complete
    assert bench.keys() == []


def test_encrypted_home(bench: Bench) -> None:
    """More than half replaced by other bytes under other names: both are kept until accepted."""
    every = numbered(bench, 60)
    for file in every[:40]:
        file.unlink()
        bench.write(f"{file.name}.encrypted", b"garbage" + file.name.encode())
    outcome = bench.sync()
    assert outcome.status.held is not None
    assert (outcome.status.held.code, outcome.status.held.files) == ("half-gone", 40)
    assert len(bench.keys()) == 100
    assert bench.sync(everything).complete
    assert len(bench.keys()) == 60


def test_renamed_home(bench: Bench) -> None:
    """All files in another folder are the same files, and need no answer."""
    every = numbered(bench, 60)
    (bench.home / "moved").mkdir()
    for file in every:
        file.rename(bench.home / "moved" / file.name)
    assert bench.sync().complete
    assert bench.keys() == [f"moved/{file.name}" for file in every]


def test_missing_home(bench: Bench) -> None:
    """A home that is not there is an error, and one that came back has lost nothing."""
    numbered(bench, 3)
    bench.home.rename(bench.home.with_name("away"))
    with pytest.raises(HomeMissing):
        bench.sync()
    bench.home.with_name("away").rename(bench.home)
    assert bench.sync().complete
    assert len(bench.keys()) == 3


def test_mostly_emptied_mirror(bench: Bench, s3_store: S3Store) -> None:
    """A mirror that lost more than half, with others' objects beside, trashes nothing."""
    every = numbered(bench, 60)
    for file in every[:40]:
        s3_store.delete(f"{PREFIX}{file.name}")
    for number in range(40):
        s3_store.put(f"{PREFIX}other{number:02}", b"x")
    assert bench.restore().status.veto is not None
    assert all(file.exists() for file in every)
    assert bench.sync().complete
    assert len(bench.keys()) == 100


def test_special_files(bench: Bench, s3_store: S3Store) -> None:
    """FIFOs, sockets, names that are no UTF-8 and over-long keys are listed; the rest is saved."""
    bench.write("good")
    os.mkfifo(bench.home / "pipe")
    (bench.home / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    bench.write("/".join(["x" * 200] * 5))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(bench.home / "sock"))
        outcome = bench.sync()
    found = codes(outcome)
    assert {found.pop("pipe"), found.pop("sock"), found.pop("caf?")} == {
        "fifo",
        "socket",
        "not-utf8",
    }
    assert list(found.values()) == ["key-too-long"]
    assert [key for key in keys_below(s3_store, PREFIX) if not key.endswith("/")] == ["good"]


def test_special_file_in_a_saved_ones_place(bench: Bench) -> None:
    """A saved file whose name a FIFO took keeps its object: it cannot be read, not: it is gone."""
    file = numbered(bench, 3)[0]
    file.unlink()
    os.mkfifo(file)
    assert codes(bench.sync()) == {"f00": "fifo"}
    assert len(bench.keys()) == 3


def test_another_file_system(bench: Bench) -> None:
    """What is mounted in the home is listed, and what was saved there before stays."""
    bench.write("disk/saved")
    bench.write("good")
    bench.sync()
    with mounted(bench.home / "disk", "size=1m"):
        bench.write("disk/here")
        assert codes(bench.sync()) == {"disk/": "other-filesystem"}
    assert bench.sync().complete
    assert bench.keys() == ["disk/saved", "good"]


def test_links_that_lead_to_themselves(bench: Bench, tmp_path: Path, s3_store: S3Store) -> None:
    """They are saved as links, also in the place of a folder whose objects go."""
    bench.write("a/x")
    bench.write("other")
    bench.sync()
    (bench.home / "a/x").unlink()
    (bench.home / "a").rmdir()
    (bench.home / "a").symlink_to("a")
    assert bench.sync().complete
    assert bench.keys() == ["a", "other"]
    second = Bench(tmp_path, s3_store, "second")
    assert second.restore().complete
    assert (second.home / "a").readlink() == Path("a")
