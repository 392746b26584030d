"""Uploads over HTTP: create, parts, complete, abort."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from jupyter_server.auth.decorator import authorized
from tornado import web
from tornado.http1connection import HTTP1Connection

from wherobots_storage.api.models import UploadId, UploadPart, UploadRequest
from wherobots_storage.errors import UploadInterrupted
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.upload_manager import UploadManager
from wherobots_storage.handlers.upload_parts import PartSink
from wherobots_storage.objectstore.store import MAX_PARTS


class UploadHandlerBase(StorageHandler):
    """A handler that works with the uploads in progress."""

    def initialize(self, backend: Backend, uploads: UploadManager) -> None:  # type: ignore[override]
        """Take the collaborators."""
        super().initialize(backend)
        self.uploads = uploads


class UploadsHandler(UploadHandlerBase):
    """``uploads``: begin one, look at it, give it up."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Begin an upload: 201 and its ticket."""
        ticket = await self.uploads.create(self.json_body(UploadRequest))
        self.answer(ticket, HTTPStatus.CREATED)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The ticket, with the parts that have arrived."""
        self.answer(self.uploads.ticket(self.required("id")))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Give the upload up: 204."""
        await self.uploads.abort(self.required("id"))
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()


class UploadCompleteHandler(UploadHandlerBase):
    """``uploads/complete``: make the file of its parts."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Complete the upload; answers with the file."""
        made = await self.uploads.complete(self.json_body(UploadId).id)
        self.audit("file-written", {"path": made.path, "size": made.size, "etag": made.etag})
        self.answer(made)


class UploadPartHandler(UploadHandlerBase):
    """``uploads/part``: a part's bytes, passed on while they arrive.

    Everything that can refuse the request does so before a byte of the body is read. Jupyter's own
    prepare, called first, has checked the XSRF cookie then.
    """

    read_when_refused = 0
    sink: PartSink | None = None

    async def admit(self) -> None:
        """Check who asks and for what, and open the way for the body."""
        await super().admit()
        if self.request.method == "PUT":
            await self._open()

    @authorized
    async def _open(self) -> None:
        upload_id = self.required("id")
        number = self.number("number", 1, MAX_PARTS)
        self.sink = await self.uploads.begin_part(upload_id, number, self.declared_length)
        size = self.uploads.part_size(upload_id, number)
        connection = cast("HTTP1Connection", self.request.connection)
        # A body without a Content-Length is cut off by Tornado when it goes on after this.
        connection.set_max_body_size(max(size, 1))
        self.expect_body(size)

    async def take(self, chunk: bytes) -> None:
        """Pass a piece on."""
        if self.sink is not None:
            await self.sink.write(chunk)

    def on_connection_close(self) -> None:
        """The browser went away: what there is of the part must not count."""
        super().on_connection_close()
        self._let_go(broken=True)

    def on_finish(self) -> None:
        """Free the part's place, however the request ended."""
        super().on_finish()
        self._let_go(broken=True)

    def _let_go(self, *, broken: bool) -> None:
        sink, self.sink = self.sink, None
        if sink is None:
            return
        if broken:
            sink.abort()
        self.uploads.end_part(self.argument("id") or "", sink)

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """The body is whole: register the part and answer with its ETag."""
        sink = self.sink
        if sink is None:
            raise UploadInterrupted("The part did not arrive whole; send it again.")
        part = await sink.finish()
        self._let_go(broken=False)
        self.answer(UploadPart(number=part.number, etag=part.etag, size=part.size))
