"""How the extension is set up. The one route that answers when it is not."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from wherobots_storage import __version__
from wherobots_storage.api.models import ConfigInfo, Features
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.statuses import body_of


def config_info(backend: Backend) -> ConfigInfo:
    """What the panel is told: where, whose, and what it may offer; no secret."""
    settings = backend.settings
    features = Features(sync=backend.agent is not None, credentials=False)
    if settings.tenancy is None:
        problem = body_of(settings.problem) if settings.problem else None
        return ConfigInfo(configured=False, version=__version__, features=features, problem=problem)
    return ConfigInfo(
        configured=True,
        version=__version__,
        features=features,
        root=settings.tenancy.root.url,
        customer=settings.tenancy.customer,
        home=str(settings.home),
        writable=[top.display for top, _ in settings.tenancy.permissions.areas],
        environment=backend.environment,
    )


class ConfigHandler(StorageHandler):
    """``config``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the set-up."""
        self.answer(config_info(self.backend))
