"""Fixtures for tests that run a Jupyter server in their process.

A ``conftest.py`` imports everything here. pytest-jupyter is not loaded as a plugin, since its
automatic fixtures would make a server object in every other test too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403
from support.server import CUSTOMER, ROOT, Api, Fetch, HeldBack, Hooks

from wherobots_storage.app import StorageApp
from wherobots_storage.objectstore.memory import MemoryStore


@pytest.fixture
def hooks(memory_store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    """The store and the supervisor that the extension is given."""
    hooks = Hooks(memory_store)
    monkeypatch.setattr(StorageApp, "make_store", staticmethod(hooks.make_store))
    monkeypatch.setattr(StorageApp, "make_supervisor", staticmethod(hooks.make_supervisor))
    return hooks


@pytest.fixture
def held_back(hooks: Hooks) -> HeldBack:
    """Gives the extension a store that waits and fails as it is told."""
    store = HeldBack()
    hooks.store = store
    return store


@pytest.fixture
def storage_config(tmp_path: Path) -> dict[str, Any]:
    """What the extension is configured with."""
    return {"root_url": ROOT, "customer": CUSTOMER, "state_dir": str(tmp_path / "state")}


@pytest.fixture  # type: ignore[no-redef]  # pytest-jupyter's own is to be overridden
def jp_server_config(hooks: Hooks, storage_config: dict[str, Any]) -> dict[str, Any]:
    """A server with the extension and terminals, and strict about failures in loading them."""
    assert hooks
    return {
        "ServerApp": {
            "jpserver_extensions": {"wherobots_storage": True, "jupyter_server_terminals": True},
            "reraise_server_extension_failures": True,
        },
        "StorageApp": storage_config,
    }


@pytest.fixture
def storage_app(jp_serverapp: Any) -> StorageApp:
    """The extension, loaded but for its async start."""
    (app,) = jp_serverapp.extension_manager.extension_apps["wherobots_storage"]
    assert isinstance(app, StorageApp)
    return app


@pytest.fixture
def api(jp_fetch: Fetch) -> Api:
    """Calls the routes."""
    return Api(jp_fetch)
