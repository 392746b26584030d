"""Free ports on loopback for a server that opens several."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

from wherobots_storage.errors import StoreUnavailable

GRPC_OFFSET = 10_000
"""SeaweedFS derives a service's gRPC port from its HTTP port by this offset, whatever is set."""

_LOWEST, _HIGHEST = 11_000, 22_000
"""Both ports stay below 32,768, where Linux begins to give ports to outgoing connections."""


def choose(names: Iterable[str]) -> dict[str, int]:
    """A port for each name, free now together with the port ``GRPC_OFFSET`` above it.

    Somebody else may take one before the server does: the caller tries again with others.
    Raises StoreUnavailable when the machine has none left.
    """
    candidates = random.SystemRandom().sample(range(_LOWEST, _HIGHEST), _HIGHEST - _LOWEST)
    free = (port for port in candidates if _is_free(port) and _is_free(port + GRPC_OFFSET))
    chosen: dict[str, int] = {}
    for name in names:
        port = next(free, None)
        if port is None:
            raise StoreUnavailable("No free ports are left on 127.0.0.1 for the embedded store.")
        chosen[name] = port
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
