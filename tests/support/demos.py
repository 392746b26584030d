"""A ``wherobots-storage demo`` as its user starts and ends it, and requests to its JupyterLab."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

START_SECONDS = 180
STOP_SECONDS = 120


class RunningDemo:
    """One demo, headless. A context manager that ends it, by SIGTERM, if the test did not."""

    def __init__(
        self, program: list[str], folder: Path, *, cwd: Path, environ: Mapping[str, str]
    ) -> None:
        command = [*program, "demo", "--json", "--no-browser", "--dir", str(folder)]
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.folder = folder
        self.url = ""
        self.token = ""
        self.notes = ""

    def __enter__(self) -> Self:
        """Wait until it says where JupyterLab is."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, notes = self.process.communicate(timeout=STOP_SECONDS)
            raise AssertionError("The demo did not start:\n" + notes.decode())
        parts = urlsplit(json.loads(line)["url"])
        self.url = f"{parts.scheme}://{parts.netloc}/"
        self.token = parse_qs(parts.query)["token"][0]
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.stop(signal.SIGTERM)

    def stop(self, signum: signal.Signals = signal.SIGINT) -> int:
        """Send the signal, wait for the end and return what it exited with."""
        self.process.send_signal(signum)
        try:
            _, notes = self.process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.notes = notes.decode()
        return self.process.returncode

    def request(
        self, path: str, *, method: str = "GET", body: bytes | None = None, json_body: Any = None
    ) -> bytes:
        """The answer's body. Raises HTTPError as urllib does."""
        data = json.dumps(json_body).encode() if json_body is not None else body
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, data=data, method=method
        )
        request.add_header("Authorization", f"token {self.token}")
        if json_body is not None:
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - as above
            return bytes(answer.read())

    def api(self, route: str, **options: Any) -> Any:
        """A route of the extension, its answer decoded."""
        answer = self.request(f"wherobots-storage/api/v1/{route}", **options)
        return json.loads(answer) if answer else None

    def upload(self, path: str, body: bytes) -> None:
        """Put a file into the bucket as the panel does: create, parts, complete."""
        asked = {"path": path, "size": len(body), "mode": "create"}
        ticket = self.api("uploads", method="POST", json_body=asked)
        size = ticket["partSize"]
        for number, start in enumerate(range(0, max(len(body), 1), size), start=1):
            part = body[start : start + size]
            self.api(f"uploads/part?id={ticket['id']}&number={number}", method="PUT", body=part)
        self.api("uploads/complete", method="POST", json_body={"id": ticket["id"]})

    def names(self, path: str) -> list[str]:
        """The names in a folder, by the extension's own listing."""
        return [entry["name"] for entry in self.api(f"files?path={path}")["entries"]]
