"""The service as a process: listens where the hub expects it, until a signal."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.hub.service import make_application, make_server
from wherobots_storage.hub.vending import HubUsers, HubVendor

THREADS = 16
"""How many sessions are asked for at once."""


def serve(url: str, prefix: str, users: HubUsers, vendor: HubVendor) -> None:
    """Serve at ``url`` below ``prefix`` until SIGTERM or SIGINT.

    Raises InvalidConfiguration for a URL without a port, or one that cannot be listened on.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise InvalidConfiguration("The service's URL must be such as http://127.0.0.1:10101.")
    asyncio.run(_serve(parts.hostname, parts.port, f"/{prefix.strip('/')}/", users, vendor))


async def _serve(host: str, port: int, prefix: str, users: HubUsers, vendor: HubVendor) -> None:
    with ThreadPoolExecutor(THREADS, "vending") as threads:
        server = make_server(make_application(prefix, users, vendor, threads))
        try:
            server.listen(port, host)
        except OSError as error:
            message = f"The service cannot listen on {host}:{port}: {error.strerror}."
            raise InvalidConfiguration(message) from error
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
        server.stop()
        await server.close_all_connections()
