"""Objects that arrive become files, one after the other or many at once."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from wherobots_storage.errors import DiskFull, NotFound, StoreUnavailable
from wherobots_storage.objectstore.store import FetchedObject, ObjectInfo
from wherobots_storage.sync import arrivals as sync_arrivals
from wherobots_storage.sync.arrivals import Arrivals, Arrived, Wanted
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer
from wherobots_storage.sync.scan import examine

BODY = b"hello"
META = {
    "mtime": "1700000000.123456789",
    "mode": "640",
    "sha256": hashlib.sha256(BODY).hexdigest(),
}


@pytest.fixture
def installer(tmp_path: Path) -> Installer:
    """An installer into an empty home."""
    return Installer(_home(tmp_path))


@pytest.fixture
def arrivals(tmp_path: Path, installer: Installer) -> Arrivals:
    """Arrivals in that home."""
    return Arrivals(_home(tmp_path), installer)


def _home(path: Path) -> Home:
    return Home(path, (".wherobots/",), (), 0o022)


def fetched(body: bytes = BODY, **metadata: str) -> Future[FetchedObject]:
    """An object that has come."""
    future: Future[FetchedObject] = Future()
    info = ObjectInfo("k", len(body), "etag", 1_600_000_000.5, {**META, **metadata})
    future.set_result(FetchedObject(info, body))
    return future


def litter(home: Path) -> list[str]:
    """What lies in the temporary folder."""
    return [path.name for path in (home / ".wherobots/tmp").iterdir()]


def test_file_with_its_facts(arrivals: Arrivals) -> None:
    """A file has its bytes, time and mode before it has its name, and its bytes are let go."""
    arrived = arrivals.write(fetched(), "a.bin", Wanted.STAGED).result()
    staged = arrived.file()
    found = staged.path.stat()
    assert staged.path.read_bytes() == BODY
    assert found.st_mtime_ns == 1_700_000_000_123_456_789
    assert found.st_mode & 0o777 == 0o640
    assert (staged.size, staged.sha256) == (5, META["sha256"])
    assert arrived.body == b""


def test_file_of_somebody_else(arrivals: Arrivals) -> None:
    """Without our metadata the store's time counts, and the default mode less the umask."""
    future: Future[FetchedObject] = Future()
    future.set_result(FetchedObject(ObjectInfo("k", 5, "etag", 1_600_000_000.5), BODY))
    found = arrivals.write(future, "a.bin", Wanted.STAGED).result().file().path.stat()
    assert found.st_mtime_ns == 1_600_000_000_500_000_000
    assert found.st_mode & 0o777 == 0o644


def test_on_the_thread_that_fetched(arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is made by whoever completes the fetch, not by whoever waits for it."""
    seen: list[int] = []
    real = Arrivals.stage

    def stage(*arguments: object) -> object:
        seen.append(threading.get_ident())
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Arrivals, "stage", stage)
    future: Future[FetchedObject] = Future()
    arrived = arrivals.write(future, "a.bin", Wanted.STAGED)
    worker = threading.Thread(target=future.set_result, args=(fetched().result(),))
    worker.start()
    arrived.result(60).file()
    worker.join()
    assert seen == [worker.ident]


def test_a_slow_disk_gets_several_at_once(
    arrivals: Arrivals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file takes long, others are written meanwhile, and closing waits for them all."""
    together = threading.Barrier(3, timeout=60)
    real = Installer.create

    def create(*arguments: object) -> object:
        if int(str(arguments[1])) > 0:
            together.wait()
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Installer, "create", create)
    monkeypatch.setattr(sync_arrivals, "SLOW_SECONDS", 0.0)
    made = [arrivals.write(fetched(), str(number), Wanted.NEW) for number in range(4)]
    arrivals.close()
    assert all(arrived.result().made for arrived in made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]


def test_given_up_before_it_came(arrivals: Arrivals, tmp_path: Path) -> None:
    """An object that comes after the restore has given it up makes no file."""
    future: Future[FetchedObject] = Future()
    arrived = arrivals.write(future, "a.bin", Wanted.NEW)
    assert arrived.cancel()
    future.set_result(fetched().result())
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file(arrivals: Arrivals, tmp_path: Path) -> None:
    """A link, and what is not wanted as a file, keep their bytes and make none."""
    for arrived in (
        arrivals.write(fetched(symlink="1"), "a.bin", Wanted.STAGED),
        arrivals.write(fetched(), "a.bin", Wanted.BYTES),
    ):
        assert arrived.result() == Arrived(arrived.result().info, BODY)
    assert not (tmp_path / ".wherobots").exists()


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"body": b"hello!"}])
def test_not_what_was_saved(
    arrivals: Arrivals, tmp_path: Path, change: dict[str, str | bytes]
) -> None:
    """Bytes that do not have the hash they were saved with are a failure without litter."""
    arrived = arrivals.write(fetched(**change), "a.bin", Wanted.STAGED).result()  # type: ignore[arg-type]
    assert isinstance(arrived.problem, StoreUnavailable)
    assert litter(tmp_path) == []


def test_file_that_cannot_be_made(
    arrivals: Arrivals, installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a refused mode, is handed on to the restore's own thread."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(installer, "finish", refuse)
    arrived = arrivals.write(fetched(), "a.bin", Wanted.STAGED).result()
    with pytest.raises(PermissionError):
        arrived.file()
    assert litter(tmp_path) == []

    def full(*_: object) -> None:
        raise DiskFull("The disk is full.")

    monkeypatch.setattr(installer, "stage", full)
    assert isinstance(arrivals.write(fetched(), "a.bin", Wanted.STAGED).result().problem, DiskFull)


def test_new_file_with_its_name(arrivals: Arrivals, tmp_path: Path) -> None:
    """A new file is in its place, whole and with its facts, and nothing temporary was made."""
    arrived = arrivals.write(fetched(mode="646"), "deep/er/a.bin", Wanted.NEW).result()
    found = (tmp_path / "deep/er/a.bin").stat()
    assert (tmp_path / "deep/er/a.bin").read_bytes() == BODY
    assert found.st_mode & 0o777 == 0o646
    assert found.st_nlink == 1
    assert arrived.made is not None
    assert arrived.made.sha256 == META["sha256"]
    assert arrived.made.entry == examine(tmp_path, "deep/er/a.bin")
    assert arrived.made.entry.mtime_ns == 1_700_000_000_123_456_789
    assert not (tmp_path / ".wherobots").exists()


def test_name_that_is_taken(arrivals: Arrivals, tmp_path: Path) -> None:
    """A file that finds its name taken waits as a temporary one; what is there stays."""
    (tmp_path / "a.bin").write_bytes(b"mine")
    arrived = arrivals.write(fetched(), "a.bin", Wanted.NEW).result()
    assert arrived.made is None
    assert arrived.file().path.read_bytes() == BODY
    assert (tmp_path / "a.bin").read_bytes() == b"mine"


def test_folder_that_is_a_link(arrivals: Arrivals, tmp_path: Path) -> None:
    """No file is made behind a link, wherever it points."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "deep").symlink_to(tmp_path / "elsewhere")
    assert arrivals.write(fetched(), "deep/a.bin", Wanted.NEW).result().made is None
    assert not list((tmp_path / "elsewhere").iterdir())


def test_new_file_of_other_bytes(arrivals: Arrivals, tmp_path: Path) -> None:
    """Bytes that are not what was saved never get a name."""
    arrived = arrivals.write(fetched(b"hullo"), "a.bin", Wanted.NEW).result()
    assert isinstance(arrived.problem, StoreUnavailable)
    assert not (tmp_path / "a.bin").exists()


def test_no_nameless_files(
    arrivals: Arrivals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file system knows no nameless files it is asked once; then all are staged."""
    asked: list[int] = []
    real = os.open

    def refuse(path: str, flags: int, mode: int = 0o777, **where: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            asked.append(flags)
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return real(path, flags, mode, **where)

    monkeypatch.setattr(os, "open", refuse)
    for name in ("a.bin", "b.bin"):
        arrived = arrivals.write(fetched(), name, Wanted.NEW).result()
        assert arrived.file().path.read_bytes() == BODY
    assert len(asked) == 1
    assert not (tmp_path / "a.bin").exists()


def test_fetch_that_failed(arrivals: Arrivals) -> None:
    """A failed fetch is the future's exception, as without a file."""
    future: Future[FetchedObject] = Future()
    future.set_exception(NotFound("There is no such object."))
    with pytest.raises(NotFound):
        arrivals.write(future, "a.bin", Wanted.STAGED).result()
