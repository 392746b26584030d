"""Final syncs of files that never hold still."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from support.faults import FaultyStore
from support.haste import Hasty
from support.homes import OLD, PREFIX, Bench, codes, final, opened

from wherobots_storage.errors import StoreUnavailable
from wherobots_storage.sync.cancel import Cancel
from wherobots_storage.sync.openuploads import OpenUploads

LARGE = 40 * 1024**2


@pytest.fixture
def moving(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Make a file grow by a byte whenever it is read, so many times."""

    def start(path: str, times: int) -> None:
        target = bench.home / path
        inode = target.stat().st_ino
        left = [times]

        def grow(descriptor: int) -> None:
            if left[0] and os.fstat(descriptor).st_ino == inode:
                left[0] -= 1
                with target.open("ab") as file:
                    file.write(b"+")

        for name in ("read", "pread", "preadv"):
            real = getattr(os, name)

            def reading(descriptor: int, *rest: Any, real: Callable[..., Any] = real) -> Any:
                found = real(descriptor, *rest)
                grow(descriptor)
                return found

            monkeypatch.setattr(os, name, reading)

    return start


def unsettled(bench: Bench) -> list[str]:
    """The copies of moving files."""
    keys = bench.keys()
    return [key for key in keys if " (unsettled 2" in key]


@pytest.mark.parametrize("size", [1000, LARGE], ids=["small", "large"])
def test_moving_file_goes_beside_the_good_one(
    bench: Bench, store: FaultyStore, moving: Callable[[str, int], None], size: int
) -> None:
    """A file that moves to the end is saved beside its last good version, and told next time."""
    good = os.urandom(9)
    file = bench.write("d/log.txt", good, mtime_ns=OLD)
    bench.write("other")
    bench.sync()
    body = os.urandom(size)
    file.write_bytes(body)
    bench.write("new")
    moving("d/log.txt", 10**6)
    with opened(bench) as (session, board):
        assert not final(session, Cancel(seconds=60))
        notices = {notice.path: notice for notice in board.status.skipped}
        assert board.status.pending.files == 0
    (copy,) = unsettled(bench)
    assert copy.startswith("d/log (unsettled ")
    assert copy.endswith(").txt")
    assert notices["d/log.txt"].code == "kept-unsettled"
    assert copy in notices["d/log.txt"].reason
    assert bench.body("d/log.txt") == good
    assert bench.body(copy).startswith(body)
    assert bench.body("new") == b"x"
    assert store.list_uploads(PREFIX) == []
    with opened(bench) as (_, board):
        assert "not-saved-at-stop" in {notice.code for notice in board.status.skipped}


def test_file_that_settles_leaves_no_copy(
    bench: Bench, moving: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that holds still before the end is saved as itself, and its copy goes again."""
    bench.write("a", b"log", mtime_ns=OLD)
    moving("a", 4)
    with opened(bench) as (session, _):
        # Little time, as it seems: the first look already saves a copy.
        monkeypatch.setattr("wherobots_storage.sync.unsettled.HURRY_SECONDS", 1000.0)
        assert final(session, Cancel(seconds=60))
    assert bench.keys() == ["a"]
    assert bench.body("a") == b"log++++"


def test_moving_file_waits_in_an_ordinary_sync(
    bench: Bench, moving: Callable[[str, int], None]
) -> None:
    """Before the end a moving file is only tried again."""
    bench.write("a", mtime_ns=OLD)
    moving("a", 10**6)
    for _ in range(3):
        assert codes(bench.sync()) == {"a": "unsettled"}
    assert bench.keys() == []


def test_copy_that_fails_leaves_the_file_for_the_report(
    bench: Bench, store: FaultyStore, moving: Callable[[str, int], None]
) -> None:
    """A copy that the store does not take is no success, and no endless loop either."""
    bench.write("a", mtime_ns=OLD)
    moving("a", 10**6)

    def fail(name: str, key: str) -> None:
        if name == "put" and "unsettled" in key:
            raise StoreUnavailable("It is gone.")

    store.before = fail
    with opened(bench) as (session, board):
        assert not final(session, Hasty(pauses=4))
        assert board.status.pending.files == 1
    assert bench.keys() == []


def test_copy_interrupted_by_a_kill_leaves_no_parts(bench: Bench, store: FaultyStore) -> None:
    """Parts of a copy whose process was killed are given up by the next sync."""
    with opened(bench) as (session, _):
        session.cycle(Cancel())
        uploads = OpenUploads(session._mirror, session.journal)
        upload = uploads.begin_beside("log (unsettled 2026-01-01 000000)", LARGE, LARGE, {})
        store.upload_part(f"{PREFIX}{upload.path}", upload.upload_id, 1, b"x" * LARGE, size=LARGE)
    assert len(store.list_uploads(PREFIX)) == 1
    bench.sync()
    assert store.list_uploads(PREFIX) == []
    assert bench.keys() == []


def test_restore_brings_the_copy(bench: Bench, moving: Callable[[str, int], None]) -> None:
    """What was saved beside comes back beside."""
    bench.write("a", b"good", mtime_ns=OLD)
    bench.sync()
    bench.write("a", b"moving")
    moving("a", 10**6)
    with opened(bench) as (session, _):
        final(session, Cancel(seconds=60))
    (copy,) = unsettled(bench)
    fresh = Bench(bench.home.parent.parent, bench.store, "fresh")
    assert fresh.restore().complete
    assert (fresh.home / "a").read_bytes() == b"good"
    assert (fresh.home / copy).read_bytes().startswith(b"moving")
