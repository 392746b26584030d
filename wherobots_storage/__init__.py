"""Extension points of wherobots_storage, and its version."""

from __future__ import annotations

import json
from pathlib import Path


def _source_version() -> str:
    """The version of a checkout that nothing was built in: package.json's, marked as source."""
    manifest = Path(__file__).parent.parent / "package.json"
    try:
        return str(json.loads(manifest.read_text("utf-8"))["version"]) + "+source"
    except (OSError, ValueError, KeyError):
        return "0.0.0+source"


try:
    from wherobots_storage._version import __version__ as __version__
except ImportError:
    __version__ = _source_version()


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "wherobots-storage"}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    # Imported late: `import wherobots_storage.errors` need not load a web server.
    from wherobots_storage.app import StorageApp  # noqa: PLC0415

    return [{"module": "wherobots_storage", "app": StorageApp}]
