"""How the extension is set up. The one route that answers when it is not."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from wherobots_storage import __version__
from wherobots_storage.api.models import ConfigInfo, Features
from wherobots_storage.credentials.source import NO_ROLE
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.statuses import body_of


def config_info(backend: Backend) -> ConfigInfo:
    """What the panel is told: where, whose, and what it may offer; no secret."""
    settings = backend.settings
    can_vend = backend.vendor is not None
    features = Features(sync=backend.agent is not None, credentials=can_vend)
    if settings.tenancy is None:
        problem = body_of(settings.problem) if settings.problem else None
        return ConfigInfo(configured=False, version=__version__, features=features, problem=problem)
    areas = settings.tenancy.permissions.areas
    return ConfigInfo(
        configured=True,
        version=__version__,
        features=features,
        credentials_problem=None if can_vend else body_of(InvalidConfiguration(NO_ROLE)),
        root=settings.tenancy.root.url,
        customer=settings.tenancy.customer,
        home=str(settings.home),
        writable=[top.display for top, _ in areas],
        cautions={top.display: area.upload_caution for top, area in areas if area.upload_caution},
        environment=backend.environment,
    )


class ConfigHandler(StorageHandler):
    """``config``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the set-up."""
        self.answer(config_info(self.backend))
