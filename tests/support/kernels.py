"""Run code in a kernel of a running Jupyter server, over its own websocket."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from tornado.httpclient import HTTPRequest
from tornado.ioloop import IOLoop
from tornado.websocket import websocket_connect

if TYPE_CHECKING:
    from support.lab import LabServer


def run_cells(lab: LabServer, notebook: str, cells: list[str]) -> str:
    """Start a session for ``notebook``, run ``cells`` in order, and return what they printed.

    Raises AssertionError with the traceback when a cell fails.
    """
    session: Any = lab.fetch(
        "api/sessions",
        method="POST",
        body={
            "path": notebook,
            "name": notebook,
            "type": "notebook",
            "kernel": {"name": "python3"},
        },
    )
    kernel = session["kernel"]["id"]
    loop = IOLoop(make_current=False)
    try:
        printed: str = loop.run_sync(lambda: _converse(lab, kernel, cells), timeout=120)
        return printed
    finally:
        loop.close(all_fds=True)
        lab.fetch(f"api/sessions/{session['id']}", method="DELETE")


async def _converse(lab: LabServer, kernel: str, cells: list[str]) -> str:
    request = HTTPRequest(
        f"ws://127.0.0.1:{lab.port}/api/kernels/{kernel}/channels",
        headers={"Authorization": f"token {lab.token}"},
    )
    socket = await websocket_connect(request)
    printed = []
    try:
        for code in cells:
            message_id = uuid.uuid4().hex
            await socket.write_message(json.dumps(_execute_request(message_id, code)))
            printed.append(await _collect(socket, message_id))
    finally:
        socket.close()
    return "".join(printed)


def _execute_request(message_id: str, code: str) -> dict[str, object]:
    return {
        "channel": "shell",
        "header": {
            "msg_id": message_id,
            "msg_type": "execute_request",
            "username": "",
            "session": "tests",
            "version": "5.3",
        },
        "parent_header": {},
        "metadata": {},
        "content": {"code": code, "silent": False, "store_history": False, "allow_stdin": False},
        "buffers": [],
    }


async def _collect(socket: Any, message_id: str) -> str:
    printed = []
    while True:
        raw = await socket.read_message()
        assert raw is not None, "the kernel's connection closed"
        message = json.loads(raw)
        if message["parent_header"].get("msg_id") != message_id:
            continue
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            printed.append(content["text"])
        if kind == "error":
            raise AssertionError("\n".join(content["traceback"]))
        if kind == "status" and content["execution_state"] == "idle":
            return "".join(printed)
