"""Everything on this machine: a store, sample data, a home, and JupyterLab with all of it set up.

The store is a SeaweedFS on loopback. What the demo makes stays in its folder, and the next start
finds it as it was left. Ctrl-C stops JupyterLab, waits for the final sync, and then stops the
store. A second Ctrl-C gives up the final sync.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import time
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wherobots_storage.commands import samples
from wherobots_storage.commands.context import DONE, FAILED, Context
from wherobots_storage.commands.folders import Claim, claimed
from wherobots_storage.commands.lab import Lab
from wherobots_storage.commands.output import Output
from wherobots_storage.commands.signals import Stop, counted
from wherobots_storage.config import load_settings
from wherobots_storage.errors import LocalError, PreconditionFailed
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Tenancy
from wherobots_storage.sync.state import StateFolder

if TYPE_CHECKING:
    from wherobots_storage.objectstore.embedded import EmbeddedStore

FOLDER = "demo-data"
PORT = 8888
TENANCY = Tenancy(Root("wherobots-demo", "my-org/"), "customer-demo")

_INSIST = 2
_PORT_RETRIES = 50
_STARTS = 3
_AGENT_SECONDS = 60.0
_POLL_SECONDS = 0.2
_OWN_VARIABLES = (
    "JUPYTERHUB_",
    "JUPYTER_CONFIG",
    "JUPYTER_RUNTIME",
    "JUPYTER_TOKEN",
    "AWS_",
    "USER_S3_",
    "USER_WAREHOUSE_",
)
"""Variables of the caller's environment that would make the demo something else."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="FOLDER",
        help=f"where everything is kept ({FOLDER}, or {FOLDER}-2 … when that is in use)",
    )
    parser.add_argument(
        "--port", type=int, help=f"JupyterLab's port ({PORT}, or the next free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the URL")
    parser.add_argument("--json", action="store_true", help="print the URL as a JSON object")


@dataclass(frozen=True, slots=True)
class _Demo:
    """One demo's folders, below one."""

    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def state(self) -> Path:
        return self.folder / "state"


def run(context: Context) -> int:
    """Run the demo until a signal or File > Shut Down ends it.

    Raises AlreadyRunning when another demo has the folder, InvalidConfiguration when SeaweedFS
    is not installed, LocalError when JupyterLab does not start.
    """
    # Imported late: the store's client is slow to load, and other commands need none of it.
    from wherobots_storage.objectstore.embedded import EmbeddedStore  # noqa: PLC0415

    output = context.output
    with counted() as stop, claimed(context.arguments.dir, FOLDER) as claim:
        demo = _Demo(claim.folder)
        output.note(f"Starting the store. Everything is kept in {demo.folder}")
        try:
            with EmbeddedStore(demo.folder / "store") as server:
                server.create_bucket(TENANCY.root.bucket)
                # This process does nothing else, so what the child is to see it sees itself.
                _set_environment(demo, server)
                stop.check()
                _fill(demo, output)
                stop.check()
                return _serve(context, claim, demo, stop)
        finally:
            output.note("The store has stopped. The next start finds everything as it is now.")


def _set_environment(demo: _Demo, server: EmbeddedStore) -> None:
    """Make this process' environment JupyterLab's: the caller's, with the demo's settings."""
    for name in [name for name in os.environ if name.startswith(_OWN_VARIABLES)]:
        del os.environ[name]
    os.environ.update(server.environment())
    os.environ["WHEROBOTS_STORAGE_ROOT"] = TENANCY.root.url
    os.environ["WHEROBOTS_STORAGE_CUSTOMER"] = TENANCY.customer
    os.environ["WHEROBOTS_STORAGE_ROLE_ARN"] = server.role_arn
    os.environ["WHEROBOTS_STORAGE_HOME"] = str(demo.home)
    os.environ["WHEROBOTS_STORAGE_STATE"] = str(demo.state)
    # By the environment, since a command line is for everybody on the machine to read.
    os.environ["JUPYTER_TOKEN"] = secrets.token_urlsafe(24)


def _fill(demo: _Demo, output: Output) -> None:
    """Make the tree, the sample data and the first home, on the first start only."""
    filled = demo.folder / ".filled"
    demo.home.mkdir(mode=0o755, exist_ok=True)
    if filled.exists():
        return
    output.note("Making the sample data")
    from wherobots_storage.objectstore.connect import open_store  # noqa: PLC0415 - as above

    store = open_store(TENANCY.root.bucket)
    try:
        fill_store(store)
    finally:
        store.close()
    welcome = demo.home / "Welcome.ipynb"
    if not welcome.exists():
        welcome.write_bytes(samples.welcome_notebook())
    filled.touch(mode=0o600)


def fill_store(store: ObjectStore) -> None:
    """Write the organisation's tree and the shared sample data; what is there is left alone."""
    shared = StoragePath.parse("/data/shared/")
    for top, _ in TENANCY.permissions.areas:
        # The mirror is the sync agent's to write.
        if top != TENANCY.permissions.mirror:
            _put_new(store, top.key(TENANCY.root), b"")
    for name, body in samples.shared_files().items():
        _put_new(store, shared.child(name).key(TENANCY.root), body)


def _put_new(store: ObjectStore, key: str, body: bytes) -> None:
    with contextlib.suppress(PreconditionFailed):
        store.put(key, body, if_none_match=True)


def _serve(context: Context, claim: Claim, demo: _Demo, stop: Stop) -> int:
    output = context.output
    output.note("Starting JupyterLab")
    lab = Lab(demo.folder, os.environ, _options(demo, context.arguments.port))
    try:
        url = _start(lab, claim, stop)
        if url is not None:
            _announce(url, context)
            stop.wait_until(lab.ended)
        ended_itself = lab.ended()
    finally:
        if not lab.ended():
            output.note("Stopping JupyterLab, with a final sync of the home. Ctrl-C: without.")
        saved = lab.stop(insisted=lambda: stop.asked >= _INSIST)
        _wait_agent(stop)
    if ended_itself and lab.status:
        raise lab.failure(f"JupyterLab ended with status {lab.status}")
    return DONE if saved else FAILED


def _start(lab: Lab, claim: Claim, stop: Stop) -> str | None:
    """Start JupyterLab and return its URL; None when a stop was asked for meanwhile."""
    for again in reversed(range(_STARTS)):
        lab.start(lock=claim.descriptor)
        try:
            return lab.wait_url(stopped=lambda: bool(stop.asked))
        except LocalError:
            # Jupyter looks for a free port first and takes it later.
            if not (again and lab.lost_its_port()):
                raise
    return None


def _options(demo: _Demo, port: int | None) -> dict[str, dict[str, object]]:
    """JupyterLab's configuration. The demo opens the browser itself, where there is one."""
    return {
        "ServerApp": {
            "ip": "127.0.0.1",
            "port": PORT if port is None else port,
            "port_retries": _PORT_RETRIES if port is None else 0,
            "open_browser": False,
            "root_dir": str(demo.home),
            "allow_root": os.geteuid() == 0,
            # Installed packages enable it themselves; a checkout has nothing installed.
            "jpserver_extensions": {"wherobots_storage": True},
        },
        "ExtensionApp": {"open_browser": False},
        "LabApp": {"news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate"},
    }


def _announce(url: str, context: Context) -> None:
    output = context.output
    output.record({"url": url, "endpoint": os.environ["AWS_ENDPOINT_URL"]})
    output.line()
    output.line("JupyterLab is ready:")
    output.line()
    output.line(f"    {url}")
    output.line()
    output.line("The storage panel is in the left sidebar. Ctrl-C ends the demo.")
    if not (Path(__file__).parent.parent / "labextension" / "package.json").exists():
        output.note("The panel is not built, so the sidebar lacks it: run `make build` first.")
    if not context.arguments.no_browser and _has_browser():
        webbrowser.open(url)


def _has_browser() -> bool:
    """Whether there is a desktop to open a browser on; text browsers would take the terminal."""
    desktop = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return desktop and sys.stdout.isatty()


def _wait_agent(stop: Stop) -> None:
    """Wait for the end of the sync agent, which outlives a killed JupyterLab by its final sync."""
    state = StateFolder.for_settings(load_settings())
    deadline = time.monotonic() + _AGENT_SECONDS
    while state.holder() is not None and stop.asked < _INSIST and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
