"""Bodies that are streamed: exactly as many bytes as were announced, or an error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from botocore.exceptions import BotoCoreError

from wherobots_storage.errors import StorageError, StoreUnavailable, UploadInterrupted
from wherobots_storage.objectstore.s3_errors import Where, from_exception
from wherobots_storage.objectstore.store import ObjectInfo


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
        self._stream = stream
        self._where = where

    @property
    def info(self) -> ObjectInfo:
        """The object that is read."""
        return self._info

    @property
    def length(self) -> int:
        """How many bytes this body has."""
        return self._length

    def chunks(self, size: int = 1024**2) -> Iterator[bytes]:
        """The bytes, in pieces of at most ``size``. Raises StoreUnavailable when it breaks off."""
        left = self._length
        while left:
            piece = self._read(min(size, left))
            if not piece:
                message = f"{self._where.host} broke off with {left:,} bytes of the object missing."
                raise StoreUnavailable(message)
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Give the connection up."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _read(self, size: int) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except StorageError:
            raise
        except BotoCoreError as error:
            raise from_exception(error, self._where) from None
        except Exception as error:  # noqa: BLE001 - urllib3, http.client, ssl and sockets all leak
            kind = type(error).__name__
            message = f"The connection to {self._where.host} broke while reading ({kind})."
            raise StoreUnavailable(message) from None
        return data
