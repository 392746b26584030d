"""The agent as a process of its own, against SeaweedFS: kills, signals, lost servers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.agents import eventually
from support.homes import OLD, PREFIX, Bench, picture, settings_for
from support.processes import SERVER, agent_process, is_idle
from support.relay import RecordingRelay, of_mirror

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.errors import DeletionsChanged, InvalidInput
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.handover import settings_to_json
from wherobots_storage.sync.spawning import close_lifeline
from wherobots_storage.sync.state import StateFolder, process_start
from wherobots_storage.sync.supervisor import AgentSupervisor

pytestmark = [pytest.mark.store, pytest.mark.timeout(240)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_makes_the_final_sync(bench: Bench, number: signal.Signals) -> None:
    """SIGTERM and SIGINT save what was written last; the exit code says that all is there."""
    with agent_process(bench.settings) as process:
        eventually(lambda: is_idle(bench.settings))
        bench.write("late", b"l")
        process.send_signal(number)
        assert process.wait(90) == 0
    assert bench.keys() == ["late"]


def test_killed_server_means_a_final_sync(bench: Bench) -> None:
    """When the server is killed, the pipe closes, and the agent saves what is left and goes."""
    text = settings_to_json(bench.settings).decode()
    server = subprocess.Popen([sys.executable, "-c", SERVER, text], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        agent = int(server.stdout.readline())
        eventually(lambda: is_idle(bench.settings))
        bench.write("late", b"l")
        server.kill()
        server.wait()
        eventually(lambda: process_start(agent) is None)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    assert bench.keys() == ["late"]


def test_killed_agent_goes_on_from_its_journal(
    bench: Bench, seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent killed in the middle of a sync leaves a journal with which the next one goes on."""
    for number in range(400):
        bench.write(f"f{number:03}", os.urandom(2000), mtime_ns=OLD)
    with monkeypatch.context() as patched:
        killed_after(patched, seaweed, bench, "PUT")
    assert 150 <= len(bench.keys()) < 400
    with agent_process(bench.settings) as process:
        eventually(lambda: is_idle(bench.settings))
        client = AgentClient(StateFolder.for_settings(bench.settings).socket_path)
        assert client.status().conflicts == []
        process.terminate()
        assert process.wait(90) == 0
    assert len(bench.keys()) == 400


def killed_after(
    patched: pytest.MonkeyPatch, seaweed: EmbeddedStore, bench: Bench, method: str
) -> None:
    """Run an agent that is killed when 200 of its requests with this method were let through."""
    with RecordingRelay(seaweed.endpoint_url, of_mirror(method)) as relay:
        patched.setenv("AWS_ENDPOINT_URL", relay.url)
        relay.let_through(200)
        with agent_process(bench.settings) as process:
            eventually(lambda: relay.holds)
            process.kill()
            process.wait()


def test_killed_during_a_restore_goes_on(
    bench: Bench, seaweed: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore that was killed is taken up again; the sync in between deletes nothing."""
    for number in range(400):
        bench.write(f"f{number:03}", os.urandom(2000), mtime_ns=OLD)
    bench.sync()
    fresh = Bench(tmp_path, bench.store, "fresh")
    with monkeypatch.context() as patched:
        killed_after(patched, seaweed, fresh, "GET")
    assert len(picture(fresh.home)) < 400
    with agent_process(fresh.settings) as process:
        eventually(lambda: is_idle(fresh.settings))
        process.terminate()
        assert process.wait(90) == 0
    assert picture(fresh.home) == picture(bench.home)
    assert len(bench.keys()) == 400


def test_wrong_keys_are_told_and_stop_is_quick(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With keys that the store refuses the agent is offline, with the reason; nothing is lost.

    A stop does not use up its time on them.
    """
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    bench.write("a")
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    try:
        assert not supervisor.wait_restored(60)
        assert supervisor.status.state == "offline"
        assert supervisor.status.last_error is not None
        assert "wrong" not in supervisor.status.last_error.message
    finally:
        began = time.monotonic()
        asyncio.run(supervisor.stop(80))
    assert time.monotonic() - began < 60
    assert supervisor.pid is None
    assert (bench.home / "a").exists()


def run_with(
    supervisor: AgentSupervisor, during: Callable[[], None], deadline: float = 60.0
) -> None:
    """Keep an agent while ``during`` runs on another thread, then stop it."""

    async def main() -> None:
        keeping = asyncio.ensure_future(supervisor.run())
        try:
            await asyncio.to_thread(during)
        finally:
            await asyncio.gather(supervisor.stop(deadline), supervisor.stop(deadline))
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    asyncio.run(main())


def test_supervisor_restores_before_the_port_opens(bench: Bench, s3_store: S3Store) -> None:
    """``wait_restored`` returns when the home is there."""
    s3_store.put(f"{PREFIX}theirs", b"t")
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    try:
        assert supervisor.wait_restored(60)
        assert (bench.home / "theirs").read_bytes() == b"t"
    finally:
        asyncio.run(supervisor.stop(60))


def test_supervisor_starts_a_dead_agent_again(bench: Bench) -> None:
    """An agent that is killed comes back; the status tells of it; the stop saves the last file."""
    seen: list[SyncStatus] = []
    supervisor = AgentSupervisor(bench.settings, seen.append)
    supervisor.spawn()
    assert supervisor.wait_restored(60)

    def during() -> None:
        former = supervisor.pid
        assert former is not None
        os.kill(former, signal.SIGKILL)
        eventually(lambda: supervisor.pid not in {None, former})
        eventually(lambda: supervisor.status.state == "idle")
        bench.write("late", b"l")

    run_with(supervisor, during)
    assert bench.keys() == ["late"]
    assert "offline" in {status.state for status in seen}
    assert supervisor.status.state == "stopped"
    assert supervisor.pid is None


def test_two_servers_of_one_home(bench: Bench) -> None:
    """The later takes over; who stands by says so, may take over, and goes on when it is alone."""
    settings = settings_for(bench.home, bench.state, bench.store.bucket, shutdown_timeout=1.5)
    state = StateFolder.for_settings(settings)
    former, later = (AgentSupervisor(settings, lambda _: None) for _ in range(2))
    former.spawn()
    assert former.wait_restored(60)

    def saves(supervisor: AgentSupervisor, name: str) -> None:
        eventually(lambda: supervisor.status.state == "idle")
        bench.write(name)
        asyncio.run(supervisor.request("sync"))
        eventually(lambda: name in set(bench.keys()))

    def alone() -> None:
        saves(former, "third")
        assert former.status.last_error is None

    def together() -> None:
        eventually(lambda: former.status.state == "waiting")
        error = former.status.last_error
        assert error is not None
        assert error.code == "already-running"
        saves(later, "second")
        writer = later.pid
        time.sleep(3 * settings.shutdown_timeout)
        holder = state.holder()
        assert holder is not None
        assert holder.pid == writer == later.pid
        assert former.status.state == "waiting"
        asyncio.run(former.request("takeover"))
        eventually(lambda: later.status.state == "waiting")
        eventually(lambda: former.status.state == "idle")

    def with_both() -> None:
        saves(former, "first")
        later.spawn()
        run_with(later, together)
        alone()

    run_with(former, with_both)
    assert bench.keys() == ["first", "second", "third"]


def standing_by(settings: Settings) -> AgentSupervisor:
    """A server's supervisor whose agent found another writer and has ended."""
    supervisor = AgentSupervisor(settings, lambda _: None)
    supervisor.spawn(yielding=True)
    eventually(lambda: supervisor.pid is None)
    return supervisor


def test_a_server_that_stands_by_is_stopped(bench: Bench) -> None:
    """Who has the home saves what was changed last when another server of it stops, and goes on."""
    client = AgentClient(StateFolder.for_settings(bench.settings).socket_path)
    with agent_process(bench.settings) as writer:
        eventually(lambda: is_idle(bench.settings))
        client.request("pause", timeout=60.0)  # it saves nothing by itself
        supervisor = standing_by(bench.settings)

        def during() -> None:
            eventually(lambda: supervisor.status.state == "waiting")
            bench.write("last")

        run_with(supervisor, during)
        assert bench.keys() == ["last"]
        assert writer.poll() is None
        assert client.status(timeout=60.0).paused


def test_a_stop_beside_a_writer_that_cannot_be_asked(bench: Bench) -> None:
    """It is waited for, a ``sync --once`` say; what it has not saved then is saved."""
    state = StateFolder.for_settings(bench.settings)
    with ThreadPoolExecutor(1) as pool:
        with state.lock(0):
            supervisor = standing_by(bench.settings)
            bench.write("last")
            stopped = pool.submit(asyncio.run, supervisor.stop(60))
            eventually(lambda: "is asked for" in state.log_path.read_text())
        stopped.result(120)
    assert bench.keys() == ["last"]


def test_a_stop_beside_a_writer_that_does_not_end(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """The stop has an end, and the log says that what was changed last may not be saved."""
    with StateFolder.for_settings(bench.settings).lock(0):
        supervisor = standing_by(bench.settings)
        bench.write("last")
        asyncio.run(supervisor.stop(3))
    assert "did not tell in time" in caplog.text
    assert supervisor.status.state == "stopped"
    assert bench.keys() == []


def test_a_stop_after_the_agent_died(bench: Bench) -> None:
    """What was changed last is saved also when the agent dies just before the stop."""
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    assert supervisor.wait_restored(60)
    assert supervisor.pid is not None
    os.kill(supervisor.pid, signal.SIGKILL)
    eventually(lambda: supervisor.pid is None)
    bench.write("last")
    asyncio.run(supervisor.stop(60))
    assert bench.keys() == ["last"]


def test_supervisor_requests(bench: Bench) -> None:
    """A request returns the status at once, and what it asked for happens."""
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    assert supervisor.wait_restored(60)

    def during() -> None:
        bench.write("a")
        status = asyncio.run(supervisor.request("sync"))
        assert status.home == str(bench.home)
        eventually(lambda: bench.keys() == ["a"])

    run_with(supervisor, during)


def test_supervisor_passes_a_consent_on(bench: Bench) -> None:
    """Deletions go by the id under which they were shown; another id is refused, with none gone."""
    for number in range(60):
        bench.write(f"f{number:02}", b"%d" % number)
    assert bench.sync().complete
    for number in range(40):
        (bench.home / f"f{number:02}").unlink()
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    assert supervisor.wait_restored(60)

    def during() -> None:
        eventually(lambda: supervisor.status.held is not None)
        held = supervisor.status.held
        assert held is not None
        with pytest.raises(DeletionsChanged):
            asyncio.run(supervisor.request("acceptDeletes", "0" * 32))
        with pytest.raises(InvalidInput):
            asyncio.run(supervisor.request("acceptDeletes"))
        assert len(bench.keys()) == 60
        asyncio.run(supervisor.request("acceptDeletes", held.id))
        eventually(lambda: len(bench.keys()) == 20)

    run_with(supervisor, during)


def test_supervisor_ends_an_agent_that_hangs(bench: Bench, tmp_path: Path) -> None:
    """An agent that neither answers nor ends is killed when its time is over."""
    deaf = tmp_path / "deaf.py"
    deaf.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n"
    )
    supervisor = AgentSupervisor(
        bench.settings, lambda _: None, command=[sys.executable, str(deaf)]
    )
    supervisor.spawn()
    assert not supervisor.wait_restored(0.3)
    began = time.monotonic()
    asyncio.run(supervisor.stop(0.5))
    assert time.monotonic() - began < 60
    assert supervisor.pid is None


@pytest.mark.parametrize("how", ["stop", "signal", "lost server"])
def test_stop_while_the_agent_starts(bench: Bench, how: str) -> None:
    """An agent that is stopped before it can listen makes its final sync all the same."""
    bench.write("a")
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    process = supervisor._process
    assert process is not None
    if how == "signal":
        process.terminate()
        assert process.wait(90) == 0
    elif how == "lost server":
        close_lifeline(process)
        assert process.wait(90) == 0
    asyncio.run(supervisor.stop(60))
    assert process.returncode == 0
    assert bench.keys() == ["a"]


def test_supervisor_never_blocks_the_event_loop(
    bench: Bench, seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the agent works and is stopped the loop turns: here it must, for the stop to end."""
    for number in range(300):
        bench.write(f"f{number}", os.urandom(1000))

    async def main(relay: RecordingRelay) -> None:
        supervisor = AgentSupervisor(bench.settings, lambda _: None)
        supervisor.spawn()
        process = supervisor._process
        assert process is not None
        keeping = asyncio.ensure_future(supervisor.run())
        while not relay.holds:  # noqa: ASYNC110  # a request is no asyncio event
            await asyncio.sleep(0.01)
        stopping = asyncio.ensure_future(supervisor.stop(60))
        for _ in range(50):
            await asyncio.sleep(0.01)
        assert not stopping.done()
        await asyncio.to_thread(relay.let_through, None)
        await stopping
        assert process.returncode == 0
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    with RecordingRelay(seaweed.endpoint_url, of_mirror("PUT")) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay.url)
        relay.let_through(100)
        asyncio.run(main(relay))
    assert len(bench.keys()) == 300


def test_no_thread_or_process_is_left(bench: Bench) -> None:
    """A supervisor that was stopped leaves neither threads nor processes."""
    before = threading.active_count()
    supervisor = AgentSupervisor(bench.settings, lambda _: None)
    supervisor.spawn()
    pid = supervisor.pid
    assert pid is not None
    supervisor.wait_restored(60)
    asyncio.run(supervisor.stop(60))
    assert process_start(pid) is None
    assert threading.active_count() <= before + 1
