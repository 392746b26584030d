"""The servers that the browser tests look at: a store, JupyterLab on it, and one without a root.

Starts an embedded SeaweedFS, fills it with a small tree, and starts three real JupyterLab servers
with token and XSRF checks on: one configured, one not, and a third for another customer, whose
home waits for an instance elsewhere. Prints one line of JSON with their URLs and serves a control
port: POST ``store/down`` and ``store/up`` cut and mend the way to the store, ``object/KEY`` puts an
object below the organisation as another program would. Ends when its standard input does.

    python tests/ui/server.py
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.environment import SCRUBBED  # noqa: E402
from support.lab import LabServer  # noqa: E402

from wherobots_storage.objectstore.connect import connect  # noqa: E402
from wherobots_storage.objectstore.embedded import EmbeddedStore  # noqa: E402

BUCKET = "wherobots-demo"
ORGANISATION = "acme"
CUSTOMER = "customer-ada"
WAITING_CUSTOMER = "customer-eve"
WAITING_FILES = 60
"""So many that to delete most of them is vetoed."""

MANY_FILES = 2_400
MANY_FOLDERS = 100


def tree() -> Iterator[tuple[str, bytes]]:
    """Keys below the organisation and their bodies."""
    mine = f"data/{CUSTOMER}/"
    yield mine + "README.md", b"# Readings\n\nHourly readings of the river gauges.\n"
    yield mine + "analysis.ipynb", b'{"cells": [], "metadata": {}, "nbformat": 4}' * 40
    yield mine + "gauges.geojson", b'{"type": "FeatureCollection", "features": []}' * 300
    yield mine + "readings-2025.csv", b"time,gauge,level\n" * 90_000
    yield mine + "readings-2026.parquet", b"PAR1" * 1_700_000
    yield mine + "raw/january.csv", b"a,b\n" * 1000
    yield mine + "raw/february.csv", b"a,b\n" * 900
    yield mine + "warehouse/rivers/metadata/v1.json", b"{}"
    yield mine + "empty/", b""
    yield mine + "conflicts/taken.txt", b"the old words"
    yield mine + "conflicts/taken too.txt", b"the old words too"
    yield "data/shared/boundaries.geojson", b"{}" * 4000
    yield "data/shared/city names.csv", b"name\n" * 900
    yield "data/customer-bob/secret.txt", b"not yours"
    yield "spark-logs/app-20260114-0001", b"{}\n" * 2000
    yield "spark-logs/app-20260115-0002", b"{}\n" * 2500
    yield "notebooks/shared/welcome.ipynb", b'{"cells": [], "metadata": {}, "nbformat": 4}'
    yield f"notebooks/{WAITING_CUSTOMER}/.wherobots/lease.json", lease()
    for name in odd_names():
        yield f"{mine}odd/{name}", b"odd"
    for number in range(MANY_FILES):
        yield f"{mine}many/file-{number:04}.csv", b"x" * (number + 1)
    for number in range(MANY_FOLDERS):
        yield f"{mine}many/z-folder-{number:03}/inside.txt", b"x"


def lease() -> bytes:
    """The lease of an instance that is elsewhere, and longer there than any test takes."""
    now = "2026-01-31T12:00:00Z"
    return json.dumps(
        {"instance": "other", "host": "node-7", "started": now, "beat": now, "ttl": 3600}
    ).encode()


def odd_names() -> tuple[str, ...]:
    """Names that are legal, and that a careless page would run, hide or turn round."""
    return (
        "<img src=x onerror=alert(1)>.txt",
        "100% & more?.txt",
        "a+b #1.csv",
        "bell\x07.txt",
        "report \u202efdp.exe",
        'quote\'s "name".txt',
        "%2e%2e.txt",
        "\U0001f30d \u4e2d\u6587 \u00e9.txt",
        " edge .txt ",
        "a-very-long-name-that-no-sidebar-has-room-for-" * 3 + "end.parquet",
    )


class Gate:
    """A TCP forwarder on loopback, in a thread of its own, that can be shut and opened."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 0)
        self._loop = asyncio.new_event_loop()
        self._streams: set[asyncio.StreamWriter] = set()
        self.is_open = True
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        serving = asyncio.start_server(self._serve, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(serving, self._loop).result(10)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def set_open(self, *, is_open: bool) -> None:
        """Open it, or shut it and cut what is under way."""
        self.is_open = is_open
        if not is_open:
            self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for stream in self._streams:
            stream.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            writer.close()
            return
        with contextlib.suppress(OSError):
            inner_reader, inner_writer = await asyncio.open_connection(*self._target)
            self._streams |= {writer, inner_writer}
            await asyncio.gather(self._pipe(reader, inner_writer), self._pipe(inner_reader, writer))
            self._streams -= {writer, inner_writer}

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(64 * 1024):
                writer.write(chunk)
                await writer.drain()
        writer.close()


def seed(store: EmbeddedStore) -> None:
    """Make the bucket and fill it."""
    store.create_bucket(BUCKET)
    bucket = connect(BUCKET, store.environment())
    with ThreadPoolExecutor(16) as pool:
        for future in [
            pool.submit(bucket.put, f"{ORGANISATION}/{key}", body) for key, body in tree()
        ]:
            future.result()
    bucket.close()


def make_home(home: Path) -> None:
    """A home with a few files, for the sync to save."""
    home.mkdir()
    (home / "welcome.ipynb").write_text('{"cells": [], "metadata": {}, "nbformat": 4}', "utf-8")
    (home / "notes.txt").write_text("To be safe in the bucket.\n", "utf-8")


def make_waiting_home(home: Path) -> None:
    """The home of the customer who waits: small files, and one to have a conflict with."""
    home.mkdir()
    (home / "notes.txt").write_text("The first words.\n", "utf-8")
    for number in range(WAITING_FILES):
        (home / f"run-{number:02}.csv").write_text("a,b\n" * number, "utf-8")


def lab_environment(folder: Path) -> dict[str, str]:
    """Jupyter directories in ``folder``, which hold the labextension as it was built last."""
    extensions = folder / "share" / "labextensions"
    extensions.mkdir(parents=True)
    (extensions / "wherobots-storage").symlink_to(ROOT / "wherobots_storage" / "labextension")
    asked = folder / "settings" / "@jupyterlab" / "apputils-extension"
    asked.mkdir(parents=True)
    # Otherwise every new page asks whether it may fetch the project's news.
    (asked / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}', "utf-8")
    return {
        "PYTHONPATH": str(ROOT),
        "JUPYTER_PATH": str(folder / "share"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }


def control(gate: Gate, store: EmbeddedStore) -> ThreadingHTTPServer:
    """The control port, serving in a thread."""
    bucket = connect(BUCKET, store.environment())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            what, _, key = unquote(self.path).removeprefix("/").partition("/")
            if what == "object":
                bucket.put(f"{ORGANISATION}/{key}", body)
            else:
                gate.set_open(is_open=key == "up")
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name
            """Say nothing: standard error belongs to what goes wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Start everything, say where it is, and end it when standard input ends."""
    for name in [name for name in os.environ if name.startswith(SCRUBBED)]:
        del os.environ[name]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="storage-ui-")))
        store = stack.enter_context(EmbeddedStore(folder / "store"))
        seed(store)
        gate = Gate(store.endpoint_url)
        make_home(folder / "home")
        make_waiting_home(folder / "waiting")
        (folder / "bare").mkdir()
        configured = {
            **lab_environment(folder / "jupyter"),
            **store.environment(),
            "AWS_ENDPOINT_URL": gate.url,
            "WHEROBOTS_STORAGE_ROOT": f"s3://{BUCKET}/{ORGANISATION}/",
            "WHEROBOTS_STORAGE_CUSTOMER": CUSTOMER,
            "WHEROBOTS_STORAGE_ROLE_ARN": store.role_arn,
            "WHEROBOTS_STORAGE_STATE": str(folder / "state"),
        }
        waiting = {
            **configured,
            **lab_environment(folder / "waiting-jupyter"),
            "WHEROBOTS_STORAGE_CUSTOMER": WAITING_CUSTOMER,
        }
        servers = (
            LabServer(folder / "home", configured),
            LabServer(folder / "bare", lab_environment(folder / "bare-jupyter")),
            LabServer(folder / "waiting", waiting),
        )
        with ThreadPoolExecutor(3) as pool:
            labs = list(pool.map(stack.enter_context, servers))
        port = control(gate, store).server_port
        answer = {
            "url": f"http://127.0.0.1:{labs[0].port}/",
            "token": labs[0].token,
            "bareUrl": f"http://127.0.0.1:{labs[1].port}/",
            "bareToken": labs[1].token,
            "waitingUrl": f"http://127.0.0.1:{labs[2].port}/",
            "waitingToken": labs[2].token,
            "waitingHome": str(folder / "waiting"),
            "controlUrl": f"http://127.0.0.1:{port}/",
            "many": MANY_FILES + MANY_FOLDERS,
            "oddNames": odd_names(),
        }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        # Until its end: whatever shares it may have made it non-blocking.
        while select([sys.stdin], [], []) and os.read(sys.stdin.fileno(), 4096):
            pass


if __name__ == "__main__":
    main()
