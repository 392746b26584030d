"""Downloads: an object streamed to the browser, in bounded memory, never as a page of ours."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from typing import cast

from jupyter_server.auth.decorator import authorized
from tornado import iostream, web
from tornado.http1connection import HTTP1Connection

from wherobots_storage.errors import InvalidPath, RangeNotSatisfiable, StorageError
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.patience import taken
from wherobots_storage.handlers.ranges import content_disposition, parse_range
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.objectstore.store import ByteRange, ObjectBody, ObjectInfo

CHUNK = 1024**2
"""How many bytes are held of a download at a time."""

BINARY = "application/octet-stream"


class ContentHandler(StorageHandler):
    """``files/content``: a file's bytes.

    A file of the shared folder may be a page with a script of somebody else's. So the type is
    always binary, the browser must not guess another, the answer is saved and not shown, and
    were it shown all the same, the policy puts it into a sandbox without scripts or an origin.
    """

    @property
    def content_security_policy(self) -> str:
        """Sandbox whatever this is, and load nothing."""
        return "sandbox; default-src 'none'"

    def compute_etag(self) -> None:
        """The ETag is the store's; Tornado must make none of the (empty) body of a HEAD."""

    @web.authenticated
    @authorized
    async def head(self) -> None:
        """The headers of a GET."""
        await self._serve(body_wanted=False)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """The bytes, or the range of them that is asked for."""
        await self._serve(body_wanted=True)

    async def _serve(self, *, body_wanted: bool) -> None:
        path = StoragePath.parse(self.required("path"))
        if path.is_folder:
            raise InvalidPath("A folder cannot be downloaded.", path=path.display)
        tenancy = self.backend.tenancy
        tenancy.permissions.access(path)
        key = path.key(tenancy.root)
        info = await self.call(path, lambda: self.backend.store().head(key))
        byte_range = self._range(info)
        self._set_headers(path.name, info, byte_range)
        if self.check_etag_header():
            self.set_status(HTTPStatus.NOT_MODIFIED)
            self.finish(set_content_type=BINARY)
        elif not body_wanted or info.size == 0:
            self.finish(set_content_type=BINARY)
        else:
            await self._send(path, info, byte_range)

    def _range(self, info: ObjectInfo) -> ByteRange | None:
        condition = self.request.headers.get("If-Range")
        if condition is not None and condition.strip() != f'"{info.etag}"':
            return None  # the browser's half is of another version: it gets the whole
        try:
            return parse_range(self.request.headers.get("Range"), info.size)
        except RangeNotSatisfiable:
            self._unsatisfied_size = info.size
            raise

    def _set_headers(self, name: str, info: ObjectInfo, byte_range: ByteRange | None) -> None:
        length = info.size
        if byte_range is not None:
            stop = info.size if byte_range.stop is None else byte_range.stop
            length = stop - byte_range.start
            self.set_status(HTTPStatus.PARTIAL_CONTENT)
            self.set_header("Content-Range", f"bytes {byte_range.start}-{stop - 1}/{info.size}")
        self.set_header("Content-Type", BINARY)
        self.set_header("Content-Length", str(length))
        self.set_header("Content-Disposition", content_disposition(name))
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", "private, no-cache")
        self.set_header("Etag", f'"{info.etag}"')
        self.set_header("Last-Modified", formatdate(info.last_modified, usegmt=True))

    async def _send(
        self, path: StoragePath, info: ObjectInfo, byte_range: ByteRange | None
    ) -> None:
        def begin() -> ObjectBody:
            return self.backend.store().get(info.key, byte_range=byte_range, if_match=info.etag)

        body = await self.call(path, begin)
        try:
            await self._stream(body.chunks(CHUNK))
        except iostream.StreamClosedError:
            self.log.debug("wherobots_storage: a browser left before its download's end")
        except Exception as error:
            # Headers are out: the only way to say that this is not the whole file is to close.
            said = error.message if isinstance(error, StorageError) else "see below"
            self.log.warning(
                "wherobots_storage: a download broke off: %s",
                said,
                exc_info=not isinstance(error, StorageError),
            )
            cast("HTTP1Connection", self.request.connection).close()
        finally:
            await self.backend.run(body.close)

    async def _stream(self, chunks: Iterator[bytes]) -> None:
        connection = cast("HTTP1Connection", self.request.connection)
        while chunk := await self.backend.run(next, chunks, b""):
            self.write(chunk)
            await taken(connection, self.flush())

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Tell the size with a 416, and drop what was meant for the file."""
        size = getattr(self, "_unsatisfied_size", None)
        if size is not None:
            self.set_header("Content-Range", f"bytes */{size}")
        super().write_error(status_code, **kwargs)
