"""A real JupyterHub with its proxy, the service for storage, and users' servers."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from wherobots_storage.objectstore.ports import choose

ROOT = Path(__file__).parent.parent.parent


CONFIG = ROOT / "tests" / "support" / "jupyterhub_config.py"


OPEN = """
set -e
stage=$(mktemp -d)
mount -t tmpfs -o mode=755 none "$stage"
number=0
for path in $NEEDED; do
  number=$((number + 1)); mkdir "$stage/$number"; mount --bind "$path" "$stage/$number"
done
for path in $CLOSED; do mount -t tmpfs -o mode=755 none "$path"; done
number=0
for path in $NEEDED; do
  number=$((number + 1)); mkdir -p "$path"; mount --bind "$stage/$number" "$path"
done
umount -l "$stage"; rmdir "$stage"
exec "$@"
"""
"""Has what users' servers run stand in folders that everybody can enter, for these processes only:
a Python may well lie in root's own home."""


def needed() -> list[Path]:
    """What has to be there for other uids: the interpreter, its packages and this code."""
    found = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT}
    return sorted(found)


def closed() -> list[Path]:
    """The topmost folders above those that others cannot enter."""
    found = set()
    for path in needed():
        shut = [one for one in path.parents if not one.stat().st_mode & 0o001]
        found |= {shut[-1]} if shut else set()
    return sorted(found)


def can_have_uids() -> bool:
    """Whether servers can run under other uids: as root, who may mount where it is needed."""
    if os.geteuid() != 0:
        return False
    tried = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return not closed() or subprocess.run(tried, check=False, capture_output=True).returncode == 0


def opened() -> tuple[list[str], dict[str, str]]:
    """What to put before a command so that its folders are open, and the variables for it."""
    if os.geteuid() != 0 or not closed():
        return [], {}
    variables = {"NEEDED": " ".join(map(str, needed())), "CLOSED": " ".join(map(str, closed()))}
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", OPEN, "sh"], variables


class JupyterHub:
    """``jupyterhub`` with users who have homes, and uids of their own where it runs as root.

    ``environment`` is of the users' servers, ``deployment`` of the service. A context manager that
    ends what it started.
    """

    def __init__(
        self,
        proxy: Path,
        users: Mapping[str, Mapping[str, str]],
        environment: Mapping[str, str],
        deployment: Mapping[str, str],
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hub-"))
        self.folder.chmod(0o755)
        self.homes = self.folder / "homes"
        ports = choose(("proxy", "proxy_api", "hub", "service"))
        self.url = f"http://127.0.0.1:{ports['proxy']}"
        self.service = f"http://127.0.0.1:{ports['service']}"
        self._token = secrets.token_hex(16)
        numbers = range(20_001, 20_001 + len(users)) if can_have_uids() else ()
        self.uids = dict(zip(users, numbers, strict=False))
        self._users = users
        self._given = {
            "url": self.url,
            "hub_port": ports["hub"],
            "proxy_api": f"http://127.0.0.1:{ports['proxy_api']}",
            "proxy": [str(proxy)],
            "service": self.service,
            "folder": str(self.folder / "private"),
            "homes": str(self.homes),
            "uids": self.uids,
            "token": self._token,
            "environment": {
                **environment,
                "WHEROBOTS_STORAGE_HUB_SERVICE": f"{self.service}/services/storage/",
                "JUPYTER_PATH": str(self.folder / "share"),
            },
            "deployment": {**deployment, "PYTHONPATH": str(ROOT)},
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self.folder / "private").mkdir(mode=0o700)
        self.homes.mkdir()
        extensions = self.folder / "share" / "labextensions"
        extensions.mkdir(parents=True)
        (extensions / "wherobots-storage").symlink_to(ROOT / "wherobots_storage/labextension")
        for name in self._users:
            (self.homes / name).mkdir(mode=0o700)
            if name in self.uids:
                os.chown(self.homes / name, self.uids[name], self.uids[name])
        clean = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
        before, variables = opened() if self.uids else ([], {})
        with (self.folder / "private" / "hub.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *before,
                    sys.executable,
                    "-m",
                    "jupyterhub",
                    "-f",
                    str(ROOT / "tests/support/jupyterhub_config.py"),
                ],
                env={
                    **clean,
                    **variables,
                    "TEST_HUB": json.dumps(self._given),
                    "PYTHONPATH": str(ROOT),
                },
                cwd=self.folder / "private",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._until(self._is_up, 300)
            for name in self._users:
                self.api("POST", f"users/{name}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def programs(self) -> list[tuple[str, dict[str, str]]]:
        """All that runs of what the hub has started, and of what that has: command, environment."""
        found = []
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
                found.append((" ".join(process.cmdline()), process.environ()))
        return found

    def ports(self) -> list[int]:
        """Where any of it listens."""
        found = set()
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):  # as above
                connections = process.net_connections("tcp")
                found |= {it.laddr.port for it in connections if it.status == psutil.CONN_LISTEN}
        return sorted(found)

    def _processes(self) -> list[psutil.Process]:
        assert self._process is not None
        # Servers, and their agents, have sessions of their own, and no other parent than these.
        return psutil.Process(self._process.pid).children(recursive=True)

    def log(self) -> str:
        """What hub, service and servers have said."""
        return (self.folder / "private" / "hub.log").read_text("utf-8", "replace")

    def start(self, user: str) -> str:
        """Start the user's server; returns a token of the user's for it."""
        self.api("POST", f"users/{user}/server")
        self._until(
            lambda: bool(self.api("GET", f"users/{user}")["servers"].get("", {}).get("ready")), 330
        )
        return str(self.api("POST", f"users/{user}/tokens", {"note": "test"})["token"])

    def stop(self, user: str) -> None:
        """Stop the user's server."""
        self.api("DELETE", f"users/{user}/server")
        self._until(lambda: not self.api("GET", f"users/{user}")["servers"], 200)

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the hub's API with the administrator's token."""
        return self.fetch(f"/hub/api/{path}", self._token, method=method, body=body)[1]

    def fetch(
        self, path: str, token: str, *, method: str = "GET", body: object = None
    ) -> tuple[int, Any]:
        """A request through the proxy; the status and the JSON of the answer."""
        request = urllib.request.Request(  # noqa: S310 - our own hub
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text) if text else None
        except ValueError:
            return status, text

    def run(self, user: str, token: str, code: str) -> str:
        """Run code in a kernel of the user's server, through the proxy; what it has printed."""
        below = f"/user/{quote(user, safe='@~')}/api/kernels"
        status, kernel = self.fetch(below, token, method="POST", body={"name": "python3"})
        assert status == 201, kernel
        try:
            return asyncio.run(_execute(f"{self.url}{below}/{kernel['id']}/channels", token, code))
        finally:
            self.fetch(f"{below}/{kernel['id']}", token, method="DELETE")

    def _is_up(self) -> bool:
        try:
            return self.fetch("/hub/api/", self._token)[0] == 200
        except OSError:
            return False

    def _until(self, what: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not what():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise AssertionError(f"it did not become so in time:\n{self.log()[-6000:]}")
            time.sleep(0.3)

    def _end(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)


async def _execute(url: str, token: str, code: str) -> str:
    headers = {"Authorization": f"token {token}"}
    request = HTTPRequest(url.replace("http", "ws", 1), headers=headers)
    channel = await websocket_connect(request, max_message_size=2**24)
    said: list[str] = []
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    header = {"msg_id": "one", "msg_type": "execute_request", "session": "s", "username": "u"}
    message: dict[str, object] = {
        "header": {**header, "version": "5.3", "date": ""},
        "parent_header": {},
    }
    message |= {"metadata": {}, "content": {**content, "user_expressions": {}}}
    await channel.write_message(json.dumps(message | {"channel": "shell", "buffers": []}))
    while True:
        text = await asyncio.wait_for(channel.read_message(), 600)
        assert text is not None, "the kernel's channel was closed"
        came = json.loads(text)
        if came["parent_header"].get("msg_id") != "one":
            continue
        if came["msg_type"] == "stream":
            said.append(came["content"]["text"])
        elif came["msg_type"] == "error":
            raise AssertionError("\n".join(came["content"]["traceback"]))
        elif came["msg_type"] == "status" and came["content"]["execution_state"] == "idle":
            break
    channel.close()
    while await channel.read_message() is not None:
        pass
    return "".join(said)
