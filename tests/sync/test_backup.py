"""Syncs of real folders into a store in memory."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, everything

from wherobots_storage.errors import (
    AccessDenied,
    HomeMissing,
    InvalidConfiguration,
    InvalidCredentials,
    NoSuchBucket,
    NotFound,
    PreconditionFailed,
    SlowDown,
    StorageError,
    StoreUnavailable,
)
from wherobots_storage.settings import OPEN_UPLOADS

LARGE = 9 * 1024**2


def test_format_of_a_file(bench: Bench, store: FaultyStore) -> None:
    """A file's object carries mtime in decimal seconds, mode in octal, and the SHA-256."""
    bench.write("a.txt", b"hello", mtime_ns=1_700_000_000_123_456_789).chmod(0o640)
    bench.sync()
    info = store.head(f"{PREFIX}a.txt")
    assert info.metadata == {
        "mtime": "1700000000.123456789",
        "mode": "640",
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
    }


def test_format_of_links_and_folders(bench: Bench, store: FaultyStore) -> None:
    """A link's body is its target; an empty folder, or one with an odd mode, is ``path/``."""
    bench.write("d/a")
    (bench.home / "d").chmod(0o700)
    (bench.home / "empty").mkdir()
    (bench.home / "link").symlink_to("d/a")
    assert bench.sync().complete
    assert bench.keys() == ["d/", "d/a", "empty/", "link"]
    assert store.head(f"{PREFIX}d/").metadata["mode"] == "700"
    assert store.head(f"{PREFIX}link").metadata["symlink"] == "1"
    with store.get(f"{PREFIX}link") as body:
        assert b"".join(body.chunks()) == b"d/a"


def test_second_sync_does_nothing(bench: Bench, store: FaultyStore) -> None:
    """An unchanged home costs no request that names its files."""
    for number in range(20):
        bench.write(f"d{number % 3}/f{number}", mtime_ns=OLD)
    bench.sync()
    bench.sync()  # files as young as the first sync are looked at once more
    store.calls.clear()
    assert bench.sync().complete
    assert not [call for call in store.calls if "/probe/" not in str(call[1])]


def test_same_size_edit_is_seen(bench: Bench, store: FaultyStore) -> None:
    """An edit that keeps size and modification time is uploaded all the same."""
    file = bench.write("a", b"one", mtime_ns=OLD)
    bench.sync()
    file.write_bytes(b"two")
    os.utime(file, ns=(OLD, OLD))
    bench.sync()
    with store.get(f"{PREFIX}a") as body:
        assert b"".join(body.chunks()) == b"two"


def test_touch_renews_the_metadata(bench: Bench, store: FaultyStore) -> None:
    """Another time or mode reaches the object; the bytes stay."""
    file = bench.write("a", b"one", mtime_ns=OLD)
    bench.sync()
    os.utime(file, ns=(OLD + 1, OLD + 1))
    file.chmod(0o755)
    bench.sync()
    metadata = store.head(f"{PREFIX}a").metadata
    assert metadata["mtime"].endswith("790")
    assert metadata["mode"] == "755"


def test_deleted_file_is_deleted(bench: Bench) -> None:
    """A file that was saved and is gone from the home goes from the mirror."""
    for name in ("a", "b", "d/c"):
        bench.write(name)
    bench.sync()
    (bench.home / "a").unlink()
    (bench.home / "d/c").unlink()
    (bench.home / "d").rmdir()
    assert bench.sync().complete
    assert bench.keys() == ["b"]


def test_foreign_objects_are_left_alone(bench: Bench, store: FaultyStore) -> None:
    """An object that this home neither restored nor uploaded is never deleted."""
    store.put(f"{PREFIX}foreign/x", b"theirs")
    bench.write("a")
    bench.sync()
    (bench.home / "a").unlink()
    bench.write("b")
    bench.sync()
    assert bench.keys() == ["b", "foreign/x"]


def test_equal_bytes_are_adopted(bench: Bench, store: FaultyStore) -> None:
    """A lost journal costs nothing: the same bytes in the bucket are recognised by their hash."""
    bench.write("a", b"same", mtime_ns=OLD)
    (bench.home / "l").symlink_to("a")
    bench.sync()
    for file in bench.state.rglob("journal.sqlite*"):
        file.unlink()
    before = store.head(f"{PREFIX}a").etag
    assert bench.sync().complete
    assert store.head(f"{PREFIX}a").etag == before


def test_equal_foreign_bytes_are_adopted(bench: Bench, store: FaultyStore) -> None:
    """An object without our metadata is adopted when its bytes are the same."""
    store.put(f"{PREFIX}a", b"same")
    bench.write("a", b"same")
    assert bench.sync().complete
    (bench.home / "a").unlink()
    bench.write("b")
    bench.sync()
    assert bench.keys() == ["b"]


def test_vanished_object_is_sent_again(bench: Bench) -> None:
    """A changed file whose object somebody deleted goes up as new."""
    bench.write("a", b"one", mtime_ns=OLD)
    bench.sync()
    bench.store.delete(f"{PREFIX}a")
    bench.write("a", b"two")
    assert bench.sync().complete
    assert bench.keys() == ["a"]


def test_deletion_meets_a_remote_change(bench: Bench, store: FaultyStore) -> None:
    """What was deleted here and changed there stays there, and is told."""
    bench.write("a")
    bench.write("b")
    bench.sync()
    store.put(f"{PREFIX}a", b"theirs")
    (bench.home / "a").unlink()
    assert codes(bench.sync()) == {"a": "conflict"}
    assert bench.keys() == ["a", "b"]


def test_emptied_home_deletes_nothing(bench: Bench) -> None:
    """A home that lost everything is taken for an accident, until somebody accepts it."""
    for number in range(5):
        bench.write(f"f{number}")
    bench.sync()
    for file in bench.home.glob("f*"):
        file.unlink()
    outcome = bench.sync()
    assert outcome.status.state == "vetoed"
    assert "emptied" in (outcome.status.veto or "")
    held = outcome.status.held
    assert held is not None
    assert (held.code, held.files) == ("home-emptied", 5)
    assert [path.path for path in held.paths] == ["f0", "f1", "f2", "f3", "f4"]
    assert held.bytes == sum(path.bytes for path in held.paths) > 0
    assert len(bench.keys()) == 5
    assert bench.sync(everything).complete
    assert bench.keys() == []


def test_half_gone_deletes_nothing_but_uploads(bench: Bench) -> None:
    """More than half of over fifty files gone holds deletions back; uploads go on."""
    for number in range(60):
        bench.write(f"f{number}")
    bench.sync()
    for number in range(40):
        (bench.home / f"f{number}").unlink()
    bench.write("new")
    outcome = bench.sync()
    assert outcome.status.veto is not None
    keys = bench.keys()
    assert "new" in keys
    assert len(keys) == 61


def test_missing_home_is_refused(bench: Bench) -> None:
    """A home that is not there is an error, not a deletion of everything."""
    bench.write("a")
    bench.sync()
    bench.home.rename(bench.home.with_name("elsewhere"))
    with pytest.raises(HomeMissing):
        bench.sync()
    assert bench.keys() == ["a"]


def test_home_that_is_a_file_is_refused(bench: Bench) -> None:
    """A home that is a file is told as that, to a sync and to a restore, and is left as it is."""
    bench.home.rmdir()
    bench.home.write_text("a file")
    for work in (bench.sync, bench.restore):
        with pytest.raises(HomeMissing, match="not a directory"):
            work()
    assert bench.home.read_text() == "a file"


def test_another_directory_of_the_same_name_deletes_nothing(bench: Bench) -> None:
    """A home whose inode changed is another home: the journal no longer speaks for it."""
    for number in range(10):
        bench.write(f"f{number}")
    bench.sync()
    bench.home.rename(bench.home.with_name("former"))
    bench.home.mkdir()
    bench.write("new")
    assert bench.sync().complete
    assert len(bench.keys()) == 11


def test_root_directory_is_refused(bench: Bench) -> None:
    """``/`` is no home."""
    object.__setattr__(bench.settings, "home", Path("/"))
    with pytest.raises(InvalidConfiguration):
        bench.sync()


def test_what_cannot_be_mirrored_is_listed(bench: Bench, tmp_path: Path) -> None:
    """FIFOs, sockets, names that are no UTF-8 and over-long keys are skipped with a reason."""
    bench.write("good")
    os.mkfifo(bench.home / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(bench.home / "sock"))
    (bench.home / os.fsdecode(b"caf\xe9")).write_bytes(b"x")
    deep = "/".join(["x" * 200] * 5)
    bench.write(deep)
    outcome = bench.sync()
    found = codes(outcome)
    assert found["pipe"] == "fifo"
    assert found["sock"] == "socket"
    assert found["caf?"] == "not-utf8"
    assert "key-too-long" in found.values()
    assert not outcome.complete
    # Its folder holds nothing that can be mirrored, and so counts as an empty one.
    assert bench.keys() == ["good", "/".join(["x" * 200] * 4) + "/"]
    assert tmp_path.exists()


@pytest.mark.parametrize("where", ["folder", "entry"])
def test_unreadable_folder_loses_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """A folder, or an entry of one, that cannot be read keeps every object of the folder."""
    for name in ("d/a", "d/e/f", "b", "c"):
        bench.write(name)
    bench.sync()
    for name in ("d/e/f", "b"):
        (bench.home / name).unlink()
    real = os.scandir

    class Sick:
        """An entry whose inode cannot be read."""

        name = "a"

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            return follow_symlinks

        def is_file(self, *, follow_symlinks: bool) -> bool:
            return not follow_symlinks

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise OSError(5, f"Input/output error {follow_symlinks}")

    def scandir(descriptor: int) -> Any:
        if Path(f"/proc/self/fd/{descriptor}").readlink() != bench.home / "d":
            return real(descriptor)
        if where == "folder":
            raise PermissionError(13, "Permission denied")
        return contextlib.nullcontext(iter([Sick()]))

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scandir)
        found = codes(bench.sync())
    assert found == {"d/" if where == "folder" else "d/a": "unreadable"}
    assert bench.keys() == ["c", "d/a", "d/e/f"]


def test_ignored_paths_stay_local_and_are_counted(bench: Bench) -> None:
    """Default and user's rules leave paths out; a newly ignored path keeps its remote copy."""
    bench.write("keep/a")
    bench.write("late/b")
    bench.write("__pycache__/x.pyc", b"12345")
    bench.write(".ssh/id", b"secret")
    bench.sync()
    bench.write(".wherobotsignore", b"late/\n*.log\n")
    bench.write("x.log")
    outcome = bench.sync()
    assert bench.keys() == [".wherobotsignore", "keep/a", "late/b"]
    assert outcome.status.ignored.files == 4
    assert outcome.complete


def test_ignored_paths_are_listed_the_largest_first(bench: Bench) -> None:
    """A status names what the rules leave out, a folder as one path with all below it."""
    bench.write(".wherobotsignore", b"*.log\nbig/\n")
    bench.write("big/a", b"12345")
    bench.write("big/below/b", b"12345")
    bench.write("x.log", b"1234567")
    status = bench.sync().status
    listed = [(entry.path, entry.files, entry.bytes) for entry in status.ignored_paths]
    assert listed == [("big/", 2, 10), ("x.log", 1, 7)]
    assert status.ignored_total == 2


def test_reserved_names_never_travel(bench: Bench) -> None:
    """Neither ``.wherobots`` nor a state folder inside the home reaches the bucket."""
    object.__setattr__(bench.settings, "state_dir", bench.home / "state")
    bench.write(".wherobots/trash/x")
    bench.write("sub/.wherobots/y")
    assert bench.sync().complete
    assert bench.keys() == ["sub/.wherobots/y"]


@pytest.mark.parametrize("where", ["work", "."])
def test_only_our_own_of_a_state_dir_stays(bench: Bench, where: str) -> None:
    """What a user has in the folder that was given for states is saved, and comes back."""
    state_dir = bench.home / where
    object.__setattr__(bench.settings, "state_dir", state_dir)
    ours = ["customer-b2-0123456789abcdef/journal.sqlite", f"{OPEN_UPLOADS}/1.uploads"]
    theirs = ["a.ipynb", "customer-b2/report", "uploads/x"]
    for name in [*ours, *theirs]:
        bench.write(str(Path(where, name)))
    saved = sorted(str(Path(where, name)) for name in theirs)
    assert bench.sync().complete
    assert bench.keys() == saved
    for name in saved:
        (bench.home / name).unlink()
    for name in ("a.ipynb", ours[0]):
        bench.store.put(f"{PREFIX}{Path(where, name)}", b"of another instance")
    bench.restore()
    assert (state_dir / "a.ipynb").read_bytes() == b"of another instance"
    assert (state_dir / ours[0]).read_bytes() == b"x"


def test_links_are_never_followed(bench: Bench, tmp_path: Path) -> None:
    """A link to a folder, even to its own parent, is an object of its own."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"s")
    (bench.home / "loop").symlink_to(".")
    (bench.home / "out").symlink_to(outside)
    assert bench.sync().complete
    assert bench.keys() == ["loop", "out"]


@pytest.mark.parametrize("back", [False, True], ids=["file to folder", "folder to file"])
def test_type_change(bench: Bench, *, back: bool) -> None:
    """A file that became a folder, or the reverse, replaces the former in order."""
    first, second = ("a/b", "a") if back else ("a", "a/b")
    bench.write("other")
    bench.write(first)
    bench.sync()
    (bench.home / first).unlink()
    if back:
        (bench.home / "a").rmdir()
    bench.write(second)
    assert bench.sync().complete
    assert bench.keys() == [second, "other"]


def test_type_change_waits_for_a_refused_deletion(bench: Bench, store: FaultyStore) -> None:
    """When what stood there cannot be deleted, the new one waits and is listed."""
    bench.write("other")
    bench.write("a")
    bench.sync()
    store.put(f"{PREFIX}a", b"theirs")
    (bench.home / "a").unlink()
    bench.write("a/b")
    outcome = bench.sync()
    assert codes(outcome) == {"a": "conflict", "a/b": "waiting"}
    assert bench.keys() == ["a", "other"]


def test_large_file_goes_in_parts(bench: Bench, store: FaultyStore) -> None:
    """A file over 8 MiB travels as a multipart upload, with its hash in the metadata."""
    bench.write("big", os.urandom(LARGE), mtime_ns=OLD)
    assert bench.sync().complete
    assert store.count("create_multipart") == 1
    assert len(store.head(f"{PREFIX}big").metadata["sha256"]) == 64


def test_large_file_that_moves_is_aborted(bench: Bench, store: FaultyStore) -> None:
    """A large file that changes under way leaves neither an object nor an upload behind."""
    bench.write("big", os.urandom(LARGE), mtime_ns=OLD)

    def meddle(name: str, _key: str) -> None:
        if name == "upload_part":
            with (bench.home / "big").open("ab") as file:
                file.write(b"more")

    store.before = meddle
    outcome = bench.sync()
    assert codes(outcome) == {"big": "unsettled"}
    assert bench.keys() == []
    assert store.list_uploads(PREFIX) == []
    store.before = lambda _name, _key: None
    assert bench.sync().complete


def test_touched_large_file_is_copied_in_place(bench: Bench, store: FaultyStore) -> None:
    """A new time on a large file does not send its bytes again."""
    file = bench.write("big", os.urandom(LARGE), mtime_ns=OLD)
    bench.sync()
    os.utime(file, ns=(OLD + 1, OLD + 1))
    assert bench.sync().complete
    assert store.count("create_multipart") == 1
    assert store.head(f"{PREFIX}big").metadata["mtime"].endswith("790")


def test_one_bad_file_does_not_stop_the_others(bench: Bench, store: FaultyStore) -> None:
    """An object that the store refuses is listed; the others are saved."""
    for name in "abc":
        bench.write(name)

    def refuse(name: str, key: str) -> None:
        if name == "put" and key.endswith("/b"):
            raise AccessDenied("The store refuses this key.")

    store.before = refuse
    outcome = bench.sync()
    assert codes(outcome) == {"b": "access-denied"}
    assert bench.keys() == ["a", "c"]


def test_slow_down_waits_for_the_next_sync(bench: Bench, store: FaultyStore) -> None:
    """What a store refuses to the end of all patience is listed, and goes the next time."""
    bench.write("a")

    def slow(name: str, key: str) -> None:
        if name == "put" and "/probe/" not in key:
            raise SlowDown("Slower, please.")

    store.before = slow
    assert codes(bench.sync()) == {"a": "slow-down"}
    store.heal()
    assert bench.sync().complete
    assert bench.keys() == ["a"]


@pytest.mark.parametrize("error", [NoSuchBucket, InvalidCredentials, StoreUnavailable])
def test_outage_raises_in_plain_words(
    bench: Bench, store: FaultyStore, error: type[StorageError]
) -> None:
    """Without bucket, keys or endpoint a sync fails in the store's words; the next goes on."""
    for number in range(20):
        bench.write(f"f{number}")

    def fail(_name: str, _key: str) -> None:
        raise error("The server said so.")

    store.before = fail
    with pytest.raises(error, match="The server said so"):
        bench.sync()
    store.before = lambda _name, _key: None
    assert bench.sync().complete
    assert len(bench.keys()) == 20


def test_bucket_that_is_missing_is_not_made(bench: Bench, store: FaultyStore) -> None:
    """A store that would make a bucket of the first put gets none when there is no bucket."""
    bench.write("a")

    def no_bucket(name: str, _key: str) -> None:
        if name == "list_page":
            raise NoSuchBucket("There is no such bucket.")

    store.before = no_bucket
    with pytest.raises(NoSuchBucket):
        bench.sync()
    store.before = lambda _name, _key: None
    assert bench.keys() == []


def test_outage_in_the_middle_keeps_what_arrived(bench: Bench, store: FaultyStore) -> None:
    """What was saved before the store went away is not sent again afterwards."""
    for number in range(40):
        bench.write(f"f{number:02}", mtime_ns=OLD)
    done = [0]

    def fail_later(name: str, key: str) -> None:
        if name == "put" and key.endswith("/probe/answer"):
            raise StoreUnavailable("It is gone.")
        if name == "put" and "/probe/" not in key:
            done[0] += 1
            if done[0] > 15:
                raise StoreUnavailable("It is gone.")

    store.before = fail_later
    with pytest.raises(StoreUnavailable):
        bench.sync()
    store.before = lambda _name, _key: None
    saved = len(bench.keys())
    assert saved == 15
    store.calls.clear()
    assert bench.sync().complete
    assert store.count("put") == 40 - saved


def test_file_that_changes_while_read_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that moves under the reader is not sent in halves; the next sync has it."""
    bench.write("a", b"one", mtime_ns=OLD)
    real = os.read

    def meddling(descriptor: int, size: int) -> bytes:
        body = real(descriptor, size)
        if body == b"one":
            (bench.home / "a").write_bytes(b"other")
        return body

    with monkeypatch.context() as patched:
        patched.setattr(os, "read", meddling)
        assert codes(bench.sync()) == {"a": "unsettled"}
    assert bench.keys() == []
    assert bench.sync().complete


class RewritingStore(FaultyStore):
    """A store that makes a slash of every backslash, as SeaweedFS does."""

    def put(self, key: str, *arguments: object, **options: object) -> str:
        """Write under another key than the one that was asked for."""
        return super().put(key.replace("\\", "/"), *arguments, **options)  # type: ignore[arg-type]


def test_names_that_the_store_rewrites_are_skipped(tmp_path: Path) -> None:
    """A name that the store would change is listed, and takes no other's place."""
    bench = Bench(tmp_path, RewritingStore())
    bench.write("a\\b", b"odd")
    bench.write("a/b", b"plain")
    assert codes(bench.sync()) == {"a\\b": "name-rewritten"}
    assert bench.keys() == ["a/b"]


class UnconditionalStore(FaultyStore):
    """A store that ignores conditions, as some small servers do."""

    def put(self, key: str, *arguments: object, **options: object) -> str:
        """Write whatever is there."""
        options.pop("if_none_match", None)
        options.pop("if_match", None)
        return super().put(key, *arguments, **options)  # type: ignore[arg-type]


def test_store_without_conditions_overwrites_nothing(tmp_path: Path) -> None:
    """Where conditions are ignored, a look before each put stands in for them."""
    store = UnconditionalStore()
    bench = Bench(tmp_path, store)
    store.put(f"{PREFIX}a", b"theirs")
    bench.write("a", b"ours")
    bench.write("b", b"new")
    assert codes(bench.sync()) == {"a": "conflict"}
    (copy,) = bench.kept("a")
    assert bench.body(copy) == b"theirs"
    assert bench.body("a") == b"ours"
    assert bench.keys() == ["a", copy, "b"]


def test_status_remembers_when_it_was_synced(bench: Bench) -> None:
    """The time of the last complete sync survives in the journal."""
    bench.write("a")
    first = bench.sync().status.last_synced
    assert first is not None
    assert bench.restore().status.last_synced == first


def test_folder_that_is_gone_loses_its_marker(bench: Bench) -> None:
    """Empty folders that are deleted take their markers with them, nested ones too."""
    bench.write("keep")
    (bench.home / "a/b/c").mkdir(parents=True)
    (bench.home / "a").chmod(0o700)
    bench.sync()
    assert bench.keys() == ["a/", "a/b/c/", "keep"]
    for name in ("a/b/c", "a/b", "a"):
        (bench.home / name).rmdir()
    assert bench.sync().complete
    assert bench.keys() == ["keep"]


def test_marker_that_vanished_or_changed(bench: Bench, store: FaultyStore) -> None:
    """A deleted folder's marker that is gone is no error; one with bytes in it is left alone."""
    bench.write("keep")
    for name in ("gone", "changed"):
        (bench.home / name).mkdir()
    bench.sync()
    store.delete(f"{PREFIX}gone/")
    store.put(f"{PREFIX}changed/", b"bytes")
    for name in ("gone", "changed"):
        (bench.home / name).rmdir()
    assert codes(bench.sync()) == {"changed/": "conflict"}
    assert bench.keys() == ["changed/", "keep"]


def test_marker_of_another_mode_is_written_over(bench: Bench, store: FaultyStore) -> None:
    """A folder's marker from elsewhere gets our mode; one that holds bytes stays as it is."""
    store.put(f"{PREFIX}a/", b"")
    store.put(f"{PREFIX}b/", b"bytes")
    for name in ("a", "b"):
        (bench.home / name).mkdir()
    assert codes(bench.sync()) == {"b/": "conflict"}
    assert store.head(f"{PREFIX}a/").metadata["mode"] == "755"
    assert store.head(f"{PREFIX}b/").size == 5


def test_adopted_bytes_get_the_newer_time(bench: Bench, store: FaultyStore) -> None:
    """Our own object with an older time is brought up to date when it is found again."""
    file = bench.write("a", b"same", mtime_ns=OLD)
    bench.sync()
    for journal in bench.state.rglob("journal.sqlite*"):
        journal.unlink()
    os.utime(file, ns=(OLD + 1, OLD + 1))
    assert bench.sync().complete
    assert store.head(f"{PREFIX}a").metadata["mtime"].endswith("790")


def test_link_does_not_adopt_a_file_of_its_target(bench: Bench, store: FaultyStore) -> None:
    """A file whose bytes are a link's target is another thing than the link."""
    store.put(f"{PREFIX}l", b"target")
    (bench.home / "l").symlink_to("target")
    assert codes(bench.sync()) == {"l": "conflict"}


def test_file_that_came_back_is_not_deleted(bench: Bench, store: FaultyStore) -> None:
    """A file that reappears between the scan and its deletion keeps its object."""
    for name in "abc":
        bench.write(name, mtime_ns=OLD)
    bench.sync()
    (bench.home / "a").unlink()
    bench.write("new")

    def back(name: str, key: str) -> None:
        if name == "put" and key.endswith("/new"):
            bench.write("a")

    store.before = back
    bench.sync()
    assert bench.keys() == ["a", "b", "c", "new"]


def test_deletion_that_fails_is_tried_again(bench: Bench, store: FaultyStore) -> None:
    """A deletion that the store refuses is listed, and made at the next sync."""
    for name in "abc":
        bench.write(name)
    bench.sync()
    (bench.home / "a").unlink()

    def refuse(name: str, _key: str) -> None:
        if name == "delete":
            raise AccessDenied("Not now.")

    store.before = refuse
    assert codes(bench.sync()) == {"a": "access-denied"}
    store.before = lambda _name, _key: None
    assert bench.sync().complete
    assert bench.keys() == ["b", "c"]


@pytest.mark.parametrize("error", [NotFound, PreconditionFailed])
def test_object_that_goes_while_it_is_deleted(
    bench: Bench, store: FaultyStore, error: type[StorageError]
) -> None:
    """A missing key under If-Match is 404 on one server and 412 on another: both mean gone."""
    bench.write("a")
    bench.write("b")
    bench.sync()
    (bench.home / "a").unlink()

    def vanish(name: str, key: str) -> None:
        if name == "delete":
            store.before = lambda _name, _key: None
            store.delete(key)
            raise error("It is not there.")

    store.before = vanish
    assert bench.sync().complete
    assert bench.keys() == ["b"]


def test_outage_while_deleting(bench: Bench, store: FaultyStore) -> None:
    """A store that goes away while deleting stops the sync; the rest is deleted later."""
    for number in range(30):
        bench.write(f"f{number:02}")
    bench.sync()
    for number in range(20):
        (bench.home / f"f{number:02}").unlink()

    away: list[str] = []

    def fail(name: str, key: str) -> None:
        if away or (name == "delete" and "/probe/" not in key):
            away.append(name)
            raise StoreUnavailable("It is gone.")

    store.before = fail
    with pytest.raises(StoreUnavailable):
        bench.sync()
    store.before = lambda _name, _key: None
    assert bench.sync().complete
    assert len(bench.keys()) == 10


def test_what_lies_behind_a_link_is_not_ours(bench: Bench, tmp_path: Path) -> None:
    """A folder that became a link to elsewhere: its files' objects go, the link arrives."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_bytes(b"elsewhere")
    bench.write("other")
    bench.write("d/a")
    bench.sync()
    (bench.home / "d/a").unlink()
    (bench.home / "d").rmdir()
    (bench.home / "d").symlink_to(outside)
    assert bench.sync().complete
    assert bench.keys() == ["d", "other"]


def test_absurd_time_stops_nobody(bench: Bench) -> None:
    """A file from the year 2300, whose nanoseconds fit no 64 bits, is saved like the others."""
    bench.write("future", mtime_ns=10_413_792_000 * 10**9)
    bench.write("past", mtime_ns=-(10**18))
    bench.write("now")
    assert bench.sync().complete
    assert bench.sync().complete
    assert bench.keys() == ["future", "now", "past"]


def test_unreadable_files_are_listed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small and a large file that cannot be opened are listed; the others are saved."""
    bench.write("good")
    bench.write("small")
    bench.write("large", os.urandom(LARGE))
    real = os.open

    def denied(path: Any, flags: int, *rest: int, **more: Any) -> int:
        if Path(path).name in {"small", "large"}:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", denied)
        found = codes(bench.sync())
    assert found == {"small": "unreadable", "large": "unreadable"}
    assert bench.keys() == ["good"]


def test_link_of_odd_target_is_listed(bench: Bench) -> None:
    """A link whose target is no UTF-8 cannot be a body of text, and is listed."""
    (bench.home / "l").symlink_to(os.fsdecode(b"caf\xe9"))
    assert codes(bench.sync()) == {"l": "not-utf8"}


def test_large_object_that_vanished_is_sent_again(bench: Bench, store: FaultyStore) -> None:
    """A large changed file whose object is gone is sent as new."""
    bench.write("big", os.urandom(LARGE), mtime_ns=OLD)
    bench.sync()
    store.delete(f"{PREFIX}big")
    bench.write("big", os.urandom(LARGE))
    assert bench.sync().complete
    assert bench.keys() == ["big"]


def test_large_equal_bytes_are_adopted(bench: Bench) -> None:
    """A lost journal does not make a conflict of a large file either."""
    bench.write("big", os.urandom(LARGE), mtime_ns=OLD)
    bench.sync()
    for journal in bench.state.rglob("journal.sqlite*"):
        journal.unlink()
    assert bench.sync().complete
    assert bench.keys() == ["big"]


@pytest.mark.parametrize("saved", [False, True], ids=["new", "saved before"])
def test_large_equal_foreign_bytes_are_adopted(
    bench: Bench, store: FaultyStore, *, saved: bool
) -> None:
    """A large file that another program uploaded too makes no conflict and does not travel."""
    if saved:
        bench.write("big", os.urandom(LARGE), mtime_ns=OLD)
        bench.sync()
    body = os.urandom(LARGE)
    bench.write("big", body)
    etag = store.put(f"{PREFIX}big", body)
    store.calls.clear()
    for _ in range(2):
        outcome = bench.sync()
        assert outcome.complete
        assert codes(outcome) == {}
    assert bench.keys() == ["big"]
    assert store.head(f"{PREFIX}big").etag == etag
    assert store.count("upload_part") == store.count("copy") == 0


def test_large_foreign_bytes_that_differ_are_kept(bench: Bench, store: FaultyStore) -> None:
    """A foreign object of the same size and other bytes is kept at a name of its own."""
    bench.write("big", os.urandom(LARGE))
    store.put(f"{PREFIX}big", bytes(LARGE))
    assert codes(bench.sync()) == {"big": "conflict"}
    (copy,) = bench.kept("big")
    assert bench.body(copy) == bytes(LARGE)
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_large_foreign_object_replaced_while_it_is_compared(
    bench: Bench, store: FaultyStore
) -> None:
    """What came while the former version was being read is looked at in its turn, and kept."""
    body = os.urandom(LARGE)
    bench.write("big", body)
    store.put(f"{PREFIX}big", body)

    def replace(name: str, key: str) -> None:
        if name == "get" and key == f"{PREFIX}big":
            store.before = lambda _name, _key: None
            store.put(key, b"theirs")

    store.before = replace
    assert codes(bench.sync()) == {"big": "conflict"}
    assert bench.body(bench.kept("big")[0]) == b"theirs"
    assert bench.body("big") == body


def test_many_refusals_in_a_row_are_an_outage(bench: Bench, store: FaultyStore) -> None:
    """A store that refuses everything is told once, not a thousand times."""
    for number in range(100):
        bench.write(f"f{number}")

    def refuse(name: str, key: str) -> None:
        if name == "put" and ("/probe/" not in key or key.endswith("/probe/answer")):
            raise AccessDenied("You may not write.")

    store.before = refuse
    with pytest.raises(AccessDenied, match="You may not write"):
        bench.sync()
    assert store.count("put") < 40
