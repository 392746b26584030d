"""The extension's life: load, start, stop."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.server import CUSTOMER, Api, HeldBack, Hooks

from wherobots_storage.app import StorageApp
from wherobots_storage.credentials import stores
from wherobots_storage.errors import StoreUnavailable

MAKE_STORE = StorageApp.make_store
"""As it is without the tests' own."""


async def start(server: Any) -> None:
    """What Jupyter does once its loop runs."""
    await server.extension_manager.start_all_extensions()
    await asyncio.sleep(0.05)


def test_loading_restores_before_the_port_opens(storage_app: StorageApp, hooks: Hooks) -> None:
    """The agent is started and waited for while the server still loads."""
    assert hooks.supervisor.calls == ["spawn", "wait 20"]
    assert storage_app._stopping is None


async def test_starting_runs_the_supervisor(jp_serverapp: Any, hooks: Hooks) -> None:
    """The async hook makes the supervisor run in the background, once."""
    await start(jp_serverapp)
    await start(jp_serverapp)
    assert hooks.supervisor.calls.count("run") == 1


@pytest.fixture
def kept_signals() -> Iterator[None]:
    """The handlers of SIGTERM and SIGINT are put back afterwards."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("kept_signals")
@pytest.mark.parametrize("terminal", [False, True])
async def test_interrupt_stops_without_a_terminal(jp_serverapp: Any, *, terminal: bool) -> None:
    """Without a terminal SIGINT stops the server like SIGTERM; with one Jupyter asks, as ever."""
    heard: list[int] = []

    def on_terminate(number: int, _frame: object) -> None:
        heard.append(number)

    def ask(_number: int, _frame: object) -> None:
        heard.append(-1)

    signal.signal(signal.SIGTERM, on_terminate)
    signal.signal(signal.SIGINT, ask if terminal else signal.default_int_handler)
    await start(jp_serverapp)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(0)
    assert heard == [-1 if terminal else signal.SIGINT]


async def test_stopping_twice_stops_once(
    jp_serverapp: Any, storage_app: StorageApp, hooks: Hooks
) -> None:
    """A second SIGTERM waits for the first's stop; the agent gets what is left of the time."""
    await start(jp_serverapp)
    await asyncio.gather(storage_app.stop_extension(), storage_app.stop_extension())
    await storage_app.stop_extension()
    assert hooks.supervisor.calls.count("stop") == 1
    assert hooks.supervisor.deadline is not None
    assert 0 < hooks.supervisor.deadline <= 25


async def test_stopping_never_raises(
    storage_app: StorageApp, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter would never exit: whatever fails on the way is logged and passed over."""
    hooks.supervisor.fail_stop = True

    async def fail() -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(storage_app._uploads, "close", fail)
    monkeypatch.setattr(storage_app, "_end_children", fail)
    await storage_app.stop_extension()
    assert hooks.supervisor.calls[-1] == "stop"


async def test_kernels_that_do_not_end_take_their_part_of_the_time(
    storage_app: StorageApp, jp_serverapp: Any, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time that kernels were waited for is taken from the final sync's, not added to it."""
    monkeypatch.setattr("wherobots_storage.app.KERNEL_SECONDS", 0.5)

    over = asyncio.Event()
    monkeypatch.setattr(jp_serverapp.kernel_manager, "shutdown_all", over.wait)
    await storage_app.stop_extension()
    over.set()
    assert hooks.supervisor.deadline is not None
    assert 0 < hooks.supervisor.deadline <= 24.5


async def test_a_start_after_the_stop_starts_nothing(
    jp_serverapp: Any, storage_app: StorageApp, hooks: Hooks
) -> None:
    """A SIGTERM during loading stops first and starts after; nothing may begin then."""
    await storage_app.stop_extension()
    await start(jp_serverapp)
    assert "run" not in hooks.supervisor.calls


async def test_kernels_and_terminals_end_before_the_final_sync(
    storage_app: StorageApp, jp_serverapp: Any, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they write while they end belongs to the backup."""

    async def shutdown_all() -> None:
        hooks.supervisor.calls.append("kernels")

    async def terminate_all() -> None:
        hooks.supervisor.calls.append("terminals")

    monkeypatch.setattr(jp_serverapp.kernel_manager, "shutdown_all", shutdown_all)
    terminals = jp_serverapp.web_app.settings["terminal_manager"]
    monkeypatch.setattr(terminals, "terminate_all", terminate_all)
    await storage_app.stop_extension()
    assert hooks.supervisor.calls[-3:] == ["kernels", "terminals", "stop"]


async def test_kernels_that_do_not_end_do_not_eat_the_deadline(
    storage_app: StorageApp, jp_serverapp: Any, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After their five seconds the final sync begins, and their own end is not broken off."""
    monkeypatch.setattr("wherobots_storage.app.KERNEL_SECONDS", 0.1)
    over, ended = asyncio.Event(), asyncio.Event()

    async def end_late() -> None:
        await over.wait()
        ended.set()

    with monkeypatch.context() as patch:
        patch.setattr(jp_serverapp.kernel_manager, "shutdown_all", end_late)
        await storage_app.stop_extension()
    assert hooks.supervisor.calls[-1] == "stop"
    over.set()
    await asyncio.wait_for(ended.wait(), 60)


class TestAnAgentThatCannotStart:
    @pytest.fixture
    def hooks(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> Hooks:
        """The supervisor fails at once."""

        def spawn() -> None:
            raise OSError("no processes left")

        monkeypatch.setattr(hooks.supervisor, "spawn", spawn)
        return hooks

    async def test_the_server_runs_without_it(self, api: Api) -> None:
        """The panel works; only the mirror is off."""
        assert (await api.get("files", path="/")).status == 200
        assert (await api.get("config")).json()["features"]["sync"] is False


async def test_a_store_that_cannot_be_opened_is_an_answer_not_a_crash(
    api: Api, storage_app: StorageApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server starts without its store; each request tries again and tells."""
    attempts = 0

    def open_store(_bucket: str) -> HeldBack:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise StoreUnavailable("The endpoint is down.")
        return HeldBack()

    monkeypatch.setattr(storage_app._backend, "_open_store", open_store)
    first = await api.get("files", path="/data/shared/")
    assert (first.status, first.error().message) == (503, "The endpoint is down.")
    assert (await api.get("files", path="/data/shared/")).status == 200


def test_the_cli_in_a_terminal_means_this_server(storage_app: StorageApp, tmp_path: Path) -> None:
    """Children find root, customer, home and state in the twins of the settings."""
    assert os.environ["WHEROBOTS_STORAGE_ROOT"] == "s3://test/org/"
    assert os.environ["WHEROBOTS_STORAGE_CUSTOMER"] == CUSTOMER
    assert os.environ["WHEROBOTS_STORAGE_STATE"] == str(tmp_path / "state")
    assert os.environ["WHEROBOTS_STORAGE_HOME"] == str(storage_app._backend.settings.home)


async def test_stopping_puts_the_environment_back(storage_app: StorageApp) -> None:
    """A server in a larger process leaves nothing of itself."""
    assert "USER_S3_PATH" in os.environ
    await storage_app.stop_extension()
    assert "USER_S3_PATH" not in os.environ
    assert "WHEROBOTS_STORAGE_ROOT" not in os.environ


async def test_the_packages_log_is_the_servers_while_it_runs(
    storage_app: StorageApp,
) -> None:
    """What the supervisor logs appears beside the server's own lines, until the stop."""
    package = logging.getLogger("wherobots_storage")
    lent = set(storage_app._added)
    assert lent
    assert lent <= set(package.handlers)
    await storage_app.stop_extension()
    assert not lent & set(package.handlers)


def test_server_and_kernels_share_their_sessions(
    storage_app: StorageApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a session which the store no longer takes is renewed for kernels as well."""
    given: dict[str, object] = {}
    monkeypatch.setattr(stores, "open_user_store", lambda _, **more: given.update(more))
    settings = storage_app._backend.settings
    MAKE_STORE(storage_app, settings)
    with ThreadPoolExecutor(1) as threads:
        endpoint = storage_app.make_endpoint(settings, tmp_path / "token", threads)
    assert given["source"] is endpoint._source


def test_importing_the_extension_loads_no_s3_library() -> None:
    """Jupyter imports every extension at start; boto3 is for when it is used."""
    code = (
        "import sys; import wherobots_storage.app; "
        "print([name for name in sys.modules if name in ('boto3', 'botocore', 'awscrt')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout.strip() == "[]"


def test_installing_the_package_enables_the_extension() -> None:
    """The configuration that the wheel installs names this package."""
    folder = Path(__file__).parents[2] / "jupyter-config/server-config"
    enabled = json.loads((folder / "wherobots_storage.json").read_text("utf-8"))
    assert enabled == {"ServerApp": {"jpserver_extensions": {"wherobots_storage": True}}}


async def test_a_request_after_the_stop_is_told_so(api: Api, storage_app: StorageApp) -> None:
    """While Jupyter ends, what still comes in is refused with words, not with an accident."""
    await storage_app.stop_extension()
    answer = await api.get("files", path="/data/shared/")
    assert (answer.status, answer.error().code) == (503, "store-unavailable")
