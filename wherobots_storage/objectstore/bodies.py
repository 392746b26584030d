"""Bodies that are streamed: exactly as many bytes as were announced, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import monotonic
from typing import Any, Self

from urllib3.exceptions import ReadTimeoutError

from wherobots_storage.errors import StoreTimeout, StoreUnavailable, UploadInterrupted
from wherobots_storage.objectstore.s3_errors import Where, make
from wherobots_storage.objectstore.store import ObjectInfo

PATIENCE_SECONDS = 60.0
SLOWEST = 10_000.0
"""How long a body may be waited for in all, and the bytes a second that give it more: the
connection's own timeout is for the next byte, and a byte now and then would go on for ever."""

_PIECE_BYTES = 65_536
"""Less than this is not handed out while more is to come."""


class ExactBody:
    """An iterable of bytes that ends with its announced size, or raises before the last byte.

    The piece that completes the size is held back until the source has ended: a store makes an
    object of a body as soon as all bytes are there, and too long a body must make none. The
    source's own exceptions are kept in ``error``, since HTTP libraries wrap what is raised here.
    """

    def __init__(self, source: Iterable[bytes], size: int) -> None:
        self._source = source
        self._size = size
        self.error: BaseException | None = None
        self._checked = self._pieces()
        self._first = b""

    def prime(self) -> None:
        """Read up to the first piece that may be sent, before a connection is opened.

        A request whose headers come but whose body does not is an empty object to some servers.
        """
        self._first = next(self._checked, b"")

    def __iter__(self) -> Iterator[bytes]:
        try:
            if self._first:
                yield self._first
            yield from self._checked
        except GeneratorExit:
            raise
        except BaseException as error:
            self.error = error
            raise

    def _pieces(self) -> Iterator[bytes]:
        seen = 0
        held = b""
        for piece in self._source:
            if not piece:
                continue
            seen += len(piece)
            if seen > self._size:
                raise UploadInterrupted(f"The body goes on after its size of {self._size:,} bytes.")
            if held:
                yield held
            held = piece
        if seen != self._size:
            message = f"The body ended after {seen:,} of {self._size:,} bytes."
            raise UploadInterrupted(message)
        if held:
            yield held


class StreamedBody:
    """An object's body on its way from the store; satisfies ``ObjectBody``."""

    def __init__(self, info: ObjectInfo, length: int, stream: Any, where: Where) -> None:  # noqa: ANN401
        """``stream``: botocore's StreamingBody."""
        self._info = info
        self._length = length
        # Only read1 comes back with what is there, so that its time can be looked at: it takes as
        # much CPU as read (measured), and botocore's own stream has none.
        self._stream = stream._raw_stream  # noqa: SLF001
        self._where = where
        self._waited = 0.0

    @property
    def info(self) -> ObjectInfo:
        """The object that is read."""
        return self._info

    @property
    def length(self) -> int:
        """How many bytes this body has."""
        return self._length

    def chunks(self, size: int = 1024**2) -> Iterator[bytes]:
        """The bytes, in pieces of at most ``size``.

        Raises StoreUnavailable when it breaks off, StoreTimeout when it comes too slowly to end.
        """
        left = self._length
        while left:
            piece = self._gather(min(size, left), left)
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Give the connection up."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _gather(self, size: int, left: int) -> bytes:
        """Up to ``size`` bytes of those that are left, and not few of them."""
        pieces: list[bytes] = []
        got = 0
        while got < min(size, _PIECE_BYTES):
            piece = self._read(size - got)
            if not piece:
                missing = f"{left - got:,} bytes of the object missing"
                raise StoreUnavailable(f"{self._where.host} broke off with {missing}.")
            got += len(piece)
            pieces.append(piece)
            self._check_pace(self._length - left + got)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _check_pace(self, got: int) -> None:
        if self._waited > PATIENCE_SECONDS + got / SLOWEST:
            raise make(StoreTimeout, self._where, "trickle")

    def _read(self, size: int) -> bytes:
        began = monotonic()
        try:
            data: bytes = self._stream.read1(size)
        except ReadTimeoutError as error:
            raise make(StoreTimeout, self._where, type(error).__name__) from None
        except Exception as error:  # noqa: BLE001 - urllib3, http.client, ssl and sockets all leak
            kind = type(error).__name__
            message = f"The connection to {self._where.host} broke while reading ({kind})."
            raise StoreUnavailable(message) from None
        finally:
            # Of waiting only: who takes the pieces may take their time.
            self._waited += monotonic() - began
        return data
