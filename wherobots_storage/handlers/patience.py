"""How long a browser may take to send a body, and to take an answer: nobody holds either for ever.

Tornado limits a body as a whole and an answer not at all (tornado/http1connection.py). What is sent
a byte at a time is ended by the whole body's limit, what has stopped by the one for pauses.
"""

from __future__ import annotations

import asyncio
from typing import cast

from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

IDLE_SECONDS = 60.0
"""How long a body may pause. While the store is slower than the browser no time is counted."""

SLOWEST_BYTES = 8 * 1024
"""How many bytes a second a body must have on the whole, besides one such pause."""

TAKE_SECONDS = 300.0
"""How long an answer, or a piece of a download, may wait to be taken."""

GRACE_SECONDS = 1.0
"""How long is waited besides: when this process was held up, bytes may be there unread."""


class BodyClock:
    """Ends a connection whose request's body does not come. Lives on the event loop."""

    def __init__(self, connection: httputil.HTTPConnection | None, most: int) -> None:
        """``most``: the body's bytes, as many as there may be."""
        self._connection = cast("HTTP1Connection", connection)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.expect(most)

    def expect(self, most: int) -> None:
        """Set the whole body's limit; before its first byte is read."""
        self._connection.set_body_timeout(IDLE_SECONDS + most / SLOWEST_BYTES)

    def run(self) -> None:
        """It is the browser's turn."""
        self.stop()
        self._timer = self._loop.call_later(IDLE_SECONDS, self._look_again)

    def stop(self) -> None:
        """It is ours, or nothing more is to come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self) -> None:
        self._timer = self._loop.call_later(GRACE_SECONDS, self._connection.stream.close)


async def taken(connection: httputil.HTTPConnection, flushed: asyncio.Future[None]) -> None:
    """Wait until what was written is taken.

    Raises StreamClosedError when the browser has left, and when it was left after TAKE_SECONDS.
    """
    try:
        await asyncio.wait_for(flushed, TAKE_SECONDS + GRACE_SECONDS)
    except TimeoutError:
        cast("HTTP1Connection", connection).close()
        raise StreamClosedError from None


def leave_unless_taken(connection: httputil.HTTPConnection, flushed: asyncio.Future[None]) -> None:
    """As ``taken``, without waiting for it: for the end of an answer."""
    if flushed.done():
        return
    close = cast("HTTP1Connection", connection).close
    timer = asyncio.get_running_loop().call_later(TAKE_SECONDS + GRACE_SECONDS, close)
    flushed.add_done_callback(lambda _: timer.cancel())
