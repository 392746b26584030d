"""One writer at any time, whatever is started, killed and asked at once: real processes, SeaweedFS.

Which process held the lock from when to when is read from the log that its holders keep under it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from support.agents import eventually, running_agent
from support.homes import OLD, PREFIX, Bench, environment_of, settings_for
from support.processes import AGENT, SERVER, agent_process, is_idle

from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.handover import HELD, INCOMPLETE, settings_to_json
from wherobots_storage.sync.lease import LeaseFile, LeaseObject
from wherobots_storage.sync.state import StateFolder, process_start

pytestmark = [pytest.mark.store, pytest.mark.timeout(240)]


def patient(bench: Bench, seconds: float = 30.0) -> Settings:
    """Settings with which nobody is ended too early on a busy machine."""
    return settings_for(bench.home, bench.state, bench.store.bucket, shutdown_timeout=seconds)


def holders(settings: Settings, killed: dict[int, int] | None = None) -> list[int]:
    """The pids that held the lock, one after the other; fails where two held it at once.

    ``killed``: pid to the time (of the monotonic clock, in ns) before which it was not killed.
    """
    dead = dict(killed or {})
    found: list[int] = []
    holder: int | None = None
    for line in StateFolder.for_settings(settings).holders_path.read_text().splitlines():
        when, who, what = line.split(" ", 2)
        pid = int(who)
        if what == "took":
            assert holder is None or dead.get(holder, sys.maxsize) <= int(when), "two at once"
            found.append(pid)
            holder = pid
        elif what == "left":
            assert holder == pid
            holder = None
        else:
            dead[int(what.removeprefix("ended "))] = int(when)
    return found


def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "wherobots_storage", *arguments],
        env={**os.environ, **environment_of(settings)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_server_that_is_killed_and_started_again(bench: Bench) -> None:
    """Each new server's agent waits for the former's final sync; nothing is lost or mixed up."""
    settings = patient(bench)
    text = settings_to_json(settings).decode()
    agents: list[int] = []
    servers: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(3):
            server = subprocess.Popen([sys.executable, "-c", SERVER, text], stdout=subprocess.PIPE)
            servers.append(server)
            assert server.stdout is not None
            agents.append(int(server.stdout.readline()))
            if number == 0:
                eventually(lambda: is_idle(settings))
            bench.write("edited", b"%d" % number)
            bench.write(f"late {number}", b"l" * number)
            if number < 2:
                server.kill()
                server.wait()
        eventually(lambda: process_start(agents[0]) is None)
        eventually(lambda: process_start(agents[1]) is None)
        eventually(lambda: is_idle(settings))
        servers[-1].kill()
        eventually(lambda: process_start(agents[2]) is None)
    finally:
        for server in servers:
            server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()
    # The second one's server was gone before it had begun. When the first was not at its end by
    # then it had nothing to wait for: the third one finds everything that it left.
    assert holders(settings) in (agents, [agents[0], agents[2]])
    assert bench.keys() == ["edited", "late 0", "late 1", "late 2"]
    assert bench.body("edited") == b"2"


def test_commands_beside_a_live_agent(bench: Bench) -> None:
    """`sync --once`, `--final` and `restore` have the agent do it; none of them takes the lock."""
    settings = patient(bench)
    with agent_process(settings) as agent:
        eventually(lambda: is_idle(settings))
        for name, arguments in (
            ("once", ("sync", "--once")),
            ("final", ("sync", "--final", "--timeout", "60")),
        ):
            bench.write(name)
            done = command(settings, *arguments)
            assert done.returncode == 0, done.stderr
            assert name in set(bench.keys())
        bench.store.put(f"{PREFIX}theirs", b"t")
        assert command(settings, "restore").returncode == 0
        assert (bench.home / "theirs").exists()
        assert holders(settings) == [agent.pid]
        agent.terminate()
        assert agent.wait(60) == 0
    assert bench.keys() == ["final", "once", "theirs"]


def test_two_agents_started_at_once(bench: Bench) -> None:
    """One has the lock; the other waits its time and ends it; those that yield go at once."""
    settings = patient(bench, 3.0)
    for number in range(100):
        bench.write(f"f{number:02}", os.urandom(500), mtime_ns=OLD)
    with agent_process(settings) as one, agent_process(settings) as other:
        eventually(lambda: None not in {one.poll(), other.poll()} or _ended(one, other))
        survivor = one if one.poll() is None else other
        loser = other if survivor is one else one
        assert loser.returncode == -signal.SIGKILL
        eventually(lambda: is_idle(settings))
        yielding = subprocess.Popen([*AGENT, "--yielding"], stdin=subprocess.PIPE)
        assert yielding.stdin is not None
        with yielding.stdin:
            yielding.stdin.write(settings_to_json(settings) + b"\n")
            yielding.stdin.flush()
            assert yielding.wait(60) == HELD
        assert survivor.poll() is None
        stopped = AgentClient(StateFolder.for_settings(settings).socket_path).request("stop", 60.0)
        assert stopped.complete
        assert survivor.wait(60) == 0
        assert holders(settings) == [loser.pid, survivor.pid]
    assert len(bench.keys()) == 100


def _ended(one: subprocess.Popen[bytes], other: subprocess.Popen[bytes]) -> bool:
    return (one.poll() is None) is not (other.poll() is None)


def test_a_new_agent_during_the_final_sync(bench: Bench) -> None:
    """The new one begins only when the former has saved everything, and finds nothing to mend."""
    settings = patient(bench, 60.0)
    with agent_process(settings) as former:
        eventually(lambda: is_idle(settings))
        for number in range(300):
            bench.write(f"f{number:03}", os.urandom(2000), mtime_ns=OLD)
        former.terminate()
        with agent_process(settings) as later:
            assert former.wait(120) == 0
            assert len(bench.keys()) == 300
            eventually(lambda: is_idle(settings))
            later.terminate()
            assert later.wait(120) == 0
    assert holders(settings) == [former.pid, later.pid]
    assert len(bench.keys()) == 300


@contextmanager
def held_still(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """An agent that has synced, and is stopped by SIGSTOP: it has the lock and answers nobody."""
    with agent_process(settings) as agent:
        eventually(lambda: is_idle(settings), seconds=60)
        agent.send_signal(signal.SIGSTOP)
        yield agent


def test_a_new_agent_that_is_stopped_during_the_final_sync(bench: Bench) -> None:
    """A container that stops meanwhile ends with the new one: that waits until all is saved."""
    settings = patient(bench, 60.0)
    log = StateFolder.for_settings(settings).log_path
    with held_still(settings) as former:
        for number in range(300):
            bench.write(f"f{number:03}", os.urandom(2000), mtime_ns=OLD)
        former.terminate()
        with agent_process(settings) as later:
            assert later.stdin is not None
            later.stdin.close()
            eventually(lambda: later.poll() is not None or "is asked for" in log.read_text())
            former.send_signal(signal.SIGCONT)
            assert later.wait(120) == 0
            former.kill()
    assert len(bench.keys()) == 300


def test_a_new_agent_that_is_stopped_takes_over_from_one_that_dies(bench: Bench) -> None:
    """When the former ends without a word, the new one makes the final sync in its place."""
    settings = patient(bench, 60.0)
    log = StateFolder.for_settings(settings).log_path
    with held_still(settings) as former:
        bench.write("last", b"x")
        with agent_process(settings) as later:
            assert later.stdin is not None
            later.stdin.close()
            eventually(lambda: "is asked for" in log.read_text())
            former.kill()
            assert later.wait(120) == 0
    assert bench.keys() == ["last"]


def test_an_agent_whose_state_folder_is_removed(bench: Bench) -> None:
    """It ends, and writes nothing beside who has the home by then; the next one goes on."""
    settings = patient(bench)
    bench.write("a")
    with agent_process(settings) as agent:
        eventually(lambda: is_idle(settings), seconds=60)
        shutil.rmtree(StateFolder.for_settings(settings).path)
        with StateFolder.for_settings(settings).lock(0):
            bench.write("b")
            assert agent.wait(120) == INCOMPLETE
            assert bench.keys() == ["a"]
    with agent_process(settings) as later:
        eventually(lambda: is_idle(settings), seconds=60)
        assert bench.keys() == ["a", "b"]
        later.terminate()
        assert later.wait(120) == 0
    assert holders(settings)[-1] == later.pid


def test_agents_killed_one_after_the_other(bench: Bench) -> None:
    """Each successor of a killed agent goes on at once, with its lease and its journal."""
    settings = patient(bench)
    killed: dict[int, int] = {}
    agents: list[int] = []
    for number in range(3):
        with agent_process(settings) as agent:
            agents.append(agent.pid)
            eventually(lambda: is_idle(settings))
            bench.write("edited", b"%d" % number)
            killed[agent.pid] = time.monotonic_ns()
            agent.kill()
            agent.wait()
    assert command(settings, "sync", "--once").returncode == 0
    assert holders(settings, killed)[:3] == agents
    assert len(holders(settings, killed)) == 4
    assert bench.keys() == ["edited"]
    assert bench.body("edited") == b"2"


def test_a_crashed_instance_delays_another_by_its_ttl(bench: Bench, tmp_path: Path) -> None:
    """The lease of a killed agent is waited for, and taken by itself when its time is over."""
    store = bench.store
    key = f"{PREFIX}.wherobots/lease.json"
    bench.write("of the first")
    with agent_process(patient(bench)) as agent:
        eventually(lambda: is_idle(patient(bench)))
        agent.kill()
        agent.wait()
    with store.get(key) as body:
        left = msgspec.json.decode(b"".join(body.chunks()), type=LeaseFile)
    assert left.ttl == 180
    second = Bench(tmp_path, store, "second")
    second.write("of the second")
    lease = LeaseObject(store, PREFIX, instance="second", host="elsewhere")
    with running_agent(second.settings, store, lease=lease) as waiting:
        status = waiting.reaches("waiting")
        assert status.lease is not None
        assert status.lease.host == left.host
        assert second.keys() == ["of the first"]
        # As if it had been written by an agent with a shorter time, just now.
        store.put(key, msgspec.json.encode(msgspec.structs.replace(left, ttl=5.0)))
        eventually(lambda: second.keys() == ["of the first", "of the second"])
        status = waiting.reaches("idle")
        assert status.lease is not None
        assert status.lease.mine
