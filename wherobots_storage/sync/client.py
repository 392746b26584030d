"""Talking to a running agent over its socket: one JSON object a line, both ways."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from wherobots_storage.api.models import AgentEvent, AgentRequest, ErrorBody, SyncStatus
from wherobots_storage.errors import (
    AgentError,
    AgentUnavailable,
    DeletionsChanged,
    InvalidInput,
    StorageError,
)

MAX_ADDRESS = 107
"""The longest path of a Unix socket in bytes (unix(7): 108 with the closing NUL)."""

ANSWER_TIMEOUT = 10.0

_REFUSALS: dict[str, type[StorageError]] = {
    kind.code: kind for kind in (DeletionsChanged, InvalidInput)
}
"""What an agent refuses, by its code; any other error is an AgentError here."""

_decoder = msgspec.json.Decoder(AgentEvent)


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """An address for ``path`` of any length: a long one goes through a descriptor of its folder."""
    if len(os.fsencode(path)) <= MAX_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def open_socket(path: Path, timeout: float | None) -> socket.socket:
    """A connected socket. Raises AgentUnavailable."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        with socket_address(path) as address:
            connection.connect(address)
    except OSError as error:
        connection.close()
        raise AgentUnavailable("The sync agent is not running, or does not answer.") from error
    return connection


def peer_pid(connection: socket.socket) -> int:
    """The process that listens at the other end (SO_PEERCRED, unix(7))."""
    size = struct.calcsize("3i")
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", raw)[0])


def encode(request: AgentRequest) -> bytes:
    """A request as its line."""
    return msgspec.json.encode(request) + b"\n"


def decode(line: bytes) -> AgentEvent:
    """An event from its line. Raises AgentUnavailable for a line that is none."""
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError as error:
        message = "The sync agent's answer cannot be understood; its version may differ."
        raise AgentUnavailable(message) from error


def refused(error: ErrorBody) -> StorageError:
    """An error that the agent answered with."""
    return _REFUSALS.get(error.code, AgentError)(error.message)


class AgentClient:
    """Asks the agent behind one socket; every call is a connection of its own."""

    def __init__(self, socket_path: Path, *, pid: int | None = None) -> None:
        """With ``pid``, another process behind the socket counts as no agent."""
        self._path = socket_path
        self._pid = pid

    def status(self, timeout: float = ANSWER_TIMEOUT) -> SyncStatus:
        """The agent's status. Raises AgentUnavailable."""
        status = self._exchange("status", timeout=timeout).status
        if status is None:
            raise AgentUnavailable("The sync agent answered without a status.")
        return status

    def request(
        self,
        op: str,
        deadline: float | None = None,
        *,
        held: str | None = None,
        on_status: Callable[[SyncStatus], None] | None = None,
        timeout: float | None = None,
    ) -> AgentEvent:
        """Ask for something and wait for its end, at most ``timeout`` seconds without a word.

        ``held`` is the id of the deletions that are accepted. ``on_status`` is told the status as
        it changes. Raises AgentUnavailable, AgentError, DeletionsChanged when other deletions are
        held, InvalidInput.
        """
        return self._exchange(op, deadline, on_status, timeout, held)

    def _exchange(
        self,
        op: str,
        deadline: float | None = None,
        on_status: Callable[[SyncStatus], None] | None = None,
        timeout: float | None = None,
        held: str | None = None,
    ) -> AgentEvent:
        fields = {"op": op, "id": uuid4().hex, "deadline": deadline, "held": held}
        request = msgspec.convert(fields, AgentRequest)
        with open_socket(self._path, timeout) as connection:
            if self._pid is not None and peer_pid(connection) != self._pid:
                raise AgentUnavailable("Another agent has this home at the moment.")
            try:
                if on_status is not None:
                    connection.sendall(encode(AgentRequest(op="subscribe", id="")))
                connection.sendall(encode(request))
                with connection.makefile("rb") as lines:
                    return _await_answer(lines, request.id, on_status)
            except OSError as error:
                raise AgentUnavailable("The sync agent does not answer.") from error


def _await_answer(
    lines: Iterator[bytes], request_id: str, on_status: Callable[[SyncStatus], None] | None
) -> AgentEvent:
    for line in lines:
        event = decode(line)
        if event.id == request_id:
            if event.error is not None:
                raise refused(event.error)
            return event
        if on_status is not None and event.status is not None:
            on_status(event.status)
    raise AgentUnavailable("The sync agent ended before it answered.")
