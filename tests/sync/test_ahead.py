"""A new home gets files while its mirror is still being listed, and ends as it would without."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from support.agents import eventually
from support.faults import PagedStore
from support.homes import OLD, PREFIX, Bench, codes, opened, picture

from wherobots_storage.errors import DiskFull, StoreUnavailable
from wherobots_storage.sync.ahead import MOST_LOCAL
from wherobots_storage.sync.cancel import Cancel, Interrupted
from wherobots_storage.sync.lister import Lister

FILES = 40
LARGE = 9 * 1024**2
META = {"mtime": "1600000000"}


@pytest.fixture
def store() -> PagedStore:
    """A mirror of many files, listed five at a time."""
    store = PagedStore()
    store.limit = 5
    for number in range(FILES):
        store.put(f"{PREFIX}many/{number:02}", b"%d" % number, metadata=META)
    store.calls.clear()
    return store


@pytest.fixture
def bench(tmp_path: Path, store: PagedStore) -> Bench:
    """An empty home."""
    return Bench(tmp_path, store)


class Pages:
    """Does something before a page of the mirror's listing is answered; the first has number 1."""

    def __init__(self, store: PagedStore, number: int, do: Any) -> None:
        self.seen = 0
        self._number = number
        self._do = do
        store.before = self._before

    def _before(self, name: str, key: str) -> None:
        if name == "list_page" and key == PREFIX:
            self.seen += 1
            if self.seen == self._number:
                self._do()


def rows(bench: Bench) -> dict[str, str]:
    """The journal of a home: the SHA-256 of each path."""
    with opened(bench) as (session, _):
        return {record.path: record.sha256 for record in session.journal}


def test_a_file_is_here_before_the_listing_ends(bench: Bench, store: PagedStore) -> None:
    """What the first pages name is in the home while the store still lists."""
    met: list[str] = []

    def look() -> None:
        eventually((bench.home / "many/00").exists)
        met.append("many/00")

    pages = Pages(store, 5, look)
    assert bench.restore().complete
    assert met == ["many/00"]
    assert pages.seen == FILES // 5 + 1  # the last one has the id of the mirror
    assert store.count("get", "/many/") == FILES
    store.heal()
    assert bench.sync().complete
    assert store.count("put") + store.count("delete") == 0
    assert len(picture(bench.home)) == FILES + 1


def test_a_listing_that_fails(bench: Bench, store: PagedStore) -> None:
    """What came before the failure is whole, journaled, and not fetched again."""

    def fail() -> None:
        eventually((bench.home / "many/00").exists)
        raise StoreUnavailable("away")

    Pages(store, 5, fail)
    with pytest.raises(StoreUnavailable):
        bench.restore()
    here = set(picture(bench.home)) - {"many"}
    assert {"many/00"} <= here < {f"many/{number:02}" for number in range(FILES)}
    assert set(rows(bench)) == here
    assert not (bench.home / ".wherobots/tmp").exists()
    store.heal()
    assert bench.restore().complete
    assert store.count("get", "/many/") == FILES - len(here)
    assert len(picture(bench.home)) == FILES + 1
    assert len(bench.keys()) == FILES


def test_a_failed_listing_takes_nothing_for_deleted(bench: Bench, store: PagedStore) -> None:
    """The sync after a listing that failed deletes nothing and sends nothing."""

    def fail() -> None:
        eventually((bench.home / "many/00").exists)
        raise StoreUnavailable("away")

    Pages(store, 4, fail)
    with pytest.raises(StoreUnavailable):
        bench.restore()
    store.heal()
    assert bench.sync().complete
    assert store.count("put") + store.count("delete") == 0
    assert len(bench.keys()) == FILES


def odd_mirror(store: PagedStore, bench: Bench) -> None:
    """A bit of everything that a restore refuses, keeps beside, or does at its end."""

    def put(path: str, body: bytes = b"x", **metadata: str) -> None:
        store.put(f"{PREFIX}{path}", body, metadata={**META, **metadata})

    for path in ("a", "a-b", "a.txt", "a/b", "a/c/d", "b//c", "taken", "same"):
        put(path, path.encode())
    for path in ("folder/inner/x", "folder/y", "shut/x", "shut/y", "zz/end"):
        put(path, path.encode())
    put("shut/", b"", mode="500")
    put("empty/", b"", mode="700")
    put("marker/", b"bytes")
    put("link", b"a.txt", symlink="1")
    put("folder/up", b"../a.txt", symlink="1")
    put("out", b"/etc/passwd", symlink="1")
    put("large", b"y" * LARGE)
    put("wrong", b"wrong", sha256="0" * 64)
    put("was-file/x")
    put("was-folder")
    put("n" * 300)
    for number in range(20):
        put(f"more/{number:02}", b"%d" % number, mode="600")
    bench.write("taken", b"ours", mtime_ns=OLD)
    bench.write("same", b"same", mtime_ns=OLD)
    bench.write("was-file", b"ours", mtime_ns=OLD)
    (bench.home / "was-folder").mkdir()


def outcome_of(tmp_path: Path, limit: int) -> tuple[Any, ...]:
    """The home, the notices and the journal after a restore whose pages have so many keys."""
    store = PagedStore()
    store.limit = limit
    bench = Bench(tmp_path / str(limit), store)
    odd_mirror(store, bench)
    outcome = bench.restore()
    told = codes(outcome)
    # The time is in the names of what was kept beside another.
    here = {
        path.partition(" (conflict ")[0] + "!" * (" (" in path): value
        for path, value in picture(bench.home).items()
    }
    journal = rows(bench)
    store.heal()
    again = codes(bench.restore())
    return here, told, journal, again, outcome.complete, store.count("get", "/more/")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20])
def test_as_if_all_had_been_listed_before(tmp_path: Path, limit: int) -> None:
    """Refusals, conflicts, types, modes, links and the journal do not depend on the pages."""
    whole = outcome_of(tmp_path, 1000)
    assert whole[1]["a"] == "file-and-folder"
    assert whole[1]["was-file/x"] == "parent-not-folder"
    assert whole[1]["taken"] == "conflict"
    assert outcome_of(tmp_path, limit) == whole


def test_a_folder_of_a_listing_that_failed(bench: Bench, store: PagedStore) -> None:
    """A folder made for a file that came early gets its own mode from the restore that goes on."""
    store.put(f"{PREFIX}private/", b"", metadata={"mode": "700"})
    for number in range(9):
        store.put(f"{PREFIX}private/{number}", b"x", metadata=META)
    store.put(f"{PREFIX}z", b"x", metadata=META)

    def fail() -> None:
        eventually((bench.home / "private/0").exists)
        raise StoreUnavailable("away")

    Pages(store, FILES // 5 + 3, fail)
    with pytest.raises(StoreUnavailable):
        bench.restore()
    assert (bench.home / "private/0").exists()
    store.heal()
    assert bench.restore().complete
    assert picture(bench.home)["private"] == ("folder", 0o700)
    assert bench.sync().complete
    assert store.count("put") == 0


def test_a_disk_that_is_full(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error still tells how much is needed for all that the mirror has."""
    real = os.open

    def full(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if flags & os.O_ACCMODE and (path == "." or str(path).startswith(str(bench.home))):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, flags, *rest, **more)

    needed = sum(len(b"%d" % number) for number in range(FILES))
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", full)
        with pytest.raises(DiskFull, match=f" {needed} bytes more are needed"):
            bench.restore()
    assert bench.restore().complete


def test_a_home_that_is_known_waits_for_the_listing(bench: Bench, store: PagedStore) -> None:
    """With a journal, what is missing may have been deleted here: that takes the whole listing."""
    assert bench.restore().complete
    (bench.home / "many/03").unlink()
    store.put(f"{PREFIX}many/020", b"new", metadata=META)
    store.heal()
    Pages(store, 9, lambda: asked.extend(store.calls))
    asked: list[tuple[str, str]] = []
    assert bench.restore().complete
    assert {name for name, _ in asked} == {"list_page"}
    assert (bench.home / "many/020").exists()
    assert not (bench.home / "many/03").exists()


def test_a_home_with_much_in_it_waits_for_the_listing(bench: Bench, store: PagedStore) -> None:
    """Files without a journal are many to compare with: that is the plan's work."""
    for number in range(MOST_LOCAL + 1):
        bench.write(f"own/{number}", mtime_ns=OLD)
    asked: list[tuple[str, str]] = []
    Pages(store, 8, lambda: asked.extend(store.calls))
    assert bench.restore().complete
    assert {name for name, _ in asked} == {"list_page"}
    assert (bench.home / "many/00").exists()


def test_a_file_that_is_edited_meanwhile(bench: Bench, store: PagedStore) -> None:
    """A file that came early and was changed before the plan keeps the change."""

    def edit() -> None:
        eventually((bench.home / "many/00").exists)
        bench.write("many/00", b"edited")

    Pages(store, 8, edit)
    bench.restore()
    assert (bench.home / "many/00").read_bytes() == b"edited"
    store.heal()
    assert bench.sync().complete
    assert bench.body("many/00") == b"edited"


def test_a_restore_that_is_given_up(bench: Bench, store: PagedStore) -> None:
    """A stop during the listing leaves what has come, and the next restore goes on."""
    stop = threading.Event()

    def give_up() -> None:
        eventually((bench.home / "many/00").exists)
        stop.set()

    Pages(store, 5, give_up)
    with opened(bench) as (session, _), pytest.raises(Interrupted):
        session.restore(Cancel(stop))
    here = set(rows(bench))
    assert "many/00" in here
    store.heal()
    assert bench.restore().complete
    assert store.count("get", "/many/") == FILES - len(here)


def test_pages_come_in_order(store: PagedStore) -> None:
    """Every key once, in the order of the pages; whoever waits is rung for each of them."""
    rung: list[bool] = []
    found: list[str] = []
    with Lister(store, PREFIX, lambda: rung.append(True)) as lister:
        while not lister.is_over:
            page = lister.next(0.2)
            found += [getattr(entry, "key", "") for entry in page.entries] if page else []
    assert found == [f"{PREFIX}many/{number:02}" for number in range(FILES)]
    assert len(rung) == FILES // 5


def test_pages_are_given_up(store: PagedStore) -> None:
    """Whoever wants no more pages does not wait for the listing's end."""
    with Lister(store, PREFIX) as lister:
        eventually(lambda: lister.next(0.2))
    assert not lister.is_over
    assert store.count("list_page") < FILES // 5 + 1
    assert not [thread for thread in threading.enumerate() if thread.name == "listing"]


def test_an_empty_mirror(tmp_path: Path) -> None:
    """One page without anything in it is a whole listing."""
    store = PagedStore()
    with Lister(store, PREFIX) as lister:
        while not lister.is_over:
            lister.next(0.2)
    assert Bench(tmp_path, store).restore().complete
