"""The endpoint's life and the seams, with Jupyter's managers played."""

from __future__ import annotations

import asyncio
import fcntl
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from wherobots_storage.credentials.endpoint import CredentialsEndpoint
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.kernels import credentials as module
from wherobots_storage.kernels.credentials import KernelCredentials, has_own_files
from wherobots_storage.kernels.sdk import SdkSetup
from wherobots_storage.namespace.policy import Scope

SCOPE = Scope("bucket", ("org/data/customer-a/",), "write", "all your folders")


class Source:
    """Never asked."""

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Fail."""
        raise AssertionError((scope, seconds))


class Kernels:
    """A manager of kernels that notes what they start with."""

    def __init__(self) -> None:
        self.started: list[dict[str, str]] = []
        self.told: dict[str, str] = {}

    async def start_kernel(self, **options: Any) -> str:
        """Note it."""
        self.started.append(options["env"])
        return "kernel"

    def update_env(self, *, kernel_id: str, env: dict[str, str]) -> None:
        """Note it."""
        assert kernel_id == "kernel"
        self.told = env


class Terminals:
    """A manager of terminals."""

    def __init__(self) -> None:
        self.extra_env: Any = {"JUPYTER_SERVER_ROOT": "/home"}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user without AWS files, on a server with keys of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the server")
    monkeypatch.setenv("AWS_PROFILE", "of the server")
    return tmp_path


def make(state: Path, find: Any = lambda: SdkSetup(region="r")) -> KernelCredentials:
    """Kernel credentials over a source that is never asked."""
    threads = ThreadPoolExecutor(2)

    def endpoint(token: Path) -> CredentialsEndpoint:
        return CredentialsEndpoint(Source(), SCOPE, token, threads, user="customer-a")

    return KernelCredentials(state, endpoint, find, threads)


@pytest.fixture
def kernels() -> Kernels:
    """The manager of kernels."""
    return Kernels()


@pytest.fixture
def prepared(home: Path, kernels: Kernels) -> Iterator[KernelCredentials]:
    """Kernel credentials of a server that loads."""
    one = make(home / "state")
    one.prepare(kernels)
    yield one
    loop = asyncio.new_event_loop()
    loop.run_until_complete(one.stop())
    loop.close()


def folders(home: Path) -> list[Path]:
    """The folders of servers."""
    return sorted((home / "state").glob("kernels-*"))


async def test_a_kernel_starts_without_the_server_s_keys(
    home: Path, kernels: Kernels, prepared: KernelCredentials
) -> None:
    """It has the endpoint instead, already before the loop runs; the server keeps its keys."""
    assert prepared is not None
    assert await kernels.start_kernel(kernel_name="python3") == "kernel"
    (seen,) = kernels.started
    assert not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE"} & set(seen)
    assert os.environ["AWS_ACCESS_KEY_ID"] == "of the server"
    (folder,) = folders(home)
    assert seen["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == str(folder / "token")
    assert seen["AWS_CONTAINER_CREDENTIALS_FULL_URI"].startswith("http://127.0.0.1:")
    assert seen["AWS_REGION"] == "r"
    assert seen["AWS_CONFIG_FILE"] == str(folder / "config")
    assert "region = r" in (folder / "config").read_text()


async def test_a_session_s_kernel_keeps_what_it_is_given(
    kernels: Kernels, prepared: KernelCredentials
) -> None:
    """The environment that Jupyter makes for a notebook is changed, not replaced."""
    assert prepared is not None
    given = {"JPY_SESSION_NAME": "n.ipynb", "AWS_ACCESS_KEY_ID": "of the server"}
    await kernels.start_kernel(env=given)
    assert kernels.started[0]["JPY_SESSION_NAME"] == "n.ipynb"
    assert "AWS_ACCESS_KEY_ID" not in kernels.started[0]
    assert given["AWS_ACCESS_KEY_ID"] == "of the server"


async def test_renaming_a_notebook_brings_no_key_back(
    kernels: Kernels, prepared: KernelCredentials
) -> None:
    """Jupyter tells a kernel all of its own environment then, for the next restart."""
    assert prepared is not None
    kernels.update_env(kernel_id="kernel", env={**os.environ, "JPY_SESSION_NAME": "m.ipynb"})
    assert kernels.told["JPY_SESSION_NAME"] == "m.ipynb"
    assert "AWS_ACCESS_KEY_ID" not in kernels.told
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in kernels.told


async def test_a_terminal_is_seen_to_once(prepared: KernelCredentials) -> None:
    """Terminado removes what is None; what the server itself gives terminals is still there."""
    terminals = Terminals()
    prepared.see_to_terminals(terminals)
    prepared.see_to_terminals(terminals)
    changes = dict(terminals.extra_env.items())
    assert changes["AWS_ACCESS_KEY_ID"] is None
    assert changes["JUPYTER_SERVER_ROOT"] == "/home"
    assert changes["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    await prepared.stop()
    assert terminals.extra_env == {"JUPYTER_SERVER_ROOT": "/home"}


async def test_the_files_are_the_user_s_alone_and_go_at_the_end(
    home: Path, kernels: Kernels
) -> None:
    """Token and configuration are for their owner's eyes, and nothing stays behind."""
    one = make(home / "state")
    one.prepare(kernels)
    await kernels.start_kernel()
    (folder,) = folders(home)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "config").stat().st_mode) == 0o400
    await one.stop()
    assert folders(home) == []
    await kernels.start_kernel(env={"AWS_PROFILE": "x"})
    assert kernels.started[-1] == {"AWS_PROFILE": "x"}


async def test_files_of_a_killed_server_are_removed(home: Path) -> None:
    """The next server clears up; those of a server that lives, or has just begun, stay."""
    state = home / "state"
    for name in ("kernels-dead", "kernels-alive", "kernels-new"):
        (state / name).mkdir(parents=True)
        (state / name / "token").touch()
    for name in ("kernels-dead", "kernels-alive"):
        os.utime(state / name, (1, 1))
    alive = os.open(state / "kernels-alive", os.O_RDONLY)
    fcntl.flock(alive, fcntl.LOCK_EX)
    one = make(state)
    one.prepare(Kernels())
    await one.stop()
    os.close(alive)
    assert [path.name for path in folders(home)] == ["kernels-alive", "kernels-new"]


async def test_without_an_endpoint_there_are_no_keys_either(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When no endpoint can be made kernels start, with no credentials, and the log says so."""
    state = home / "state"
    state.write_text("a file in the folder's place")
    kernels, one = Kernels(), make(state)
    one.prepare(kernels)
    one.start()
    await kernels.start_kernel()
    await one.stop()
    assert "kernels get no credentials" in caplog.text
    assert not {name for name in kernels.started[0] if name.startswith("AWS_CONTAINER")}
    assert "AWS_ACCESS_KEY_ID" not in kernels.started[0]


async def test_a_store_that_cannot_be_opened_delays_no_kernel(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a region the kernel starts all the same; its code may name one."""

    def broken() -> SdkSetup:
        raise RuntimeError("no such profile")

    kernels, one = Kernels(), make(home / "state", broken)
    one.prepare(kernels)
    await kernels.start_kernel()
    await one.stop()
    assert "AWS_REGION" not in kernels.started[0]
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" in kernels.started[0]
    assert "no such profile" in caplog.text


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opened at the end, whatever happened."""
    gate = threading.Event()
    yield gate
    gate.set()


async def test_a_store_that_hangs_delays_a_kernel_a_moment_only(
    home: Path, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait for the region has an end."""
    monkeypatch.setattr(module, "FIND_SECONDS", 0.05)

    def hanging() -> SdkSetup:
        gate.wait(60)
        return SdkSetup(region="late")

    kernels, one = Kernels(), make(home / "state", hanging)
    one.prepare(kernels)
    await kernels.start_kernel()
    assert "AWS_REGION" not in kernels.started[0]
    gate.set()
    await one.stop()


class Slow(Future[SdkSetup]):
    """An answer that does not come; waiting for it moves a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def result(self, timeout: float | None = None) -> SdkSetup:
        """Wait in vain."""
        assert timeout is not None
        self.now += timeout
        raise TimeoutError


class Submitting(ThreadPoolExecutor):
    """Gives this answer to whatever is asked."""

    def __init__(self, answer: Slow) -> None:
        super().__init__(1)
        self._answer = answer

    def submit(self, *_: Any, **__: Any) -> Any:
        """Nothing runs."""
        return self._answer


async def test_a_store_that_hangs_holds_terminals_once(home: Path, kernels: Kernels) -> None:
    """All the variables of all terminals together wait a moment, and none does later."""
    slow = Slow()

    def endpoint(token: Path) -> CredentialsEndpoint:
        return CredentialsEndpoint(Source(), SCOPE, token, ThreadPoolExecutor(1), user="customer-a")

    one = KernelCredentials(
        home / "state", endpoint, SdkSetup, Submitting(slow), clock=lambda: slow.now
    )
    one.prepare(kernels)
    terminals = Terminals()
    one.see_to_terminals(terminals)
    changes = dict(terminals.extra_env.items())
    assert changes["AWS_ACCESS_KEY_ID"] is None
    assert changes["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    assert dict(terminals.extra_env) == changes
    assert slow.now == 100.0 + module.FIND_SECONDS
    await one.stop()


@pytest.mark.parametrize("name", ["config", "credentials"])
def test_files_of_the_user_s_own_are_not_hidden(tmp_path: Path, name: str) -> None:
    """Where there is one in ~/.aws, or AWS_CONFIG_FILE names one, none is generated."""
    base = {"HOME": str(tmp_path)}
    assert not has_own_files(base)
    assert has_own_files({**base, "AWS_CONFIG_FILE": "/somewhere"})
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / name).touch()
    assert has_own_files(base)
