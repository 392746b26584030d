"""The life of what kernels and terminals get their credentials from, one server long."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

from wherobots_storage.credentials.endpoint import CredentialsEndpoint
from wherobots_storage.kernels.sdk import Changes, SdkSetup, config_text, sdk_changes
from wherobots_storage.kernels.seams import KernelSeam, TerminalSeam

log = logging.getLogger("wherobots_storage")

FOLDER = "kernels-"
CLAIM_SECONDS = 60.0
FIND_SECONDS = 5.0
"""How long a kernel's start waits for the store's region and endpoint to be found out."""


class KernelCredentials:
    """The credentials endpoint, its files, and the seams by which its variables reach kernels.

    ``prepare`` is called while the server loads, ``start`` and ``stop`` on the event loop.
    ``make_endpoint`` makes the endpoint for a token's file; ``find_setup`` gives region and
    endpoint of the store, blocks, and runs in ``executor``, which ``stop`` shuts down.

    When no endpoint can be made the server's keys are still kept from kernels: they were told to
    be scoped.
    """

    def __init__(
        self,
        state: Path,
        make_endpoint: Callable[[Path], CredentialsEndpoint],
        find_setup: Callable[[], SdkSetup],
        executor: Executor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives seconds that only go forward."""
        self._clock = clock
        self._found_by = 0.0
        self._state = state
        self._make_endpoint = make_endpoint
        self._find_setup = find_setup
        self._executor = executor
        self._endpoint: CredentialsEndpoint | None = None
        self._folder: Path | None = None
        self._lock: int | None = None
        self._found: Future[SdkSetup] | None = None
        self._seams: list[KernelSeam | TerminalSeam] = []

    def prepare(self, kernels: Any) -> None:  # noqa: ANN401 - a MultiKernelManager
        """Listen, and see to every kernel that starts from now on. Raises nothing.

        Who asks before ``start`` is answered then: the port listens already.
        """
        self._found = self._executor.submit(self._find)
        self._found_by = self._clock() + FIND_SECONDS
        self._seams.append(KernelSeam(kernels, self._changes, self._changes_now))
        try:
            self._folder = self._claim_folder()
            endpoint = self._make_endpoint(self._folder / "token")
            endpoint.bind()
        except OSError as error:
            text = "wherobots_storage: kernels get no credentials: %s"
            log.error(text, error.strerror or type(error).__name__)  # noqa: TRY400 - no defect
            return
        self._endpoint = endpoint

    def see_to_terminals(self, terminals: Any) -> None:  # noqa: ANN401 - of terminado
        """See to every terminal that starts from now on; asked for again, it is done once."""
        if not any(isinstance(seam, TerminalSeam) for seam in self._seams):
            self._seams.append(TerminalSeam(terminals, self._changes_now))

    def start(self) -> None:
        """Answer."""
        if self._endpoint is not None:
            self._endpoint.start()

    async def stop(self) -> None:
        """Stop answering, remove the files, and let the environment be as it was."""
        for seam in self._seams:
            seam.undo()
        self._seams.clear()
        if self._endpoint is not None:
            await self._endpoint.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._endpoint = self._folder = self._lock = None
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _changes(self, base: Mapping[str, str]) -> Changes:
        if self._found is not None:
            with contextlib.suppress(TimeoutError):
                waiting = asyncio.shield(asyncio.wrap_future(self._found))
                await asyncio.wait_for(waiting, FIND_SECONDS)
        return self._changes_after(0, base)

    def _changes_now(self, base: Mapping[str, str]) -> Changes:
        """For a terminal, asked once for each variable on the event loop, which this holds.

        Later than a moment after the server's start nobody is waited for, therefore.
        """
        return self._changes_after(max(0.0, self._found_by - self._clock()), base)

    def _changes_after(self, seconds: float, base: Mapping[str, str]) -> Changes:
        setup = SdkSetup()
        if self._found is not None:
            with contextlib.suppress(TimeoutError):
                setup = self._found.result(seconds)
        if self._endpoint is not None:
            setup = replace(setup, provider=self._endpoint.environment())
            if not has_own_files(base):
                setup = replace(setup, config_file=self._config_file(setup))
        return sdk_changes(base, setup)

    def _find(self) -> SdkSetup:
        try:
            return self._find_setup()
        except Exception as error:  # noqa: BLE001 - whatever it is, a kernel must still start
            log.warning("wherobots_storage: kernels are told no region and no endpoint: %s", error)
            return SdkSetup()

    def _config_file(self, setup: SdkSetup) -> str | None:
        """The generated configuration; read-only, so that ``aws configure`` says what it is."""
        if self._folder is None:
            return None
        path = self._folder / "config"
        if not path.exists():
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(config_text(setup))
        return str(path)

    def _claim_folder(self) -> Path:
        """A folder of this server's own, mode 0700; those of servers that are gone are removed."""
        self._state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._state.glob(f"{FOLDER}*"):
            _remove_unclaimed(left)
        folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=self._state))
        self._lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return folder


def has_own_files(base: Mapping[str, str]) -> bool:
    """Whether the user of an environment has AWS files, which a generated one would hide."""
    if base.get("AWS_CONFIG_FILE"):
        return True
    home = Path(base.get("HOME") or Path.home())
    return any((home / ".aws" / name).exists() for name in ("config", "credentials"))


def _remove_unclaimed(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if time.time() - os.fstat(descriptor).st_mtime < CLAIM_SECONDS:
            return  # Made a moment ago, perhaps not claimed yet.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return  # Its server lives.
    finally:
        os.close(descriptor)
