from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.homes import settings_for

from wherobots_storage.errors import AlreadyRunning, NotConfigured
from wherobots_storage.settings import Settings
from wherobots_storage.sync.state import Holder, StateFolder, process_start

HOLD = """
import sys, time
from pathlib import Path
from wherobots_storage.sync.state import StateFolder
with StateFolder(Path(sys.argv[1])).lock(0):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A state folder that is not made yet."""
    return StateFolder(tmp_path / "state")


@pytest.fixture
def other(state: StateFolder) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock for a minute."""
    process = hold(state, 60)
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def hold(state: StateFolder, seconds: float) -> subprocess.Popen[bytes]:
    """A process that has taken the lock."""
    command = [sys.executable, "-c", HOLD, str(state.path), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_folder_is_private(state: StateFolder) -> None:
    """The state folder has mode 0700, whatever it had before."""
    state.path.mkdir(mode=0o755)
    state.make()
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700


def test_one_folder_per_root_customer_and_home(tmp_path: Path) -> None:
    """Another bucket, or another home, is another folder; a link to the home is the same."""
    home, state = tmp_path / "home", tmp_path / "state"
    home.mkdir()
    (tmp_path / "link").symlink_to(home)
    paths = {
        name: StateFolder.for_settings(settings).path
        for name, settings in {
            "one": settings_for(home, state),
            "link": settings_for(tmp_path / "link", state),
            "bucket": settings_for(home, state, "other"),
            "home": settings_for(tmp_path, state),
        }.items()
    }
    assert paths["one"] == paths["link"]
    assert len(set(paths.values())) == 3


def test_unset_root(tmp_path: Path) -> None:
    """Without a root there is no state folder."""
    with pytest.raises(NotConfigured):
        StateFolder.for_settings(Settings(home=tmp_path, state_dir=tmp_path))


def test_lock_names_its_holder(state: StateFolder) -> None:
    """While it is held, pid and start time stand in the lock; afterwards nobody does."""
    with state.lock(0):
        assert state.holder() == Holder(os.getpid(), process_start(os.getpid()) or 0)
    assert state.holder() is None


def test_second_waits_for_the_first(state: StateFolder) -> None:
    """A lock that becomes free in time is taken without harm to its holder."""
    process = hold(state, 1.0)
    with state.lock(30):
        assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()


def test_holder_is_ended_after_the_wait(state: StateFolder, other: subprocess.Popen[bytes]) -> None:
    """A holder that keeps the lock past the patience is ended."""
    started = time.monotonic()
    with state.lock(0.5):
        assert other.wait(60) == -signal.SIGKILL
    assert time.monotonic() - started >= 0.5


def test_a_stranger_of_the_same_pid_is_spared(
    state: StateFolder, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When pid and start time do not match what is recorded, nobody is ended."""
    monkeypatch.setattr("wherobots_storage.sync.state.DEATH_WAIT", 0.2)
    state.lock_path.write_text(f'{{"pid": {other.pid}, "start": 1}}')
    with pytest.raises(AlreadyRunning), state.lock(0.2):
        pass
    assert other.poll() is None


def test_unreadable_lock_spares_everybody(
    state: StateFolder, other: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that does not say who holds it ends nobody."""
    monkeypatch.setattr("wherobots_storage.sync.state.DEATH_WAIT", 0.2)
    state.lock_path.write_text("")
    with pytest.raises(AlreadyRunning), state.lock(0.2):
        pass
    assert other.poll() is None


def test_giving_up_ends_nobody(state: StateFolder, other: subprocess.Popen[bytes]) -> None:
    """Somebody who is told to stop while waiting goes, and lets the holder be."""
    with pytest.raises(AlreadyRunning), state.lock(0, stop=lambda: True):
        pass
    assert other.poll() is None


def test_killed_holder_leaves_the_lock_free(
    state: StateFolder, other: subprocess.Popen[bytes]
) -> None:
    """A holder that was killed does not keep anybody waiting."""
    other.kill()
    other.wait()
    with state.lock(0):
        pass
    assert state.holder() is None


def test_start_time_of_a_process() -> None:
    """A living process has a start time; one that is gone has none."""
    assert process_start(os.getpid()) is not None
    assert process_start(2**22 + 1) is None


def test_instance_is_made_again_when_it_was_cut(state: StateFolder) -> None:
    """A name that a full disk left empty is no name, and what was made stays the same."""
    state.make()
    (state.path / "instance").write_text("")
    name = state.instance()
    assert len(name) == 32
    assert state.instance() == name
    assert [file.name for file in state.path.iterdir()] == ["instance"]
