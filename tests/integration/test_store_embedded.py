"""The embedded store: its start, its stop, its keys, and what happens when things go wrong."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.agents import eventually

from wherobots_storage.errors import (
    AlreadyRunning,
    InvalidConfiguration,
    NoSuchBucket,
    StoreUnavailable,
)
from wherobots_storage.objectstore import embedded, embedded_process, ports
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = pytest.mark.store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store will live."""
    return tmp_path / "deep" / "store"


def is_alive(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_data_is_found_again(folder: Path) -> None:
    """A second start has the same keys and data, at whatever ports, and again a clean stop."""
    store = EmbeddedStore(folder)
    with store:
        store.create_bucket("first-bucket")
        store.create_bucket("first-bucket")
        s3 = connect("first-bucket", store.environment())
        s3.put("a/b", b"kept", metadata={"m": "1"})
        s3.close()
        keys = store.access_key, store.secret_key
        first = store.pid
    assert first is not None
    assert not is_alive(first)
    with EmbeddedStore(folder) as again:
        assert (again.access_key, again.secret_key) == keys
        s3 = connect("first-bucket", again.environment())
        assert dict(s3.head("a/b").metadata) == {"m": "1"}
        with s3.get("a/b") as body:
            assert b"".join(body.chunks()) == b"kept"
        s3.close()


def test_files_are_private(folder: Path) -> None:
    """Keys, configuration and log are of mode 0600, the folder of 0700, all of it ours."""
    with EmbeddedStore(folder) as store:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("keys.json", "s3.json", "iam.json", "weed.log", "lock"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
        assert store.secret_key not in store.log_path.read_text(errors="replace")
        command = Path(f"/proc/{store.pid}/cmdline").read_bytes().decode()
        assert store.secret_key not in command


def test_it_has_a_session_of_its_own(seaweed: EmbeddedStore) -> None:
    """A terminal's Ctrl-C does not reach it."""
    assert seaweed.pid is not None
    assert os.getsid(seaweed.pid) == seaweed.pid != os.getsid(0)


def test_it_listens_on_loopback_only(seaweed: EmbeddedStore) -> None:
    """Every port that it opens is one of 127.0.0.1."""
    # Some of its services begin after the one that tests wait for.
    eventually(lambda: len(listening(seaweed.pid)) >= 8)
    assert {address.partition(":")[0] for address in listening(seaweed.pid)} == {"0100007F"}


def listening(pid: int | None) -> list[str]:
    """The addresses at which a process listens, as proc(5) has them."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            inodes.add(str(entry.readlink()))
    sockets = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in sockets if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def test_two_stores_at_once(seaweed: EmbeddedStore, folder: Path) -> None:
    """Two stores have ports, keys and data of their own."""
    with EmbeddedStore(folder) as other:
        assert other.endpoint_url != seaweed.endpoint_url
        assert other.secret_key != seaweed.secret_key


def test_one_folder_has_one_store(folder: Path) -> None:
    """A second store in the same folder is refused, and the first goes on."""
    with EmbeddedStore(folder) as store:
        with pytest.raises(AlreadyRunning, match=str(folder)):
            EmbeddedStore(folder).start()
        store.create_bucket("still-there")
        store.start()


def test_orphan_is_taken_over(folder: Path) -> None:
    """A store whose owner was killed is ended by the next start, which has its data."""
    script = (
        "import sys, time; from pathlib import Path;"
        "from wherobots_storage.objectstore.embedded import EmbeddedStore;"
        "store = EmbeddedStore(Path(sys.argv[1])); store.start();"
        "store.create_bucket('orphaned'); print(store.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    orphan = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert is_alive(orphan)
    with EmbeddedStore(folder) as store:
        assert not is_alive(orphan)
        s3 = connect("orphaned", store.environment())
        s3.check()
        s3.close()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """The first choice of ports is taken by somebody else just before the store uses it."""
    sockets: list[socket.socket] = []
    real = ports.choose

    def choose(names: tuple[str, ...]) -> dict[str, int]:
        chosen = real(names)
        if not sockets:
            sockets.append(socket.create_server(("127.0.0.1", chosen["s3"])))
            sockets.append(socket.create_server(("127.0.0.1", chosen["master"])))
        return chosen

    monkeypatch.setattr(ports, "choose", choose)
    yield sockets
    for taken_socket in sockets:
        taken_socket.close()


def test_lost_race_for_a_port(folder: Path, taken: list[socket.socket]) -> None:
    """When a port is taken in between, the store starts on others, and answers where it says."""
    with EmbeddedStore(folder) as store:
        assert taken
        assert str(taken[0].getsockname()[1]) not in store.endpoint_url
        store.create_bucket("a-bucket")


def test_failing_start_quotes_the_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends at once is reported with its last words, without its secrets."""
    program = folder.parent.parent / "weed"
    program.write_text(
        f"#!/bin/sh\ncat {folder}/s3.json\necho 'F cannot open the moon' >&2\nexit 3\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "_find_program", lambda: str(program))
    store = EmbeddedStore(folder)
    with pytest.raises(StoreUnavailable) as caught:
        store.start()
    assert "status 3" in caught.value.message
    assert "cannot open the moon" in caught.value.message
    assert store.secret_key not in caught.value.message
    assert store.pid is None
    # This program's log has the keys, as no real one's may.
    (folder / "weed.log").unlink()


def test_silent_start_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers is ended, by force when it must be."""
    program = folder.parent.parent / "weed"
    program.write_text("#!/bin/sh\ntrap '' TERM\necho $$ > ../pid\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "_find_program", lambda: str(program))
    monkeypatch.setattr(embedded_process, "STOP_SECONDS", 0.5)
    for seconds in (0.5, 5.0, 50.0):
        monkeypatch.setattr(embedded, "START_SECONDS", seconds)
        with pytest.raises(StoreUnavailable, match="did not answer"):
            EmbeddedStore(folder).start()
        if (folder / "pid").exists():
            break  # On a busy machine it was ended before it had begun.
    assert not is_alive(int((folder / "pid").read_text()))


def test_missing_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without SeaweedFS the message says what to install."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(InvalidConfiguration, match=r"wherobots-storage\[demo\]"):
        EmbeddedStore(folder).start()
    assert not folder.exists()


def test_damaged_keys(folder: Path) -> None:
    """Keys that cannot be read are said to be so, and not replaced: the data needs them."""
    folder.mkdir(parents=True)
    (folder / "keys.json").write_text("{")
    with pytest.raises(InvalidConfiguration, match=r"keys\.json"):
        EmbeddedStore(folder).start()
    assert (folder / "keys.json").read_text() == "{"


def test_store_that_was_killed(folder: Path) -> None:
    """After SIGKILL of the server, stop is quiet, and the next start has what was written."""
    store = EmbeddedStore(folder)
    store.start()
    store.create_bucket("killed")
    s3 = connect("killed", store.environment())
    s3.put("a", b"written")
    s3.close()
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)
    time.sleep(0.2)
    store.stop()
    store.stop()
    with store:
        s3 = connect("killed", store.environment())
        assert s3.head("a").size == 7
        s3.close()


def test_bucket_name_that_cannot_be(seaweed: EmbeddedStore) -> None:
    """A bucket's name that S3 does not take is said to be so."""
    with pytest.raises(InvalidConfiguration, match="X"):
        seaweed.create_bucket("X")


def test_mistyped_bucket_is_not_made(seaweed: EmbeddedStore) -> None:
    """Writing to a bucket that is not there does not make one."""
    s3 = connect("no-such-bucket", seaweed.environment())
    with pytest.raises(NoSuchBucket):
        s3.put("a", b"x")
    with pytest.raises(NoSuchBucket):
        s3.check()
    with pytest.raises(NoSuchBucket):
        s3.list_page("")
    s3.close()
