"""Large files whose upload is interrupted: what arrived is not sent again."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.faults import FaultyStore
from support.homes import OLD, PREFIX, Bench, codes, opened

from wherobots_storage.errors import (
    AccessDenied,
    NoSuchUpload,
    StorageError,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.sync import multipart, openuploads
from wherobots_storage.sync.cancel import Cancel, Interrupted

PART = 5 * 1024**2
SIZE = 4 * PART + 1000
PARTS = 5


class Crash(BaseException):
    """The process ends here; nothing that follows may count on being run."""


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multipart, "PART_BYTES", PART)


@pytest.fixture
def bench(tmp_path: Path, store: FaultyStore) -> Bench:
    """A home with a file of five parts."""
    bench = Bench(tmp_path, store)
    bench.write("big", os.urandom(SIZE), mtime_ns=OLD)
    return bench


def after(count: int, what: str, error: type[BaseException]) -> Callable[[str, str], None]:
    """Let so many requests of a kind through, and fail the others."""
    left = [count]

    def before(name: str, key: str) -> None:
        if name == what and key.endswith("/big"):
            left[0] -= 1
            if left[0] < 0:
                raise error("It ends here.")

    return before


def quiet(_name: str, _key: str) -> None:
    """No fault."""


def fail_once(bench: Bench, store: FaultyStore, count: int, error: type[BaseException]) -> None:
    """One sync whose upload ends after so many parts."""
    store.before = after(count, "upload_part", error)
    if issubclass(error, StorageError):
        assert codes(bench.sync()) == {"big": error.code}
    else:
        with pytest.raises(error):
            bench.sync()
    store.before = quiet
    store.calls.clear()


@pytest.mark.parametrize("error", [StoreUnavailable, Interrupted, Crash])
def test_next_sync_goes_on(bench: Bench, store: FaultyStore, error: type[BaseException]) -> None:
    """After an outage, a stop or a crash only the missing parts are sent."""
    fail_once(bench, store, 3, error)
    assert len(store.list_uploads(PREFIX)) == 1
    assert bench.sync().complete
    assert store.count("upload_part") == PARTS - 3
    assert store.count("create_multipart") == 0
    assert bench.body("big") == (bench.home / "big").read_bytes()
    assert store.list_uploads(PREFIX) == []


def test_part_that_was_not_noted_is_sent_again(bench: Bench, store: FaultyStore) -> None:
    """A part that the store has and the journal does not know is not trusted."""
    fail_once(bench, store, 3, StoreUnavailable)
    with opened(bench) as (session, _):
        session.journal.run("DELETE FROM parts WHERE number = 2")
        session.journal.commit()
    assert bench.sync().complete
    assert store.count("upload_part") == PARTS - 2
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_part_of_other_bytes_is_sent_again(bench: Bench, store: FaultyStore) -> None:
    """A part counts only when its bytes are those of the file."""
    fail_once(bench, store, 3, StoreUnavailable)
    (upload,) = store.list_uploads(PREFIX)
    etag = store.upload_part(upload.key, upload.upload_id, 2, b"x" * PART, size=PART)
    with opened(bench) as (session, _):
        session.journal.run("UPDATE parts SET etag = ?, prefix = 'other' WHERE number = 2", (etag,))
        session.journal.commit()
    assert bench.sync().complete
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_change_that_only_the_hash_tells(bench: Bench, store: FaultyStore) -> None:
    """Bytes that change between the two readings, in place, never become an object."""
    file = bench.home / "big"

    def before(name: str, key: str) -> None:
        if name == "head" and key.endswith("/big"):
            store.before = quiet
            with file.open("r+b") as opened:
                opened.seek(3 * PART)
                opened.write(os.urandom(10))
            os.utime(file, ns=(OLD, OLD))

    store.before = before
    assert codes(bench.sync()) == {"big": "unsettled"}
    assert bench.keys() == []
    assert store.list_uploads(PREFIX) == []
    assert bench.sync().complete
    assert bench.body("big") == file.read_bytes()


def test_file_that_grows_between_the_readings(bench: Bench, store: FaultyStore) -> None:
    """An object is never the beginning of a file that went on."""
    file = bench.home / "big"

    def before(name: str, key: str) -> None:
        if name == "head" and key.endswith("/big"):
            store.before = quiet
            with file.open("ab") as opened:
                opened.write(b"more")

    store.before = before
    assert codes(bench.sync()) == {"big": "unsettled"}
    assert store.count("upload_part") == 0
    assert bench.sync().complete
    assert bench.body("big") == file.read_bytes()


def test_file_that_cannot_be_read(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk in the middle of a part is the file's, not the store's."""
    real = os.preadv

    def broken(descriptor: int, buffers: list[memoryview], at: int) -> int:
        if store.count("create_multipart") and at >= 2 * PART:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, buffers, at)

    monkeypatch.setattr("wherobots_storage.sync.fileparts.os.preadv", broken)
    assert codes(bench.sync()) == {"big": "unreadable"}
    assert store.list_uploads(PREFIX) == []


@pytest.mark.parametrize("change", ["bytes", "time", "mode"])
def test_changed_file_is_begun_anew(bench: Bench, store: FaultyStore, change: str) -> None:
    """Another version, or other metadata, gives the unfinished upload up."""
    fail_once(bench, store, 3, StoreUnavailable)
    file = bench.home / "big"
    if change == "bytes":
        bench.write("big", os.urandom(SIZE), mtime_ns=OLD)
    elif change == "time":
        os.utime(file, ns=(OLD + 1, OLD + 1))
    else:
        file.chmod(0o700)
    assert bench.sync().complete
    assert store.count("upload_part") == PARTS
    assert store.list_uploads(PREFIX) == []
    assert bench.body("big") == file.read_bytes()


@pytest.mark.parametrize("how", ["deleted", "shrunk", "folder", "ignored"])
def test_upload_of_a_file_that_went_is_aborted(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What nobody will go on with does not stay in the bucket."""
    fail_once(bench, store, 3, StoreUnavailable)
    file = bench.home / "big"
    if how == "deleted":
        file.unlink()
    elif how == "shrunk":
        file.write_bytes(b"small")
    elif how == "folder":
        file.unlink()
        bench.write("big/x")
    else:
        bench.write(".wherobotsignore", b"big\n")
        assert bench.sync().complete
        assert len(store.list_uploads(PREFIX)) == 1
        monkeypatch.setattr(openuploads, "OLD_SECONDS", -1.0)
    assert bench.sync().complete
    assert store.list_uploads(PREFIX) == []


def test_upload_that_is_gone_in_the_bucket_is_begun_anew(bench: Bench, store: FaultyStore) -> None:
    """A lifecycle rule may have ended the upload: all is sent again."""
    fail_once(bench, store, 3, StoreUnavailable)
    (upload,) = store.list_uploads(PREFIX)
    store.abort_multipart(upload.key, upload.upload_id)
    assert bench.sync().complete
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_completed_without_an_answer_is_adopted(bench: Bench, store: FaultyStore) -> None:
    """An object whose completion was not answered is recognised, not sent or copied again."""
    real = FaultyStore.complete_multipart

    def complete(*arguments: object, **options: object) -> str:
        real(store, *arguments, **options)  # type: ignore[arg-type]
        raise StoreUnavailable("No answer.")

    object.__setattr__(store, "complete_multipart", complete)
    assert codes(bench.sync()) == {"big": "store-unavailable"}
    del store.__dict__["complete_multipart"]
    store.calls.clear()
    assert bench.sync().complete
    assert store.count("upload_part") == 0
    assert bench.keys() == ["big"]
    with opened(bench) as (session, _):
        session.cycle(Cancel())
        assert session.journal.ask("SELECT * FROM uploads") == []


def test_killed_while_beginning(bench: Bench, store: FaultyStore) -> None:
    """An upload whose id was never learnt is found by its key and time; older ones stay."""
    other = store.create_multipart(f"{PREFIX}big")
    store._uploads[other].upload = store._uploads[other].upload.__class__(
        f"{PREFIX}big", other, time.time() - 3600
    )
    mine: list[str] = []
    real = FaultyStore.create_multipart

    def create(*arguments: object, **options: object) -> str:
        mine.append(real(store, *arguments, **options))  # type: ignore[arg-type]
        raise Crash

    object.__setattr__(store, "create_multipart", create)
    with pytest.raises(Crash):
        bench.sync()
    del store.__dict__["create_multipart"]
    assert len(store.list_uploads(PREFIX)) == 2
    assert bench.sync().complete
    assert [upload.upload_id for upload in store.list_uploads(PREFIX)] == [other]


@pytest.mark.parametrize("error", [AccessDenied, UnexpectedAnswer, StoreUnavailable])
def test_abort_that_fails(bench: Bench, store: FaultyStore, error: type[StorageError]) -> None:
    """An upload that cannot be aborted does not keep the newer version away for good."""
    fail_once(bench, store, 3, StoreUnavailable)
    bench.write("big", os.urandom(SIZE))
    store.before = after(0, "abort_multipart", error)
    first = bench.sync().complete
    assert first is (error is not StoreUnavailable)
    store.before = quiet
    assert bench.sync().complete
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_parts_that_the_store_does_not_tell_are_tried(
    bench: Bench, store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the right to list parts the journal's word is taken, and Complete decides."""
    fail_once(bench, store, 3, StoreUnavailable)

    def refuse(_key: str, _upload: str) -> None:
        raise AccessDenied("No.")

    monkeypatch.setattr(store, "list_parts", refuse)
    assert bench.sync().complete
    assert store.count("upload_part") == PARTS - 3
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_refused_completion_begins_anew(bench: Bench, store: FaultyStore) -> None:
    """An upload that is gone at its completion is made once more in the same sync."""
    left = [1]

    def before(name: str, key: str) -> None:
        if name == "complete_multipart" and left and key.endswith("/big"):
            left.pop()
            raise NoSuchUpload("It is gone.")

    store.before = before
    assert bench.sync().complete
    assert store.count("create_multipart") == 2
    assert store.list_uploads(PREFIX) == []


def test_conflict_costs_no_second_transfer(bench: Bench, store: FaultyStore) -> None:
    """A version that appears while parts travel is kept, and the same parts are completed."""

    def before(name: str, key: str) -> None:
        if name == "upload_part":
            store.before = quiet
            store.put(key, b"theirs")

    store.before = before
    assert codes(bench.sync()) == {"big": "conflict"}
    assert store.count("upload_part") == PARTS
    assert [bench.body(key) for key in bench.kept("big")] == [b"theirs"]
    assert bench.body("big") == (bench.home / "big").read_bytes()


def test_another_home_gives_the_uploads_up(bench: Bench, store: FaultyStore) -> None:
    """When a journal is set aside its unfinished uploads are aborted."""
    bench.write("small")
    bench.sync()
    bench.write("big", os.urandom(SIZE))
    fail_once(bench, store, 3, StoreUnavailable)
    bench.home.rename(bench.home.with_name("former"))
    bench.home.mkdir()
    bench.sync()
    assert store.list_uploads(PREFIX) == []


def test_large_file_read_again_in_vain_is_no_work(bench: Bench) -> None:
    """A large file whose time proves nothing is read again, and the cycle is quiet all the same."""
    bench.write("big", os.urandom(9 * 1024**2), mtime_ns=OLD)
    with opened(bench) as (session, _):
        assert session.cycle(Cancel()).moved == 1
        row = session.journal.get("big")
        assert row is not None
        session.journal.put(row._replace(ctime_ns=0))
        report = session.cycle(Cancel())
    assert report.is_quiet
