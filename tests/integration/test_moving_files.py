"""Files that are written all the time: no torn object is ever at a name, and none is forgotten."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import PREFIX, Bench, picture, settings_for
from support.processes import agent_process, is_idle, status_of
from support.turmoil import Worker
from support.writers import Loaded, Log, Replaced, Rewritten, Writer

from wherobots_storage.errors import NotFound
from wherobots_storage.objectstore.s3 import S3Store

pytestmark = [pytest.mark.store, pytest.mark.timeout(1200)]

MIB = 1024**2


def writers_of(home: Path) -> list[Writer]:
    """One of each kind."""
    return [
        Log(home / "growing.log", pause=0.005),
        Log(home / "slow.log", pause=0.3),
        Replaced(home / "replaced.txt", pause=0.02),
        Rewritten(home / "small.bin", pause=0.002, size=MIB, piece=16 * 1024),
        Rewritten(home / "rested.bin", pause=0.15, size=MIB, piece=MIB // 4),
        Rewritten(home / "large.bin", pause=0.05, size=12 * MIB, piece=MIB),
        Rewritten(home / "large at times.bin", pause=2.0, size=9 * MIB, piece=3 * MIB),
        Loaded(home / "rollback.db", pause=0.02, mode="DELETE"),
        Loaded(home / "wal.db", pause=0.02, mode="WAL"),
    ]


class Witness(Worker):
    """Keeps every version of some objects that it sees."""

    def __init__(self, store: S3Store, names: list[str]) -> None:
        super().__init__(0.2)
        self._store = store
        self._etags: dict[str, set[str]] = {name: set() for name in names}
        self.seen: dict[str, list[bytes]] = {name: [] for name in names}

    def step(self) -> None:
        """Look at each."""
        for name, etags in self._etags.items():
            with suppress(NotFound), self._store.get(f"{PREFIX}{name}") as body:
                if body.info.etag not in etags:
                    self.seen[name].append(b"".join(body.chunks()))
                    etags.add(body.info.etag)


def bodies_of(bench: Bench, name: str) -> Iterator[tuple[str, bytes]]:
    """What is saved of a file: at its name, and unsettled beside it."""
    stem, _, extension = name.rpartition(".")
    for key in set(bench.keys()):
        if key == name or (key.startswith(f"{stem} (unsettled 2") and key.endswith(extension)):
            yield key, bench.body(key)


def check_integrity(folder: Path, body: bytes) -> None:
    """SQLite finds nothing wrong with a database."""
    file = folder / "checked.db"
    file.write_bytes(body)
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT count(*) FROM t").fetchone() == (30,)


@pytest.mark.parametrize(
    ("seconds", "stop"),
    [pytest.param(1.5, 45, id="short"), pytest.param(90, 45, id="long", marks=pytest.mark.slow)],
)
def test_files_that_never_rest(
    bench: Bench, s3_store: S3Store, tmp_path: Path, seconds: float, stop: float
) -> None:
    """Whatever is at a name was the file at one instant; the stop saves all, there or beside."""
    bench.settings = settings_for(
        bench.home, bench.state, s3_store.bucket, sync_interval=0.5, shutdown_timeout=stop
    )
    writers = writers_of(bench.home)
    names = [writer.file.name for writer in writers]
    witness = Witness(s3_store, names)
    before: dict[str, int] = {}
    with witness, ExitStack() as running, agent_process(bench.settings) as process:
        for writer in writers:
            running.enter_context(writer)
        eventually(lambda: status_of(bench.settings) is not None)
        time.sleep(seconds)
        for writer in writers:
            before[writer.file.name] = writer.age(writer.file.read_bytes())
        process.send_signal(signal.SIGTERM)
        assert process.wait(240) in {0, 3}
    saved = {name: dict(bodies_of(bench, name)) for name in names}
    for writer in writers:
        name = writer.file.name
        at_name = [saved[name][name]] if name in saved[name] else []
        for body in [*witness.seen[name], *at_name]:
            assert writer.is_whole(body), f"{name} is torn"
        newest = max(writer.age(body) for body in saved[name].values())
        assert newest >= before[name], f"{name} was not saved at the stop"
    for writer in writers:
        if isinstance(writer, Loaded):
            seen = witness.seen[writer.file.name]
            for body in [body for body in seen if writer.is_between(body)][:20]:
                check_integrity(tmp_path, body)
    # An upload that the deadline broke off stays open for the next sync, which settles it.
    bench.sync()
    assert s3_store.list_uploads(PREFIX) == []
    with agent_process(bench.settings) as process:
        eventually(lambda: is_idle(bench.settings))
        process.send_signal(signal.SIGTERM)
        assert process.wait(240) == 0
    for name in names:
        assert bench.body(name) == (bench.home / name).read_bytes()
    for name in ("rollback.db", "wal.db"):
        check_integrity(tmp_path, bench.body(name))
    fresh = Bench(tmp_path, s3_store, "fresh")
    fresh.restore()
    assert picture(fresh.home) == picture(bench.home)
