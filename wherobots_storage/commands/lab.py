"""JupyterLab as a child process of the demo: start it, learn its URL, make it stop.

The child has a session of its own, so that the terminal's Ctrl-C reaches the demo only and the
order of stopping is the demo's.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from wherobots_storage.errors import LocalError

START_SECONDS = 120.0
STOP_SECONDS = 120.0
"""How long to wait for the URL, and for the end, which includes the final sync."""

_POLL_SECONDS = 0.1
_LOG_LINES = 15
_PR_SET_PDEATHSIG = 1

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never by a proxy of the environment: it could not reach this machine's loopback."""

_SOURCES = Path(__file__).parent.parent.parent
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from wherobots_storage.commands.lab import main; main()"
)
"""``-P``, and no ``-m``: the working directory's ``random.py`` is no module of Jupyter's. The path
is set for this process only; by PYTHONPATH it would reach kernels of other environments."""


_PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""Without JupyterLab's question whether to fetch its news: it asks even where news are off."""


class Lab:
    """One JupyterLab. Its log is ``folder/jupyter.log``."""

    def __init__(self, folder: Path, environment: Mapping[str, str], options: object) -> None:
        """``options`` is a configuration of Jupyter, written to the child's own config folder.

        ``environment`` holds JUPYTER_TOKEN.
        """
        self.log = folder / "jupyter.log"
        self._runtime = folder / "jupyter" / "runtime"
        config = folder / "jupyter" / "config"
        panels = config / "labconfig"
        for made in (self._runtime, config, panels):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
        (panels / "page_config.json").write_text(json.dumps(_PAGE), "utf-8")
        (config / "jupyter_server_config.json").write_text(json.dumps(options, indent=1), "utf-8")
        self._token = environment["JUPYTER_TOKEN"]
        self._environment = {
            **environment,
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_RUNTIME_DIR": str(self._runtime),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, lock: int) -> None:
        """Start it. It inherits ``lock``, so that the folder is in use for as long as it lives."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(_SOURCES), str(os.getpid())],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock],
            )

    def wait_url(self, *, stopped: Callable[[], bool]) -> str | None:
        """Its URL, token included, once it serves; None when ``stopped`` came first.

        Raises LocalError when it ends before it serves, or serves nothing for two minutes.
        """
        deadline = time.monotonic() + START_SECONDS
        while not stopped():
            if self._process is None or self.ended():
                raise self.failure("JupyterLab did not start")
            url = self._url(self._process.pid)
            if url is not None and self._answers(url):
                return f"{url}lab?token={self._token}"
            if time.monotonic() > deadline:
                raise self.failure(f"JupyterLab did not serve within {START_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)
        return None

    def ended(self) -> bool:
        """Whether it has ended, or never began."""
        return self._process is None or self._process.poll() is not None

    @property
    def status(self) -> int:
        """What it exited with; negative for a signal, 0 while it runs."""
        return 0 if self._process is None else self._process.poll() or 0

    def stop(self, *, insisted: Callable[[], bool]) -> bool:
        """Ask it to end and wait: final sync, then the end. False when it had to be killed.

        ``insisted`` tells whether somebody would rather lose the final sync than wait.
        """
        if self._process is None or self.ended():
            return True
        self._process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while not self.ended():
            if insisted() or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def failure(self, what: str) -> LocalError:
        """An error that shows the end of the log."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        return LocalError("\n".join([f"{what}. The end of {self.log}:", *lines]))

    def _url(self, pid: int) -> str | None:
        """The base URL, of the file that Jupyter writes (``jupyter server list`` reads it)."""
        try:
            served = json.loads((self._runtime / f"jpserver-{pid}.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return str(served["url"])

    def _answers(self, url: str) -> bool:
        """Whether this JupyterLab serves there: another one does not take our token."""
        request = urllib.request.Request(url + "api/status")  # noqa: S310 - our own server
        request.add_header("Authorization", f"token {self._token}")
        try:
            with _direct.open(request, timeout=5) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (OSError, HTTPException):
            return False

    def lost_its_port(self) -> bool:
        """Whether it ended because another process took the port that it had found free."""
        return self.ended() and "Address already in use" in self.log.read_text("utf-8", "replace")


def main() -> None:
    """Be JupyterLab, and get a SIGTERM if the demo dies: the final sync is still made then."""
    parent = int(sys.argv[1])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(1)
    from jupyterlab.labapp import main as lab  # noqa: PLC0415 - only the child pays for it

    sys.argv = ["jupyter-lab"]
    lab()
