"""Connections of our own to one bucket, and what a request on them needs: path, signature, errors.

URLs, credentials and certificates are those of the S3 adapter.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import quote, urlsplit

from botocore.httpsession import get_cert_path

from wherobots_storage.errors import StoreTimeout, StoreUnavailable
from wherobots_storage.objectstore.connection import UNSIGNED, USER_AGENT, Connection
from wherobots_storage.objectstore.endpoint import Endpoint
from wherobots_storage.objectstore.keys import check_key
from wherobots_storage.objectstore.s3_errors import Where, make, translated
from wherobots_storage.objectstore.signing import Signer
from wherobots_storage.objectstore.store import ObjectInfo
from wherobots_storage.objectstore.syntax import Garbled
from wherobots_storage.objectstore.wire import Slow, Wire

_META = "x-amz-meta-"


class Wires:
    """Those that are idle are kept. Any thread may call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        parts = urlsplit(connection.url("put_object", Key="k"))
        self._host = parts.netloc
        self._base = parts.path.removesuffix("k")
        self._endpoint = _endpoint(connection, parts.scheme, parts.hostname or "", parts.port)
        self._signer = Signer(connection.region)
        self._idle: deque[Wire] = deque()

    def path(self, key: str) -> str:
        """A key's path in requests. Raises InvalidPath."""
        check_key(key)
        return self._base + quote(key, safe="/~")

    def sign(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: str = "",
        sha256: str = UNSIGNED,
    ) -> dict[str, str]:
        """All headers of a request, its signature among them; see ``Signer.sign``.

        Raises CredentialsError and its kinds.
        """
        with translated(self._connection.where):
            keys = self._connection.credentials()
        lower = {name.lower(): value for name, value in headers.items()}
        lower |= {"host": self._host, "user-agent": USER_AGENT}
        return self._signer.sign(method, path, lower, keys, query=query, sha256=sha256)

    def take(self) -> Wire:
        """A connection, which need not be open yet."""
        return self.take_idle() or Wire(self._endpoint)

    def take_idle(self) -> Wire | None:
        """One that is kept, if any is."""
        # Not looked at first: another thread may take the last one in between.
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def give_back(self, wire: Wire) -> None:
        """Keep one on which nothing is under way."""
        self._idle.append(wire)

    @contextmanager
    def taken(self) -> Iterator[Wire]:
        """A connection for one exchange, kept when that went well; as ``told`` otherwise."""
        wire = self.take()
        with told(self._connection.where):
            yield wire
        self.give_back(wire)

    def close(self) -> None:
        """Give those up that are kept."""
        while (wire := self.take_idle()) is not None:
            wire.close()


@contextmanager
def told(where: Where) -> Iterator[None]:
    """What a wire raises, as the StorageError that it means."""
    try:
        yield
    except Slow as error:
        raise make(StoreTimeout, where, type(error).__name__) from None
    except (OSError, Garbled) as error:
        raise make(StoreUnavailable, where, type(error).__name__) from None


def etag_of(headers: Mapping[str, str]) -> str:
    """An answer's ETag. Raises KeyError."""
    return headers["etag"].strip('"')


def object_info(key: str, headers: Mapping[str, str], size: int) -> ObjectInfo:
    """An object's facts, of a GET's headers. Raises KeyError and ValueError."""
    return ObjectInfo(
        key=key,
        size=size,
        etag=etag_of(headers),
        last_modified=_seconds(headers["last-modified"]),
        metadata={
            name[len(_META) :]: value for name, value in headers.items() if name.startswith(_META)
        },
        content_type=headers.get("content-type", ""),
    )


@lru_cache(maxsize=256)
def _seconds(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()


def _endpoint(connection: Connection, scheme: str, host: str, port: int | None) -> Endpoint:
    """Where to connect, trusting the certificates that botocore trusts."""
    tls = None
    if scheme == "https":
        bundle = connection.verify if isinstance(connection.verify, str) else get_cert_path(True)
        tls = ssl.create_default_context(cafile=str(bundle))
    standard = 80 if tls is None else 443
    seconds = connection.timeouts
    return Endpoint(host, port or standard, tls, seconds.connect, seconds.read)
