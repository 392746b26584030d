"""A process that is killed while a large file travels to a real SeaweedFS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.homes import OLD, PREFIX, Bench, opened

from wherobots_storage.objectstore.s3 import S3Store

pytestmark = pytest.mark.store

SIZE = 60 * 1024**2
PARTS = 4
TESTS = Path(__file__).parents[1]

KILLED = """
import os, signal, sys
from pathlib import Path
from support.homes import Bench
from wherobots_storage.objectstore.connect import open_store

class Dying:
    def __init__(self, store):
        self.store, self.left = store, int(sys.argv[3])
    def __getattr__(self, name):
        return getattr(self.store, name)
    def upload_part(self, *arguments, **options):
        etag = self.store.upload_part(*arguments, **options)
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return etag

Bench(Path(sys.argv[2]), Dying(open_store(sys.argv[1]))).sync()
"""


@pytest.mark.parametrize("parts", [0, 2])
def test_killed_upload_goes_on(
    tmp_path: Path,
    s3_store: S3Store,
    seaweed_environment: dict[str, str],
    parts: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After SIGKILL between two parts the next process sends no more than what is missing."""
    bench = Bench(tmp_path, s3_store)
    bench.write("big", os.urandom(SIZE), mtime_ns=OLD)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, s3_store.bucket, tmp_path, str(parts)],
        env={**os.environ, **seaweed_environment, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(s3_store.list_uploads(PREFIX)) == 1
    with opened(bench) as (session, _):
        ((noted,),) = session.journal.ask("SELECT count(*) FROM parts")
    sent: list[int] = []
    real = s3_store.upload_part

    def upload_part(key: str, upload_id: str, number: int, body: bytes, *, size: int) -> str:
        sent.append(number)
        return real(key, upload_id, number, body, size=size)

    monkeypatch.setattr(s3_store, "upload_part", upload_part)
    assert bench.sync().complete
    assert len(sent) == PARTS - int(str(noted))
    assert bench.body("big") == (bench.home / "big").read_bytes()
    assert s3_store.list_uploads(PREFIX) == []
    assert bench.keys() == ["big"]


def test_changed_after_the_kill(
    tmp_path: Path, s3_store: S3Store, seaweed_environment: dict[str, str]
) -> None:
    """A file that changed after the kill is sent anew, and the former upload is aborted."""
    bench = Bench(tmp_path, s3_store)
    bench.write("big", os.urandom(SIZE), mtime_ns=OLD)
    subprocess.run(
        [sys.executable, "-c", KILLED, s3_store.bucket, tmp_path, "2"],
        env={**os.environ, **seaweed_environment, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"},
        check=False,
    )
    bench.write("big", os.urandom(SIZE - 5))
    assert bench.sync().complete
    assert bench.body("big") == (bench.home / "big").read_bytes()
    assert s3_store.list_uploads(PREFIX) == []
