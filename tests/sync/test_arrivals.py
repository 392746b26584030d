"""Objects that arrive become temporary files on the threads that fetched them."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from wherobots_storage.errors import DiskFull, NotFound, StoreUnavailable
from wherobots_storage.objectstore.store import FetchedObject, ObjectInfo
from wherobots_storage.sync.arrivals import Arrivals, Arrived
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.install import Installer

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
    arrived = arrivals.write(fetched(), wanted=True).result()
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
    found = arrivals.write(future, wanted=True).result().file().path.stat()
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
    arrived = arrivals.write(future, wanted=True)
    worker = threading.Thread(target=future.set_result, args=(fetched().result(),))
    worker.start()
    arrived.result(5).file()
    worker.join()
    assert seen == [worker.ident]


def test_what_is_no_file(arrivals: Arrivals, tmp_path: Path) -> None:
    """A link, and what is not wanted as a file, keep their bytes and make none."""
    for arrived in (
        arrivals.write(fetched(symlink="1"), wanted=True),
        arrivals.write(fetched(), wanted=False),
    ):
        assert arrived.result() == Arrived(arrived.result().info, BODY)
    assert not (tmp_path / ".wherobots").exists()


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"body": b"hello!"}])
def test_not_what_was_saved(
    arrivals: Arrivals, tmp_path: Path, change: dict[str, str | bytes]
) -> None:
    """Bytes that do not have the hash they were saved with are a failure without litter."""
    arrived = arrivals.write(fetched(**change), wanted=True).result()  # type: ignore[arg-type]
    assert isinstance(arrived.problem, StoreUnavailable)
    assert litter(tmp_path) == []


def test_file_that_cannot_be_made(
    arrivals: Arrivals, installer: Installer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or a refused mode, is handed on to the restore's own thread."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(installer, "finish", refuse)
    arrived = arrivals.write(fetched(), wanted=True).result()
    with pytest.raises(PermissionError):
        arrived.file()
    assert litter(tmp_path) == []

    def full(*_: object) -> None:
        raise DiskFull("The disk is full.")

    monkeypatch.setattr(installer, "stage", full)
    assert isinstance(arrivals.write(fetched(), wanted=True).result().problem, DiskFull)


def test_fetch_that_failed(arrivals: Arrivals) -> None:
    """A failed fetch is the future's exception, as without a file."""
    future: Future[FetchedObject] = Future()
    future.set_exception(NotFound("There is no such object."))
    with pytest.raises(NotFound):
        arrivals.write(future, wanted=True).result()
