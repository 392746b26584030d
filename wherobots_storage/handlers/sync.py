"""The sync agent over HTTP: its status, and what it can be asked."""

from __future__ import annotations

from datetime import UTC, datetime

from jupyter_server.auth.decorator import authorized
from tornado import web

from wherobots_storage.api.models import SyncRequest, SyncStatus
from wherobots_storage.errors import AgentUnavailable
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.browse import timestamp

_LOADED = datetime.now(UTC).timestamp()


class SyncHandler(StorageHandler):
    """``sync``."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The status; ``disabled`` when the home is not mirrored."""
        agent = self.backend.agent
        _ = self.backend.tenancy
        if agent is None:
            self.answer(SyncStatus(state="disabled", since=timestamp(_LOADED)))
        else:
            self.answer(agent.status)

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Ask the agent; answers with the status after it. Raises AgentUnavailable."""
        request = self.json_body(SyncRequest)
        agent = self.backend.agent
        _ = self.backend.tenancy
        if agent is None:
            raise AgentUnavailable("The home is not mirrored: WHEROBOTS_STORAGE_SYNC is off.")
        status = await agent.request(request.op)
        self.audit("sync-requested", {"op": request.op})
        self.answer(status)
