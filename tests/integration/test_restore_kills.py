"""Restores that are killed and run again, against SeaweedFS."""

from __future__ import annotations

import random
import re
import signal
import time
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest
from support.agents import eventually
from support.homes import CUSTOMER, OLD, PREFIX, Bench, picture, settings_for
from support.processes import agent_process, is_idle, status_of
from support.relay import RecordingRelay, of_mirror
from support.turmoil import seed_for

from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.store import ObjectInfo, iterate_keys
from wherobots_storage.settings import Settings

pytestmark = [pytest.mark.store, pytest.mark.timeout(1800)]

MIB = 1024**2
SMALL, LARGE = 500, 6
KILLS, UNHELD = 20, 4


def objects_of(bench: Bench) -> dict[str, tuple[str, float]]:
    """Each object of the mirror: its ETag, and when it was put there."""
    return {
        entry.key: (entry.etag, entry.last_modified)
        for entry in iterate_keys(bench.store, PREFIX)
        if isinstance(entry, ObjectInfo) and "/.wherobots/" not in entry.key
    }


def deleted_in_batches(relay: RecordingRelay) -> list[str]:
    """The keys of every batch delete."""
    posts = [request for request in relay.recorded() if request.method == "POST"]
    bodies = [request.body for request in posts if "delete" in request.target.partition("?")[2]]
    keys = [key for body in bodies for key in re.findall(r"<Key>(.*?)</Key>", body.decode())]
    return [unescape(key) for key in keys]


def is_restoring(settings: Settings) -> bool:
    """Whether the agent of these settings says that it restores."""
    status = status_of(settings)
    return status is not None and status.state == "restoring"


def in_the_middle(relay: RecordingRelay, settings: Settings, more: int) -> None:
    """Wait until a restore has brought ``more`` objects, and cannot go on."""
    relay.let_through(more)
    eventually(lambda: relay.holds and is_restoring(settings))


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
    for number in range(LARGE):
        bench.write(f"large/{number}", rng.randbytes((9 + 5 * number) * MIB), mtime_ns=OLD)
    (bench.home / "empty").mkdir(mode=0o750)
    (bench.home / "link").symlink_to("d0/f000")
    bench.sync()
    objects, whole = objects_of(bench), picture(bench.home)
    fresh = Bench(tmp_path, bench.store, "fresh")
    settings = settings_for(
        fresh.home, fresh.state, bench.store.bucket, sync_interval=0.5, shutdown_timeout=60.0
    )
    with RecordingRelay(seaweed.endpoint_url, of_mirror("GET")) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
        for left in range(KILLS, 0, -1):
            installed = {path for path, facts in picture(fresh.home).items() if facts[0] == "file"}
            fetched = len(relay.requests("GET"))
            with agent_process(settings) as process:
                # A part of what is missing, so that each restore is killed before its end,
                # however fast it is; but the last ones are not held back by anything.
                missing = SMALL + LARGE - len(installed)
                if left > UNHELD:
                    in_the_middle(relay, settings, rng.randrange(missing // (left - UNHELD)))
                else:
                    eventually(lambda: status_of(settings) is not None)
                time.sleep(rng.choice((0, rng.uniform(0, 0.5))))
                process.kill()
                process.wait()
            relay.let_through(None)
            assert left <= UNHELD or picture(fresh.home).keys() < whole.keys()
            assert partial(picture(fresh.home), whole)
            assert installed <= picture(fresh.home).keys()
            again = relay.requests("GET")[fetched:]
            twice = [path for path in installed if any(is_of(target, path) for target in again)]
            # What was installed but not journaled when it was killed is compared: one batch.
            assert len(twice) <= 250, twice
        with agent_process(settings) as process:
            eventually(lambda: is_idle(settings))
            process.send_signal(signal.SIGTERM)
            assert process.wait(180) == 0
        deleted = [target for target in relay.requests("DELETE") if ".wherobots/" not in target]
        assert deleted == []
        # Those that came through have looked what the store can do, and cleaned up after it.
        cleaned = deleted_in_batches(relay)
        assert cleaned
        assert [key for key in cleaned if not key.startswith(f"{PREFIX}.wherobots/probe/")] == []
        small = [target for target in relay.requests("GET") if "/f" in target]
        assert len(small) >= SMALL
    assert picture(fresh.home) == whole
    assert objects_of(bench) == objects
    assert not (fresh.home / ".wherobots" / "tmp").exists()


def is_of(target: str, path: str) -> bool:
    """Whether a request is for a path of the mirror."""
    return target.partition("?")[0].endswith(f"/notebooks/{CUSTOMER}/{quote(path)}")
