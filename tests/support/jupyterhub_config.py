"""JupyterHub's configuration for the tests: everything particular comes by the environment.

Users are made up, each with a uid of its own where the hub runs as root.
"""

# ruff: noqa: F821, PGH003 - Jupyter gives this file its ``c``

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyterhub.spawner import SimpleLocalProcessSpawner

given: Any = json.loads(os.environ["TEST_HUB"])


class OwnUid(SimpleLocalProcessSpawner):  # type: ignore
    """Starts a user's server under the user's uid, without an account on the machine."""

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Become the user."""
        uid, home = given["uids"].get(name), Path(given["homes"]) / name

        def become() -> None:
            if uid is not None:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
            os.chdir(home)

        return become


c: Any = get_config()  # type: ignore

c.JupyterHub.bind_url = given["url"]
c.JupyterHub.hub_port = given["hub_port"]
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret_file = f"{given['folder']}/cookie_secret"
c.ConfigurableHTTPProxy.api_url = given["proxy_api"]
c.ConfigurableHTTPProxy.command = given["proxy"]
c.ConfigurableHTTPProxy.pid_file = f"{given['folder']}/proxy.pid"
c.JupyterHub.log_level = "WARN"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = OwnUid
c.OwnUid.home_dir_template = f"{given['homes']}/{{username}}"
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = [
    "--allow-root",
    "--ServerApp.jpserver_extensions={'wherobots_storage': True}",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]
c.Spawner.default_url = "/lab"
c.Spawner.environment = given["environment"]
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
c.JupyterHub.services = [
    {"name": "test", "api_token": given["token"]},
    {
        "name": "storage",
        "url": given["service"],
        "command": [sys.executable, "-m", "wherobots_storage", "hub-service"],
        "environment": given["deployment"],
    },
]
c.JupyterHub.load_roles = [
    {
        "name": "test",
        "services": ["test"],
        "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"],
    },
    {"name": "visitor", "users": ["teacher"], "scopes": ["access:servers"]},
]
