"""A Jupyter server with our extension, as a process under measurement."""

from __future__ import annotations

import http.client
import json
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks import lagprobe
from benchmarks.agent import Mirrored
from benchmarks.child import Child
from benchmarks.measure import Failed
from wherobots_storage.handlers.routes import PREFIX
from wherobots_storage.objectstore.ports import choose

STATE_SECONDS = 1200.0
_REPOSITORY = Path(__file__).parents[1]


class Server(Child):
    """``jupyter server`` over a home; a context manager that ends it, final sync included."""

    def __init__(self, mirrored: Mirrored, folder: Path, **variables: str) -> None:
        """``folder`` takes its log and its lags; ``variables`` go into its environment."""
        self.lags = folder / "lags"
        """Where the event loop's lags are written."""
        self._token = secrets.token_hex(16)
        self._port = choose(["server"])["server"]
        extensions = "{'wherobots_storage': True, 'benchmarks.lagprobe': True}"
        command = [
            *(sys.executable, "-m", "jupyter_server", f"--ServerApp.port={self._port}"),
            *("--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0"),
            *("--ServerApp.open_browser=False", "--ServerApp.allow_root=True"),
            f"--ServerApp.root_dir={mirrored.home}",
            f"--ServerApp.jpserver_extensions={extensions}",
            f"--IdentityProvider.token={self._token}",
        ]
        environment = {
            **mirrored.variables,
            "WHEROBOTS_STORAGE_RESTORE_WAIT": "0",
            **variables,
            "PYTHONPATH": str(_REPOSITORY),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            lagprobe.VARIABLE: str(self.lags),
        }
        super().__init__(command, environment, folder / "server.log")

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._exchange("GET", "/api/status", None)[0] == http.client.OK
        except OSError:
            return False

    def request(self, method: str, route: str, body: object = None, **query: str) -> Any:  # noqa: ANN401
        """Call a route of ours; ``body`` is sent as JSON, bytes as they are. Raises Failed."""
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        path = f"{PREFIX}/{route}?{urlencode(query)}"
        status, answer = self._exchange(method, path, raw)
        if status >= http.client.BAD_REQUEST:
            raise Failed(f"{method} {route}: {status} {answer[:500]!r}")
        return json.loads(answer) if answer else None

    def wait_state(self, *states: str) -> Mapping[str, Any]:
        """The sync's status once its state is one of these."""
        until = time.monotonic() + STATE_SECONDS
        while time.monotonic() < until:
            status: Mapping[str, Any] = self.request("GET", "sync")
            if status["state"] in states:
                return status
            time.sleep(0.2)
        raise Failed(f"the sync never was {' or '.join(states)}")

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        headers = {"Authorization": f"token {self._token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
