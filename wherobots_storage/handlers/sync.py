"""The sync agent over HTTP: its status, and what it can be asked."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import UTC, datetime

from jupyter_server.auth.decorator import authorized
from tornado import iostream, web

from wherobots_storage.api.models import SyncRequest, SyncStatus
from wherobots_storage.errors import AgentUnavailable
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.browse import timestamp
from wherobots_storage.handlers.ranges import content_disposition
from wherobots_storage.sync.heldlist import check_list, open_held
from wherobots_storage.sync.state import StateFolder

CHUNK = 256 * 1024
"""How many bytes of a list are held at a time."""

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
        """Ask the agent; answers with the status after it.

        A consent to deletions names those that were shown: others are refused (409), and so is a
        consent to nothing by name (400). Raises AgentUnavailable.
        """
        request = self.json_body(SyncRequest)
        agent = self.backend.agent
        _ = self.backend.tenancy
        if agent is None:
            raise AgentUnavailable("The home is not mirrored: WHEROBOTS_STORAGE_SYNC is off.")
        status = await agent.request(request.op, request.held)
        self.audit("sync-requested", {"op": request.op})
        self.answer(status)


class HeldHandler(StorageHandler):
    """``sync/held``: the whole list of held deletions, one JSON object a line, to be saved.

    The first line has the list's id, its files and bytes. Names may hold anything: the answer is
    plain text, not to be guessed at, saved and not shown.
    """

    @property
    def content_security_policy(self) -> str:
        """Sandbox whatever this is, and load nothing."""
        return "sandbox; default-src 'none'"

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The list of this ``id``. Raises DeletionsChanged when that is not what is held."""
        held_id = self.required("id")
        _ = self.backend.tenancy
        path = StateFolder.for_settings(self.backend.settings).held_path
        with ExitStack() as stack:
            lines = await self.backend.run(stack.enter_context, open_held(path))
            await self.backend.run(check_list, lines, held_id)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.set_header("Content-Disposition", content_disposition("held-deletions.jsonl"))
            self.set_header("X-Content-Type-Options", "nosniff")
            self.set_header("Cache-Control", "no-store")
            if lines is not None:
                lines.seek(0)
                with suppress(iostream.StreamClosedError):  # whoever asked may leave before the end
                    while chunk := await self.backend.run(lines.read, CHUNK):
                        self.write(chunk)
                        await self.flush()
                    self.finish(set_content_type="text/plain; charset=utf-8")
