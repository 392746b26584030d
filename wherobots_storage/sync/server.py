"""The agent's end of its socket: requests in, answers and changes of status out."""

from __future__ import annotations

import logging
import socket
import stat
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import msgspec

from wherobots_storage.api.models import AgentEvent, AgentRequest, ErrorBody, SyncStatus
from wherobots_storage.errors import StorageError
from wherobots_storage.sync.client import socket_address
from wherobots_storage.sync.controller import Controller
from wherobots_storage.sync.status import StatusBoard, error_body

log = logging.getLogger("wherobots_storage.agent")

SEND_TIMEOUT = 10.0
MAX_LINE = 65_536
JOIN_SECONDS = 1.0
"""How long a client that does not read may hold up the end."""

MAX_UNTOLD = 64
"""How many changes of the state wait for a client that does not read."""

_decoder = msgspec.json.Decoder(AgentRequest)


class AgentServer:
    """Listens on ``path`` (mode 0600), a thread for each connection."""

    def __init__(self, path: Path, board: StatusBoard, controller: Controller) -> None:
        self._path = path
        self._inode: tuple[int, int] | None = None
        self._board = board
        self._controller = controller
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._talks: dict[_Connection, threading.Thread] = {}
        self._accepting = threading.Thread(target=self._accept, name="agent-socket", daemon=True)

    def start(self) -> None:
        """Listen from now on. The lock must be held: a former holder's socket is replaced."""
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(self._path.lstat().st_mode):
                self._path.unlink()
        # The folder is 0700, so nobody else can come in between bind and chmod.
        with socket_address(self._path) as address:
            self._listener.bind(address)
        self._path.chmod(0o600)
        self._inode = _inode_of(self._path)
        self._listener.listen(16)
        self._accepting.start()

    def close(self) -> None:
        """Listen no more, take the socket away, and end the connections when all is told."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._inode == _inode_of(self._path):  # or another agent's is there
            self._path.unlink(missing_ok=True)
        self._accepting.join(JOIN_SECONDS)
        self._listener.close()
        for talk, thread in list(self._talks.items()):
            talk.finish()
            thread.join(JOIN_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            talk = _Connection(connection, self._board, self._controller)
            thread = threading.Thread(
                target=self._serve, args=(talk,), name="agent-client", daemon=True
            )
            self._talks[talk] = thread
            thread.start()

    def _serve(self, talk: _Connection) -> None:
        talk.run()
        self._talks.pop(talk, None)


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Connection:
    """One client."""

    def __init__(
        self, connection: socket.socket, board: StatusBoard, controller: Controller
    ) -> None:
        self._connection = connection
        self._board = board
        self._controller = controller
        self._sending = threading.Lock()
        self._news = threading.Condition()
        self._untold: deque[SyncStatus] = deque(maxlen=MAX_UNTOLD)
        self._open = True
        self._telling: threading.Thread | None = None

    def run(self) -> None:
        """Serve until the client goes."""
        end: Callable[[], None] | None = None
        try:
            with self._connection.makefile("rb") as lines:
                while line := lines.readline(MAX_LINE):
                    request = self._decode(line)
                    if request is None:
                        return
                    if request.op == "subscribe":
                        end = end or self._subscribe()
                    else:
                        self._dispatch(request)
        except OSError:
            pass  # The client is gone; what it asked for goes on.
        finally:
            if end is not None:
                end()
            self.finish()
            self._connection.close()

    def finish(self) -> None:
        """Tell what is still to be told, and end."""
        with self._news:
            self._open = False
            self._news.notify()
        if self._telling is not None:
            self._telling.join(JOIN_SECONDS)
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _decode(self, line: bytes) -> AgentRequest | None:
        try:
            return _decoder.decode(line)
        except msgspec.MsgspecError as error:
            body = ErrorBody(code="invalid-input", message=f"Not a request: {error}.")
            self._send(AgentEvent(event="error", error=body))
            return None

    def _dispatch(self, request: AgentRequest) -> None:
        op = request.op
        if op == "status":
            event = AgentEvent(event="status", id=request.id, status=self._board.status)
            self._send(event)
        elif op == "stop":
            self._later(request, self._controller.stop(request.deadline))
        elif op in {"sync", "restore", "final"}:
            self._later(request, self._controller.ask(op, request.deadline))
        else:
            self._send(self._tell_controller(request))

    def _tell_controller(self, request: AgentRequest) -> AgentEvent:
        """Do what is done at once; how that went."""
        try:
            if request.op == "acceptDeletes":
                self._controller.accept_deletes(request.held)
            else:
                {
                    "pause": self._controller.pause,
                    "resume": self._controller.resume,
                    "retry": self._controller.retry,
                    "takeover": self._controller.take_over,
                }[request.op]()
        except StorageError as error:
            return AgentEvent(event="error", id=request.id, error=error_body(error))
        return AgentEvent(event="done", id=request.id, status=self._board.status)

    def _later(self, request: AgentRequest, done: Future[bool]) -> None:
        def answer(future: Future[bool]) -> None:
            event = AgentEvent(
                event="done",
                id=request.id,
                status=self._board.status,
                complete=future.result(),
            )
            self._send(event)

        done.add_done_callback(answer)

    def _subscribe(self) -> Callable[[], None]:
        self._telling = threading.Thread(target=self._tell, name="agent-news", daemon=True)
        self._telling.start()
        return self._board.subscribe(self._on_status)

    def _on_status(self, status: SyncStatus) -> None:
        # Of each state only the latest is kept: a slow client misses steps, never a change of the
        # state nor the result, and blocks nobody.
        with self._news:
            if self._untold and self._untold[-1].state == status.state:
                self._untold.pop()
            self._untold.append(status)
            self._news.notify()

    def _tell(self) -> None:
        while True:
            with self._news:
                while not self._untold and self._open:
                    self._news.wait()
                if not self._untold:
                    return
                status = self._untold.popleft()
            self._send(AgentEvent(event="status", status=status))

    def _send(self, event: AgentEvent) -> None:
        line = msgspec.json.encode(event) + b"\n"
        with self._sending, suppress(OSError):
            self._connection.sendall(line)
