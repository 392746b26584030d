"""The bodies of requests: bounded in length and time, and read after it is known who sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from wherobots_storage.handlers.patience import BodyClock, leave_unless_taken

MAX_JSON_BYTES = 4 * 1024**2
"""The longest JSON body that is decoded: a delete of 1,000 paths of 1,024 bytes, escaped."""


@web.stream_request_body
class BodyHandler(APIHandler):
    """Reads a body of up to MAX_JSON_BYTES; answers that nobody takes are given up.

    Bodies are streamed: otherwise Tornado keeps one of up to Jupyter's 512 MB, a stranger's too,
    before anybody is asked, and waits for it for ever.
    """

    read_when_refused = MAX_JSON_BYTES
    """How long a refused request's body may be to be read all the same. A connection that is
    closed over unread bytes is reset, which may take the answer from the browser."""

    _clock: BodyClock | None = None
    _dropping = False

    async def prepare(self) -> None:  # type: ignore[override]  # as Jupyter's own APIHandler
        """Ask whether the request is to be answered, before its body is read."""
        self._clock = BodyClock(self.request.connection, MAX_JSON_BYTES)
        self._body = bytearray()
        refusal: Exception | None = None
        try:
            await self.admit()
        except Exception as error:
            length = self.declared_length
            if length is None or length > self.read_when_refused:
                raise
            refusal = error
        self._dropping = refusal is not None
        self._begin_after_body(refusal)
        self._clock.run()

    async def admit(self) -> None:
        """Raise what speaks against the request. Jupyter's own checks come first."""
        await super().prepare()

    @property
    def declared_length(self) -> int | None:
        """The body's length as it was announced; 0 when there is to be none, None if unknown."""
        headers = self.request.headers
        if "Transfer-Encoding" in headers:
            return None
        text = headers.get("Content-Length", "0")
        return int(text) if text.isascii() and text.isdigit() else None

    def expect_body(self, most: int) -> None:
        """Say that the body has so many bytes at most, which are given time accordingly."""
        if self._clock is not None:
            self._clock.expect(most)

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body. Tornado reads the next when this returns."""
        self._stop_clock()
        await self.take(chunk)
        if self._clock is not None:
            self._clock.run()

    async def take(self, chunk: bytes) -> None:
        """Keep a piece, up to MAX_JSON_BYTES of all; a longer body is read and dropped."""
        if len(self._body) + len(chunk) > MAX_JSON_BYTES:
            self._dropping = True
            self._body.clear()
        if not self._dropping:
            self._body += chunk

    def body(self) -> bytearray | None:
        """The whole body, once; None when it was too long."""
        body, self._body = self._body, bytearray()
        return None if self._dropping else body

    def on_connection_close(self) -> None:
        """The browser went away."""
        super().on_connection_close()
        self._stop_clock()

    def on_finish(self) -> None:
        """The answer is on its way."""
        super().on_finish()
        self._stop_clock()

    def finish(self, *args: Any, **kwargs: Any) -> asyncio.Future[None]:  # noqa: ANN401
        """End the answer, and the connection with it when nobody takes it."""
        flushed: asyncio.Future[None] = super().finish(*args, **kwargs)
        if self.request.connection is not None:
            leave_unless_taken(self.request.connection, flushed)
        return flushed

    def _begin_after_body(self, refusal: Exception | None) -> None:
        """Let the verb, which Tornado calls when the body is whole, begin with what is due then."""
        name = str(self.request.method).lower()
        verb: Callable[..., Any] = getattr(self, name)

        def begin(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            self._stop_clock()
            if refusal is not None:
                raise refusal
            return verb(*args, **kwargs)

        setattr(self, name, begin)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
