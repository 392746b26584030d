"""A server that ignores conditional writes: rclone's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import OLD, PREFIX, Bench, codes, picture

from wherobots_storage.commands.checks_store import StoreChecks
from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.connect import connect, open_transfers
from wherobots_storage.objectstore.inspect import inspect_store
from wherobots_storage.objectstore.ports import choose
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.sync.probe import probe

pytestmark = [pytest.mark.store, pytest.mark.slow]

PEERS = Path(__file__).parents[2] / ".make/peers/bin"


def rclone() -> str:
    """The program: of the machine, or of `make bench`'s peers."""
    found = shutil.which("rclone") or shutil.which("rclone", path=str(PEERS))
    if found is None:
        pytest.skip("rclone is not installed (`make bench` installs it)")
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3Store]:
    """A bucket of a running `rclone serve s3`."""
    folder = tmp_path / "served"
    (folder / "test").mkdir(parents=True)
    port = choose(["s3"])["s3"]
    command = [rclone(), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", "key,secret", "--config", os.devnull, "--vfs-cache-mode", "off"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    store = connect("test", environment)

    def serves() -> bool:
        try:
            store.list_page("", limit=1)
        except StorageError:
            return False
        return True

    try:
        eventually(serves)
        yield store
    finally:
        store.close()
        process.terminate()
        process.wait(60)


def bench_on(folder: Path, store: S3Store, name: str) -> Bench:
    """A home whose files travel as an agent's do."""
    bench = Bench(folder, store, name)
    bench.open_transfers = open_transfers
    return bench


def test_the_probe_finds_out(store: S3Store) -> None:
    """The probe sees that a condition which does not hold is not refused."""
    assert not probe(store, PREFIX).conditions


def test_doctor_says_so(store: S3Store, tmp_path: Path) -> None:
    """`doctor` warns that two writers could overwrite each other."""
    tenancy = Bench(tmp_path, store).settings.require_tenancy()
    finding = StoreChecks(tenancy, store, inspect_store(store)).conditions()
    assert finding.state == "warning"
    assert "If-None-Match" in finding.message


def test_comparisons_stand_in(store: S3Store, tmp_path: Path) -> None:
    """Without conditions, what another writer put there before the look is kept all the same."""
    first, second = bench_on(tmp_path, store, "first"), bench_on(tmp_path, store, "second")
    first.write("known", b"one", mtime_ns=OLD)
    first.write("folder/other", b"other", mtime_ns=OLD)
    assert first.sync().complete
    store.put(f"{PREFIX}known", b"theirs over ours")
    store.put(f"{PREFIX}new", b"theirs")
    first.write("known", b"two", mtime_ns=OLD)
    first.write("new", b"ours", mtime_ns=OLD)
    outcome = first.sync()
    assert {"known", "new"} <= set(codes(outcome))
    assert (first.body("known"), first.body("new")) == (b"two", b"ours")
    kept = {name: [first.body(key) for key in first.kept(name)] for name in ("known", "new")}
    assert kept == {"known": [b"theirs over ours"], "new": [b"theirs"]}
    second.restore()
    bodies = {name: (second.home / name).read_bytes() for name in ("known", "folder/other")}
    assert bodies == {"known": b"two", "folder/other": b"other"}
    assert set(picture(first.home)) < set(picture(second.home))
