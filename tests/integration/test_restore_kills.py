"""Restores that are killed and run again, against SeaweedFS."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from support.agents import eventually
from support.homes import CUSTOMER, OLD, PREFIX, Bench, picture, settings_for
from support.processes import agent_process, is_idle
from support.relay import RecordingRelay
from support.turmoil import seed_for

from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys

pytestmark = [pytest.mark.store, pytest.mark.timeout(900)]

MIB = 1024**2
SMALL = 500


def objects_of(bench: Bench) -> dict[str, tuple[str, float]]:
    """Each object of the mirror: its ETag, and when it was put there."""
    return {
        entry.key: (entry.etag, entry.last_modified)
        for entry in iterate_keys(bench.store, PREFIX)
        if isinstance(entry, ObjectInfo) and "/.wherobots/" not in entry.key
    }


def wait_for_more(relay: RecordingRelay, seen: int) -> None:
    """Wait until the next object is asked for."""
    eventually(lambda: len(relay.requests("GET")) > seen, 60)


def partial(there: dict[str, tuple[object, ...]], whole: dict[str, tuple[object, ...]]) -> bool:
    """Whether every file that is there is as it shall be; folders get their modes at the end."""
    return all(whole[path] == facts for path, facts in there.items() if facts[0] != "folder")


@pytest.mark.slow
def test_restore_killed_twenty_times(
    bench: Bench,
    tmp_path: Path,
    seaweed: EmbeddedStore,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """It goes on each time, fetches what is here no more, deletes nothing, and ends the same."""
    rng = random.Random(seed_for(request))
    for number in range(SMALL):
        bench.write(f"d{number % 7}/f{number:03}", rng.randbytes(3000), mtime_ns=OLD)
    for number in range(6):
        bench.write(f"large/{number}", rng.randbytes((9 + 5 * number) * MIB), mtime_ns=OLD)
    (bench.home / "empty").mkdir(mode=0o750)
    (bench.home / "link").symlink_to("d0/f000")
    bench.sync()
    objects, whole = objects_of(bench), picture(bench.home)
    fresh = Bench(tmp_path, bench.store, "fresh")
    settings = settings_for(fresh.home, fresh.state, bench.store.bucket, sync_interval=0.5)
    with RecordingRelay(seaweed.endpoint_url) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
        for _ in range(20):
            installed = {path for path, facts in picture(fresh.home).items() if facts[0] == "file"}
            fetched = len(relay.requests("GET"))
            with agent_process(settings) as process:
                wait_for_more(relay, fetched)
                time.sleep(rng.uniform(0, 0.7))
                process.kill()
                process.wait()
            assert partial(picture(fresh.home), whole)
            assert installed <= picture(fresh.home).keys()
            again = relay.requests("GET")[fetched:]
            twice = [path for path in installed if any(is_of(target, path) for target in again)]
            # What was installed but not journaled when it was killed is compared: one batch.
            assert len(twice) <= 250, twice
        with agent_process(settings) as process:
            eventually(lambda: is_idle(settings), 120)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        deleted = [target for target in relay.requests("DELETE") if ".wherobots/" not in target]
        assert deleted == []
        # The one that came through has looked what the store can do, and cleaned up after it.
        assert len([target for target in relay.requests("POST") if "delete" in target]) <= 1
        small = [target for target in relay.requests("GET") if "/f" in target]
        assert len(small) >= SMALL
    assert picture(fresh.home) == whole
    assert objects_of(bench) == objects
    assert not (fresh.home / ".wherobots" / "tmp").exists()


def is_of(target: str, path: str) -> bool:
    """Whether a request is for a path of the mirror."""
    return target.partition("?")[0].endswith(f"/notebooks/{CUSTOMER}/{quote(path)}")
