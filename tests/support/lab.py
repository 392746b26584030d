"""A real JupyterLab server process, with the extension enabled, a token and XSRF checks on."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from wherobots_storage.objectstore.ports import choose


def free_port() -> int:
    """A port of loopback that was free a moment ago, and that no outgoing connection takes."""
    return choose(["one"])["one"]


class LabServer:
    """``jupyter lab`` over a home folder; a context manager that ends what it started.

    ``stdin`` is a descriptor for its standard input, a terminal's perhaps; without, it is ours.
    ``program`` is what Python runs.
    """

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str],
        *,
        wait: float = 180,
        stdin: int | None = None,
        program: Sequence[str] = ("-m", "jupyterlab"),
    ) -> None:
        self.home = home
        self.token = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/lab?token={self.token}"
        self._wait = wait
        self._stdin = stdin
        self._program = program
        self._log = tempfile.NamedTemporaryFile("w+b", suffix=".log", delete=False)  # noqa: SIM115
        self._environment = {**os.environ, **environment}
        self.process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        """Start the server and wait until it answers."""
        command = [
            sys.executable,
            *self._program,
            *("--no-browser", f"--ServerApp.root_dir={self.home}"),
            *(f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0"),
            *("--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={self.token}"),
            *(
                "--ServerApp.allow_root=True",
                "--LabApp.news_url=None",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ),
            "--ServerApp.jpserver_extensions={'wherobots_storage': True}",
        ]
        self.process = subprocess.Popen(
            command,
            env=self._environment,
            cwd=self.home,
            stdin=self._stdin,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait_until_up()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the server, by force if it must be, and drop its log."""
        self.terminate(timeout=120)
        self._log.close()
        Path(self._log.name).unlink()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + self._wait
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"jupyter lab ended at start:\n{self.output()}")
            try:
                self.fetch("api/status")
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise AssertionError(f"jupyter lab did not answer:\n{self.output()}")

    def fetch(self, path: str, *, method: str = "GET", body: object = None) -> object:
        """Call the server's HTTP API with the token; JSON in, JSON out."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - see above
            text = answer.read()
        return json.loads(text) if text else None

    def output(self) -> str:
        """What the server printed so far."""
        return Path(self._log.name).read_text("utf-8", "replace")

    def terminate(self, *, timeout: float, how: int = signal.SIGTERM) -> int:
        """Ask the server to end and wait; past the timeout it is killed. Returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"the server did not stop:\n{self.output()}") from None
        return self.process.returncode

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        self.process.kill()
        self.process.wait(60)

    def run_notebook(self, path: str) -> str:
        """Run every code cell in a new session of this server and return what they printed."""
        # Imported here, since most tests need no kernel.
        from support.kernels import run_cells  # noqa: PLC0415

        notebook = json.loads((self.home / path).read_text("utf-8"))
        cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
        return run_cells(self, path, cells)


@dataclass
class Memory:
    """The resident memory of a process, in bytes: at first, and at its highest."""

    start_bytes: int
    peak_bytes: int

    @property
    def growth_bytes(self) -> int:
        """How far it rose above its start."""
        return self.peak_bytes - self.start_bytes


@contextmanager
def peak_rss(pid: int, interval: float = 0.05) -> Iterator[Memory]:
    """Watch a process's resident memory while the block runs."""
    process = psutil.Process(pid)
    memory = Memory(process.memory_info().rss, 0)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(interval):
            memory.peak_bytes = max(memory.peak_bytes, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield memory
    finally:
        done.set()
        watcher.join()
