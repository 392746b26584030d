"""Large bodies over connections of our own: objects and ranges as they come, parts as they go.

botocore and urllib3 spend three times the CPU on a body: their pieces are fresh memory, which the
kernel gives page by page, and are copied on the way (measured: 2 GiB down took 8.5 s of CPU, a hash
among it, and 3 s so).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Self
from urllib.parse import quote

from wherobots_storage.errors import StorageError, StoreUnavailable, UnexpectedAnswer
from wherobots_storage.objectstore.absent import absence_told
from wherobots_storage.objectstore.answers import MAX_ERROR_BYTES, error_of
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.content import KnownBody
from wherobots_storage.objectstore.s3_errors import Where, make, understood
from wherobots_storage.objectstore.store import ByteRange, ObjectInfo
from wherobots_storage.objectstore.wire import Answer, Oversize, Wire
from wherobots_storage.objectstore.wires import Wires, etag_of, object_info, told

_PARTIAL = 206
_GOOD = {200, _PARTIAL}


class Streams:
    """The large bodies of one bucket, over the connection of an S3 store, which stays the caller's.

    Any thread may call.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._where = connection.where
        self._wires = Wires(connection)

    def get(self, key: str, byte_range: ByteRange | None, if_match: str | None) -> WireBody:
        """See ``ObjectStore.get``."""
        headers: dict[str, str] = {}
        if byte_range is not None:
            last = "" if byte_range.stop is None else byte_range.stop - 1
            headers["range"] = f"bytes={byte_range.start}-{last}"
        if if_match is not None:
            headers["if-match"] = if_match
        path = self._wires.path(key)

        def once() -> tuple[Wire, Answer]:
            signed = self._wires.sign("GET", path, headers)
            wire = self._wires.take()
            begin = partial(wire.begin, "GET", path, signed, most=MAX_ERROR_BYTES)
            return wire, self._answered(wire, begin)

        with absence_told(self._connection, key):
            wire, answer = self._connection.persistently(once)
        try:
            with understood(self._where):
                info, length = _facts(key, answer, byte_range)
        except StorageError:
            wire.close()
            raise
        return WireBody(info, length, wire, self._wires, self._where)

    def put_part(self, key: str, upload_id: str, number: int, body: KnownBody, size: int) -> str:
        """Send a part whose SHA-256 is known, again while that can help, and return its ETag."""
        path = self._wires.path(key)
        query = f"partNumber={number}&uploadId={quote(upload_id, safe='-_.~')}"
        headers = {"content-length": str(size)}

        def once() -> Answer:
            signed = self._wires.sign("PUT", path, headers, query=query, sha256=body.sha256)
            target = f"{path}?{query}"
            wire = self._wires.take()
            put = partial(wire.exchange, "PUT", target, signed, body, most=MAX_ERROR_BYTES)
            answer = self._answered(wire, put)
            self._wires.give_back(wire)
            return answer

        answer = self._connection.persistently(once)
        with understood(self._where):
            return etag_of(answer.headers)

    def close(self) -> None:
        """Give connections up."""
        self._wires.close()

    def _answered(self, wire: Wire, ask: Callable[[], Answer]) -> Answer:
        """A good answer; raises what any other means."""
        try:
            with told(self._where):
                answer = ask()
        except Oversize as error:
            raise make(StoreUnavailable, self._where, type(error).__name__) from None
        if answer.status not in _GOOD:
            self._wires.give_back(wire)
            raise error_of(answer.status, answer.body, answer.headers, self._where)
        return answer


class WireBody:
    """An object's body on its way from the store; satisfies ``ObjectBody`` and ``FillsBuffers``."""

    def __init__(
        self, info: ObjectInfo, length: int, wire: Wire, wires: Wires, where: Where
    ) -> None:
        self._info = info
        self._length = length
        self._left = length
        self._wire: Wire | None = wire
        self._wires = wires
        self._where = where
        self._let_go()

    @property
    def info(self) -> ObjectInfo:
        """The object that is read."""
        return self._info

    @property
    def length(self) -> int:
        """How many bytes this body has."""
        return self._length

    def read_into(self, buffer: memoryview) -> int:
        """See ``FillsBuffers.read_into``."""
        if self._wire is None:
            return 0
        try:
            with told(self._where):
                got = self._wire.read_into(buffer)
        except StoreUnavailable as error:
            host, left = self._where.host, self._left
            message = f"{host} broke off with {left:,} bytes of the object missing."
            raise type(error)(message) from None
        self._left -= got
        self._let_go()
        return got

    def chunks(self, size: int = 1024**2) -> Iterator[bytes]:
        """The bytes, in pieces of at most ``size``. Raises StoreUnavailable when it breaks off."""
        while self._left:
            piece = bytearray(min(size, self._left))
            with memoryview(piece) as view:
                if not self.read_into(view):
                    raise StoreUnavailable("The body was closed before it was read.")
            yield bytes(piece)

    def close(self) -> None:
        """Give the connection up, unless all was read: it is kept then."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _let_go(self) -> None:
        """Keep the connection for others when all has been read."""
        if not self._left and self._wire is not None:
            self._wires.give_back(self._wire)
            self._wire = None


def _facts(key: str, answer: Answer, asked: ByteRange | None) -> tuple[ObjectInfo, int]:
    """The object, and how many bytes of it come. Raises KeyError, ValueError, UnexpectedAnswer."""
    headers = answer.headers
    length = int(headers["content-length"])
    told_range = headers.get("content-range", "")
    if asked is not None and told_range and not told_range.startswith(f"bytes {asked.start}-"):
        raise UnexpectedAnswer("The store gives another range than it was asked for.")
    # A part of an object has to tell how large the whole is.
    whole = answer.status != _PARTIAL and not told_range
    size = length if whole else int(told_range.rpartition("/")[2])
    return object_info(key, headers, size), length
