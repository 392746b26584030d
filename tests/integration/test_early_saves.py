"""What is saved while a home is restored, on SeaweedFS and with the system's own watching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.agents import WORKERS, eventually, running_agent
from support.homes import OLD, PREFIX, Bench, picture
from support.tickets import Tickets, without_rests

from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.focus import Focus
from wherobots_storage.sync.home import Home
from wherobots_storage.sync.lease import lease_of
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.watch import Watcher

pytestmark = pytest.mark.store

FILES = 200
LAST = f"d9/f{FILES - 1}"


@pytest.fixture
def tickets(s3_store: S3Store, monkeypatch: pytest.MonkeyPatch) -> Tickets:
    """What is read of the home's many files has to be paid for."""
    without_rests(monkeypatch.setattr)
    tickets = Tickets(WORKERS)
    get = s3_store.get

    def slow(key: str, **options: Any) -> Any:
        if key.startswith(f"{PREFIX}d"):
            tickets.take()
        return get(key, **options)

    monkeypatch.setattr(s3_store, "get", slow)
    return tickets


def test_saves_during_a_restore(bench: Bench, tmp_path: Path, tickets: Tickets) -> None:
    """New, restored and awaited files that are written in it are in the bucket before its end.

    Nothing is deleted until then, and afterwards home and bucket are the same.
    """
    for number in range(FILES):
        bench.write(f"d{number % 10}/f{number:03}", b"%d" % number, mtime_ns=OLD)
    bench.sync()
    other = Bench(tmp_path, bench.store, "two")
    other.settings = replace(other.settings, restore_wait=0.0)

    heard: set[str] = set()

    def watch(hint: Callable[[Focus], None], trouble: Callable[[str], None]) -> Watcher:
        def hears(focus: Focus) -> None:
            hint(focus)
            heard.update(focus.flat | focus.deep)

        return Watcher(Home.open(other.settings), hears, trouble)

    StateFolder.for_settings(other.settings).make()
    lease = lease_of(other.settings, bench.store)
    with running_agent(other.settings, bench.store, watch, lease) as agent:
        try:
            tickets.until((other.home / "d0/f010").exists)
            other.write("new.ipynb", b"new")
            other.write("d0/f000", b"edited")
            other.write(LAST, b"mine")
            (other.home / "d0/f010").unlink()
            # Nothing goes on before the system has told of all that; it tells in order.
            other.write("told/last")
            eventually(lambda: "told/" in heard)
            tickets.until(lambda: "new.ipynb" in set(other.keys()))
            tickets.until(lambda: other.body("d0/f000") == b"edited")
            tickets.until(lambda: other.body(LAST) == b"mine")
            assert not (other.home / "d9/f189").exists()
            assert "d0/f010" in set(other.keys())
            assert lease.held
        finally:
            tickets.open()
        eventually(lambda: "d0/f010" not in set(other.keys()))
        status = agent.reaches("idle")
        assert [notice.path for notice in status.conflicts] == [LAST]
    kept = other.kept(LAST)
    assert [other.body(key) for key in kept] == [b"%d" % (FILES - 1)]
    files = {path for path, facts in picture(other.home).items() if facts[0] == "file"}
    assert files == set(other.keys())
    assert len(files) == FILES + 2
