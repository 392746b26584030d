"""Restores from a store in memory into real folders."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.agents import eventually
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, picture

from wherobots_storage.errors import (
    DiskFull,
    InvalidConfiguration,
    LocalIOError,
    SlowDown,
    StoreUnavailable,
)
from wherobots_storage.objectstore.memory_body import MemoryBody
from wherobots_storage.sync.downloads import Downloader
from wherobots_storage.sync.install import Installer

LARGE = 9 * 1024**2


@pytest.fixture
def first(tmp_path: Path, store: FaultyStore) -> Bench:
    """The home that is saved."""
    return Bench(tmp_path, store, "first")


@pytest.fixture
def second(tmp_path: Path, store: FaultyStore) -> Bench:
    """The home that it is restored into."""
    return Bench(tmp_path, store, "second")


def fill(bench: Bench) -> None:
    """A home with a bit of everything."""
    bench.write("plain.txt", b"hello", mtime_ns=OLD)
    bench.write("a-b", b"", mtime_ns=-1)
    bench.write("a.txt", mtime_ns=OLD)
    bench.write("a/b", mtime_ns=OLD)
    bench.write("odd names/100% #?+&'\"äöü 名 🙂 .txt", mtime_ns=OLD)
    bench.write("odd names/new\nline\tand tab", mtime_ns=OLD)
    bench.write("odd names/back\\slash", mtime_ns=OLD)
    bench.write("bin/run", b"#!/bin/sh\n", mtime_ns=OLD).chmod(0o755)
    bench.write("secret", mtime_ns=OLD).chmod(0o400)
    bench.write("big", os.urandom(LARGE), mtime_ns=OLD)
    bench.write("locked/in/x", mtime_ns=OLD)
    (bench.home / "empty/inner").mkdir(parents=True)
    (bench.home / "private").mkdir(mode=0o700)
    (bench.home / "link").symlink_to("a/b")
    (bench.home / "a/up").symlink_to("../plain.txt")
    os.utime(bench.home / "link", ns=(OLD, OLD), follow_symlinks=False)
    (bench.home / "locked/in").chmod(0o555)
    (bench.home / "locked").chmod(0o555)


def test_round_trip(first: Bench, second: Bench) -> None:
    """A home comes back byte for byte, with modes, times, links and empty folders."""
    fill(first)
    assert first.sync().complete
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)
    assert not (second.home / ".wherobots/tmp").exists()


def test_sync_after_a_restore_sends_nothing(
    first: Bench, second: Bench, store: FaultyStore
) -> None:
    """What was restored is journaled, so that the next sync has nothing to do."""
    fill(first)
    first.sync()
    second.restore()
    store.calls.clear()
    assert second.sync().complete
    sent = [call for call in store.calls if "/probe/" not in str(call[1])]
    assert sent == []


def test_restore_again_does_nothing(first: Bench, second: Bench, store: FaultyStore) -> None:
    """A second restore only lists."""
    fill(first)
    first.sync()
    second.restore()
    store.calls.clear()
    assert second.restore().complete
    assert {name for name, _ in store.calls} == {"list_page"}


def test_home_is_made(first: Bench, second: Bench) -> None:
    """A restore makes a home that is not there."""
    first.write("a")
    first.sync()
    second.home.rmdir()
    assert second.restore().complete
    assert (second.home / "a").exists()


def test_root_directory_is_refused(second: Bench) -> None:
    """``/`` is never restored into."""
    object.__setattr__(second.settings, "home", Path("/"))
    with pytest.raises(InvalidConfiguration):
        second.restore()


def test_emptied_home_is_a_new_instance(first: Bench) -> None:
    """A home that is empty at the start is restored whole; nothing counts as deleted."""
    fill(first)
    first.sync()
    before = picture(first.home)
    subprocess.run(["rm", "-rf", *first.home.iterdir()], check=True)
    assert first.restore().complete
    assert picture(first.home) == before
    assert first.sync().complete
    assert len(first.keys()) > 10


def test_local_files_are_never_overwritten(first: Bench, second: Bench, store: FaultyStore) -> None:
    """A local file that the journal does not prove unchanged stays, and the conflict is told."""
    first.write("same", b"same", mtime_ns=OLD)
    first.write("size", b"theirs longer", mtime_ns=OLD)
    first.write("bytes", b"theirs", mtime_ns=OLD)
    first.sync()
    second.write("same", b"same")
    second.write("size", b"mine")
    second.write("bytes", b"mine!!")
    outcome = second.restore()
    assert codes(outcome) == {"size": "conflict", "bytes": "conflict"}
    assert (second.home / "bytes").read_bytes() == b"mine!!"
    for name, theirs in {"size": b"theirs longer", "bytes": b"theirs"}.items():
        (copy,) = second.home.glob(f"{name} (conflict *")
        assert copy.read_bytes() == theirs
    assert store.count("put", "conflict") == 0


def test_name_taken_while_downloading(first: Bench, second: Bench, store: FaultyStore) -> None:
    """A file that a user makes while its namesake is downloaded keeps its name."""
    first.write("a", b"theirs")
    first.sync()

    def meddle(name: str, _key: str) -> None:
        if name == "get":
            second.write("a", b"mine")

    store.before = meddle
    assert codes(second.restore()) == {"a": "conflict"}
    assert (second.home / "a").read_bytes() == b"mine"


def test_unchanged_file_takes_the_remote(first: Bench, second: Bench) -> None:
    """A saved, unchanged local file is replaced by the newer version of the bucket."""
    first.write("a", b"one", mtime_ns=OLD)
    first.sync()
    second.restore()
    second.write("a", b"two")
    second.sync()
    assert first.restore().complete
    assert (first.home / "a").read_bytes() == b"two"


def test_touched_file_takes_the_remote(first: Bench, second: Bench) -> None:
    """A file whose times moved, but not its bytes, is proven unchanged by its hash."""
    first.write("a", b"one", mtime_ns=OLD)
    first.sync()
    second.restore()
    second.write("a", b"two")
    second.sync()
    os.utime(first.home / "a")
    assert first.restore().complete
    assert (first.home / "a").read_bytes() == b"two"


def test_file_changed_during_the_download_is_not_replaced(
    first: Bench, second: Bench, store: FaultyStore
) -> None:
    """A local file that changes while the newer version arrives is kept."""
    first.write("a", b"one", mtime_ns=OLD)
    first.sync()
    second.restore()
    second.write("a", b"two")
    second.sync()

    def meddle(name: str, _key: str) -> None:
        if name == "get":
            first.write("a", b"mine")

    store.before = meddle
    assert codes(first.restore()) == {"a": "conflict"}
    assert (first.home / "a").read_bytes() == b"mine"


def test_vanished_object_moves_the_file_to_the_trash(first: Bench, store: FaultyStore) -> None:
    """What was deleted elsewhere goes to the trash when it is unchanged here, never away."""
    first.write("gone", b"g", mtime_ns=OLD)
    first.write("edited", b"e", mtime_ns=OLD)
    first.write("stays", b"s", mtime_ns=OLD)
    first.sync()
    store.delete(f"{PREFIX}gone")
    store.delete(f"{PREFIX}edited")
    first.write("edited", b"mine")
    assert first.restore().complete
    assert not (first.home / "gone").exists()
    (trashed,) = (first.home / ".wherobots/trash").glob("*/gone")
    assert trashed.read_bytes() == b"g"
    assert first.sync().complete
    assert first.keys() == ["edited", "stays"]


def test_emptied_mirror_trashes_nothing(first: Bench, store: FaultyStore) -> None:
    """An emptied bucket leaves the home as it is, and is filled again."""
    for number in range(4):
        first.write(f"f{number}", mtime_ns=OLD)
    first.sync()
    for number in range(4):
        key = f"f{number}"
        store.delete(PREFIX + key)
    outcome = first.restore()
    assert "mirror-emptied" in codes(outcome).values()
    assert len(picture(first.home)) == 4
    first.sync()
    assert len(first.keys()) == 4


def test_file_deleted_while_down_is_deleted_at_the_next_sync(first: Bench) -> None:
    """A deletion made between two runs is not undone by the restore."""
    first.write("a")
    first.write("b")
    first.sync()
    (first.home / "a").unlink()
    first.restore()
    assert not (first.home / "a").exists()
    assert first.sync().complete
    assert first.keys() == ["b"]


def test_foreign_objects_become_files(second: Bench, store: FaultyStore) -> None:
    """Objects without our metadata: mode 0644 less the umask, time from LastModified."""
    store.put(f"{PREFIX}sub/theirs", b"t")
    modified = store.head(f"{PREFIX}sub/theirs").last_modified
    assert second.restore().complete
    facts = (second.home / "sub/theirs").stat()
    assert stat.S_IMODE(facts.st_mode) == 0o644
    assert facts.st_mtime == pytest.approx(modified, abs=1)


@pytest.mark.parametrize("mtime", ["99999999999.0", "-99999999999.0"])
def test_times_out_of_all_bounds_hold_nothing_up(
    first: Bench, second: Bench, store: FaultyStore, mtime: str
) -> None:
    """A foreign time that no journal can hold is no failure, of a new file or of an equal one."""
    metadata = {"mtime": mtime, "mode": "644", "sha256": hashlib.sha256(b"same").hexdigest()}
    store.put(f"{PREFIX}a", b"same", metadata=metadata)
    first.write("a", b"same", mtime_ns=OLD)
    for bench in (first, second):
        assert bench.restore().complete
        assert (bench.home / "a").read_bytes() == b"same"
        assert bench.sync().complete
    assert first.keys() == ["a"]


def test_keys_that_cannot_be_files_are_refused_one_by_one(
    second: Bench, store: FaultyStore
) -> None:
    """Odd keys are listed with their reason, and hold nothing else up."""
    keys = ["a", "a/b", "c//d", "x" * 300, ".wherobots/lease.json", "good"]
    for key in keys:
        store.put(PREFIX + key, b"x")
    outcome = second.restore()
    assert codes(outcome) == {
        "a": "file-and-folder",
        "c//d": "empty-segment",
        "x" * 300: "name-too-long",
    }
    assert {notice.during for notice in outcome.status.skipped} == {"restore"}
    assert sorted(picture(second.home)) == ["a", "a/b", "good"]


def test_nothing_is_written_through_a_link(
    second: Bench, store: FaultyStore, tmp_path: Path
) -> None:
    """A local link where the mirror has a folder is not followed out of the home."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (second.home / "d").symlink_to(outside)
    store.put(f"{PREFIX}d/x", b"x")
    assert codes(second.restore()) == {"d/x": "parent-not-folder"}
    assert list(outside.iterdir()) == []


def test_links_out_of_the_home_are_not_made(first: Bench, second: Bench) -> None:
    """A saved link that points out of the home is listed, not restored."""
    (first.home / "out").symlink_to("/etc/passwd")
    (first.home / "up").symlink_to("../x")
    (first.home / "in").symlink_to("up")
    first.sync()
    assert codes(second.restore()) == {"out": "link-outside", "up": "link-outside"}
    assert list(picture(second.home)) == ["in"]


def test_corrupt_object_is_not_installed(second: Bench, store: FaultyStore) -> None:
    """Bytes that are not what the metadata says do not become a file."""
    store.put(f"{PREFIX}a", b"damaged", metadata={"sha256": "0" * 64})
    outcome = second.restore()
    assert codes(outcome) == {"a": "store-unavailable"}
    assert picture(second.home) == {}


def test_full_disk_stops_clearly_and_goes_on_later(
    first: Bench, second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is one clear error; what is there stays, and a re-run brings the rest."""
    for number in range(30):
        first.write(f"f{number:02}", b"x" * 100, mtime_ns=OLD)
    first.sync()
    real = os.open
    opened = [0]

    def full(path: str, flags: int, *rest: int, **more: int) -> int:
        if flags & os.O_EXCL or flags & os.O_TMPFILE == os.O_TMPFILE:
            opened[0] += 1
            if opened[0] > 10:
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        with pytest.raises(DiskFull, match="Make room"):
            second.restore()
    assert not (second.home / ".wherobots/tmp").exists()
    # What had its name by then; a file that was only written is as good as not there.
    kept = picture(second.home)
    assert len(kept) <= 10
    assert kept.items() <= picture(first.home).items()
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root may mount a small disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_really_full_disk(first: Bench, second: Bench, small_disk: Path) -> None:
    """On a real disk that fills up: the error, no litter, and nothing lost in the bucket."""
    for number in range(8):
        first.write(f"f{number}", os.urandom(300_000), mtime_ns=OLD)
    first.sync()
    object.__setattr__(second.settings, "home", small_disk)
    with pytest.raises(DiskFull):
        second.restore()
    assert not (small_disk / ".wherobots/tmp").exists()
    assert 0 < len(picture(small_disk)) < 8
    second.sync()
    assert len(first.keys()) == 8


def test_read_only_home(first: Bench, second: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only home is one clear error when something is to be restored into it."""
    first.write("a")
    first.sync()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "symlink_to", refuse)
        real = Path.mkdir

        def mkdir(path: Path, *arguments: object, **options: object) -> None:
            if path.name == ".wherobots":
                refuse()
            real(path, *arguments, **options)  # type: ignore[arg-type]

        patched.setattr(Path, "mkdir", mkdir)
        patched.setattr(Installer, "_create", refuse)
        with pytest.raises(LocalIOError, match="read-only"):
            second.restore()
    assert second.restore().complete


def test_outage_in_the_middle_goes_on_later(
    first: Bench, second: Bench, store: FaultyStore
) -> None:
    """A store that goes away leaves what arrived; the next run fetches only the rest.

    Also of what arrived after the restore had given up.
    """
    for number in range(40):
        first.write(f"f{number:02}", mtime_ns=OLD)
    first.sync()
    got = [0]

    def fail_later(name: str, _key: str) -> None:
        if name == "get":
            got[0] += 1
        if got[0] > 12:
            raise StoreUnavailable("It is gone.")

    store.before = fail_later
    with pytest.raises(StoreUnavailable):
        second.restore()
    store.before = lambda _name, _key: None
    there = len(picture(second.home))
    assert there == 12
    store.calls.clear()
    assert second.restore().complete
    assert store.count("get") == 40 - there


def test_incomplete_listing_changes_nothing(first: Bench, store: FaultyStore) -> None:
    """A listing that breaks off is no reason to take anything for vanished."""
    first.write("a", mtime_ns=OLD)
    first.sync()
    store.delete(f"{PREFIX}a")

    def fail(name: str, _key: str) -> None:
        if name == "list_page":
            raise StoreUnavailable("It is gone.")

    store.before = fail
    with pytest.raises(StoreUnavailable):
        first.restore()
    assert (first.home / "a").exists()


def test_ignored_paths_are_restored(second: Bench, store: FaultyStore) -> None:
    """A restore takes everything but reserved names, whatever the rules ignore."""
    store.put(f"{PREFIX}.ssh/config", b"c")
    assert second.restore().complete
    assert (second.home / ".ssh/config").read_bytes() == b"c"
    assert second.sync().complete
    assert second.keys() == [".ssh/config"]


def test_folder_that_a_file_arrived_in_first(
    first: Bench, second: Bench, store: FaultyStore
) -> None:
    """A folder gets its mode also when one of its files was faster than its marker."""
    first.write("d/e/x")
    (first.home / "d/e").chmod(0o555)
    (first.home / "d").chmod(0o700)
    first.sync()

    def slow_markers(name: str, key: str) -> None:
        if name == "get" and key.endswith("/"):
            eventually((second.home / "d/e/x").exists)

    store.before = slow_markers
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)


def test_restored_folder_keeps_its_own_mode(first: Bench, second: Bench) -> None:
    """A folder that was here before keeps its mode, which the next sync brings to the mirror."""
    (first.home / "d").mkdir(mode=0o700)
    first.sync()
    (second.home / "d").mkdir()
    second.restore()
    assert stat.S_IMODE((second.home / "d").stat().st_mode) == 0o755
    second.sync()
    assert second.store.head(f"{PREFIX}d/").metadata["mode"] == "755"


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program catches it."""


def test_folder_made_before_a_kill_gets_its_mode(
    first: Bench, second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore that goes on gives the folders that it had made their modes, and saves no other."""
    (first.home / "closed").mkdir()
    first.write("open/a", b"a", mtime_ns=OLD)
    for name, mode in (("closed", 0o700), ("open", 0o750)):
        (first.home / name).chmod(mode)
    first.sync()

    def die(_: Downloader) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Downloader, "finish", die)
        with pytest.raises(Killed):
            second.restore()
    assert stat.S_IMODE((second.home / "closed").stat().st_mode) != 0o700
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)
    assert second.sync().complete
    third = Bench(first.home.parent.parent, first.store, "third")
    third.restore()
    assert picture(third.home) == picture(first.home)


def test_slow_down_waits_for_the_next_restore(
    first: Bench, second: Bench, store: FaultyStore
) -> None:
    """What a store refuses to the end of all patience is listed, and comes the next time."""
    first.write("a")
    first.sync()

    def slow(name: str, _key: str) -> None:
        if name == "get":
            raise SlowDown("Slower, please.")

    store.before = slow
    assert not second.restore().complete
    store.heal()
    assert second.restore().complete
    assert (second.home / "a").exists()


class _Unread(MemoryBody):
    """A body that nobody may read."""

    def chunks(self, size: int = 1024**2) -> Iterator[bytes]:
        raise AssertionError(f"a large object is read whole, by {size:,} bytes")


@pytest.mark.parametrize("kept", [False, True], ids=["new", "kept"])
def test_object_that_grows_after_the_listing(
    second: Bench, store: FaultyStore, *, kept: bool
) -> None:
    """One that was small in the listing and is large now is never read whole, but in ranges."""
    body = os.urandom(LARGE)
    store.put(f"{PREFIX}a", b"small")
    if kept:
        second.write("a", b"small")

    def grow(name: str, key: str) -> None:
        if name == "get" and key == f"{PREFIX}a":
            store.before = lambda _name, _key: None
            store.put(key, body)

    def guard(name: str, _key: str, result: object) -> object:
        if name == "get" and isinstance(result, MemoryBody) and result.length == LARGE:
            return _Unread(result.info, body)
        return result

    store.before, store.after = grow, guard
    second.restore()
    names = [file for file in second.home.iterdir() if file.is_file()]
    assert body in [file.read_bytes() for file in names]
    assert len(names) == 1 + kept


def test_links_too_long_to_be_one(second: Bench, store: FaultyStore) -> None:
    """A large object that says it is a link is listed, and not read."""
    store.put(f"{PREFIX}a", bytes(LARGE), metadata={"symlink": "1"})
    assert codes(second.restore()) == {"a": "not-restored"}
    assert list(picture(second.home)) == []
    assert store.count("get", "/a") == 1  # its first range


def test_large_object_that_breaks_off(first: Bench, second: Bench, store: FaultyStore) -> None:
    """A large object that cannot be read is listed, leaves no litter, and comes the next time."""
    first.write("big", os.urandom(LARGE), mtime_ns=OLD)
    first.write("small", mtime_ns=OLD)
    first.sync()

    def fail(name: str, key: str) -> None:
        if name == "get" and key.endswith("/big"):
            raise StoreUnavailable("It broke off.")

    store.before = fail
    assert codes(second.restore()) == {"big": "store-unavailable"}
    assert list(picture(second.home)) == ["small"]
    store.before = lambda _name, _key: None
    assert second.restore().complete
    assert picture(second.home) == picture(first.home)


def test_object_deleted_since_the_listing(first: Bench, second: Bench, store: FaultyStore) -> None:
    """An object that goes between the listing and its download is nothing to restore."""
    for name in ("a", "b"):
        first.write(name)
    first.sync()

    def vanish(name: str, key: str) -> None:
        if name == "get" and key.endswith("/a"):
            store.before = lambda _name, _key: None
            store.delete(key)

    store.before = vanish
    assert second.restore().complete
    assert list(picture(second.home)) == ["b"]


def test_file_system_without_hard_links(
    first: Bench, second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no hard link can be made, names are taken as safely: never one that is there."""
    first.write("a", b"theirs", mtime_ns=OLD)
    first.write("b", b"b", mtime_ns=OLD)
    first.sync()
    second.write("a", b"mine!!")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        assert codes(second.restore()) == {"a": "conflict"}
    assert (second.home / "a").read_bytes() == b"mine!!"
    assert (second.home / "b").stat().st_mtime_ns == OLD


def test_file_that_cannot_be_written_is_listed(
    first: Bench, second: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One name that this file system refuses does not stop the others."""
    first.write("a", mtime_ns=OLD)
    first.write("b", mtime_ns=OLD)
    first.sync()
    real = os.link

    def refuse(source: object, target: str, **more: Any) -> None:
        if Path(target).name == "a":
            raise OSError(errno.EIO, "Input/output error")
        real(str(source), target, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse)
        assert codes(second.restore()) == {"a": "not-restored"}
    assert list(picture(second.home)) == ["b"]


def test_link_replaces_an_unchanged_link(first: Bench, second: Bench) -> None:
    """A link that points elsewhere by now is replaced like a file."""
    for name in ("x", "y"):
        first.write(name, mtime_ns=OLD)
    (first.home / "l").symlink_to("x")
    first.sync()
    second.restore()
    (second.home / "l").unlink()
    (second.home / "l").symlink_to("y")
    second.sync()
    assert first.restore().complete
    assert (first.home / "l").readlink() == Path("y")


def test_equal_links_are_adopted(first: Bench, second: Bench) -> None:
    """A link that is here already, to the same target, is no conflict."""
    first.write("x", mtime_ns=OLD)
    (first.home / "l").symlink_to("x")
    first.sync()
    (second.home / "l").symlink_to("x")
    assert second.restore().complete
