"""What `doctor` looks at on this machine: configuration, hub, home, agent and JupyterLab."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from jupyter_core.paths import jupyter_config_path, jupyter_path

from wherobots_storage.commands.findings import Finding
from wherobots_storage.errors import StorageError
from wherobots_storage.objectstore.hosts import is_in_the_clear
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.state import StateFolder

SERVER_EXTENSION = "wherobots_storage"
LAB_EXTENSION = "wherobots-storage"
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs", "ceph"})


def configuration(settings: Settings) -> Finding:
    """Whether root and customer are set to something that can be."""
    if settings.problem is not None:
        return Finding(check="configuration", state="failed", message=settings.problem.message)
    tenancy = settings.require_tenancy()
    message = f"{tenancy.root.url} as {tenancy.customer}."
    return Finding(check="configuration", state="ok", message=message)


def hub_service(settings: Settings) -> Iterator[Finding]:
    """Whether the server's hub token travels to the hub's service where others can read it."""
    url = settings.hub_service
    if url is None:
        return
    if not is_in_the_clear(url):
        message = "The server's hub token is shown to it over https, or on this machine only."
        yield Finding(check="hub service", state="ok", message=message)
        return
    yield Finding(
        check="hub service",
        state="warning",
        message=f"Each request shows the server's hub token to {url} in plain text: whoever can "
        "read it on the way can have this user's credentials, and open this server.",
        advice="Name the hub's proxy by https in WHEROBOTS_STORAGE_HUB_SERVICE: "
        "https://HUB/services/storage/.",
    )


def home(settings: Settings) -> Finding:
    """Whether the home is a folder that can be read and written, and on what it lies."""
    folder = settings.home
    if not folder.is_dir():
        return Finding(
            check="home",
            state="failed",
            message=f"{folder} is not there, or is no folder.",
            advice="Set WHEROBOTS_STORAGE_HOME; `wherobots-storage restore` makes the folder.",
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        message = f"{folder} cannot be read."
        return Finding(check="home", state="failed", message=message)
    kind = file_system(folder, Path("/proc/self/mountinfo").read_text("utf-8", "replace"))
    if not os.access(folder, os.W_OK):
        return Finding(
            check="home",
            state="warning",
            message=f"{folder} ({kind}) is read-only: nothing can be restored into it.",
        )
    if kind in _NETWORK:
        return Finding(
            check="home",
            state="note",
            message=f"{folder} is on a network file system ({kind}).",
            advice="Changes made by other machines are found by the full scan only.",
        )
    return Finding(check="home", state="ok", message=f"{folder} ({kind}).")


def file_system(folder: Path, mountinfo: str) -> str:
    """The type of the file system that ``folder`` is on; ``mountinfo`` as proc(5) tells it."""
    real = Path(os.path.realpath(folder))
    best, kind = -1, "unknown file system"
    for line in mountinfo.splitlines():
        left, separator, right = line.partition(" - ")
        if not separator:
            continue
        # Spaces in a mount point travel as \040.
        point = Path(left.split(" ")[4].encode("latin-1", "replace").decode("unicode_escape"))
        depth = len(point.parts)
        if depth >= best and (real == point or point in real.parents):
            best, kind = depth, right.split(" ")[0]
    return kind


def agent(settings: Settings) -> Finding:
    """Whether the sync agent of this home answers."""
    if settings.tenancy is None:
        message = "Not checked: see the failure above."
        return Finding(check="agent", state="skipped", message=message)
    try:
        status = AgentClient(StateFolder.for_settings(settings).socket_path).status()
    except StorageError as error:
        return Finding(
            check="agent",
            state="note",
            message=f"Not running: the home is not being synced. ({error.message})",
            advice="It starts with JupyterLab; `wherobots-storage sync --once` syncs without.",
        )
    if status.last_error is not None:
        message = f"Running ({status.state}); its last error: {status.last_error.message}"
        return Finding(check="agent", state="warning", message=message)
    synced = status.last_synced or "not yet"
    message = f"Running ({status.state}); last synced: {synced}."
    return Finding(check="agent", state="ok", message=message)


def jupyter() -> Iterator[Finding]:
    """Whether Jupyter loads the server extension, and JupyterLab the panel."""
    name = "server extension"
    enabled = extension_enabled(jupyter_config_path())
    if enabled:
        yield Finding(check=name, state="ok", message="Enabled.")
    else:
        yield Finding(
            check=name,
            state="failed",
            message="Disabled." if enabled is False else "Not enabled by any configuration file.",
            advice=f"Run: jupyter server extension enable {SERVER_EXTENSION}",
        )
    found = [
        folder
        for folder in jupyter_path("labextensions")
        if (Path(folder) / LAB_EXTENSION / "package.json").is_file()
    ]
    if found:
        yield Finding(check="panel", state="ok", message=f"Installed in {found[0]}.")
        return
    yield Finding(
        check="panel",
        state="failed",
        message="JupyterLab does not find the panel.",
        advice="Install the package with pip; from a checkout run `make build`.",
    )


def extension_enabled(folders: list[str]) -> bool | None:
    """What Jupyter's configuration says of the extension; None when it says nothing.

    ``folders`` come in the order of their weight, the heaviest first; within one, the file
    outweighs the files of its ``.d`` folder (jupyter_server's BaseJSONConfigManager).
    """
    for folder in map(Path, folders):
        parts = sorted((folder / "jupyter_server_config.d").glob("*.json"), reverse=True)
        for file in [folder / "jupyter_server_config.json", *parts]:
            said = _said(file)
            if said is not None:
                return said
    return None


def _said(file: Path) -> bool | None:
    try:
        config = json.loads(file.read_text("utf-8"))
        value = config["ServerApp"]["jpserver_extensions"][SERVER_EXTENSION]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return bool(value)
