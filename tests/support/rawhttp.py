"""Requests as bytes, for what no HTTP library would send."""

from __future__ import annotations

import select
import socket
from contextlib import suppress

from hypothesis import strategies as st

HEADER_VALUES = st.text(st.characters(max_codepoint=255), max_size=30)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z-]{0,12}", fullmatch=True)


def exchange(port: int, request: bytes, patience: float = 0.1) -> bytes:
    """All that is answered to the bytes of a request, after which nothing is sent.

    An answer is waited for so many seconds before the request is ended, if it had no end; not
    sooner, since a server need not answer who has gone.
    """
    found = b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as client,
        suppress(ConnectionError),
    ):
        client.sendall(request)
        select.select([client], [], [], patience)
        with suppress(OSError):  # The server has ended it already.
            client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65_536):
            found += piece
    return found


def rendered(method: str, target: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    """A request of these parts, whatever is in them."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    head = "\r\n".join(lines).encode("latin-1", "replace")
    length = b"\r\nContent-Length: %d" % len(body) if body else b""
    return head + length + b"\r\n\r\n" + body


def statuses(answer: bytes) -> list[int]:
    """The status of the answer, if it has one."""
    line = answer.split(b"\r\n", 1)[0].split()
    return [int(line[1])] if len(line) > 1 and line[1].isdigit() else []
