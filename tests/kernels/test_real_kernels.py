"""Real kernels, a real terminal and a real notebook see where their data is."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from support.server import CUSTOMER, Fetch

from wherobots_storage.app import StorageApp
from wherobots_storage.objectstore.s3 import S3Store

NAMES = ("USER_S3_PATH", "USER_S3_SHARED_PATH", "USER_WAREHOUSE_PATH")
EXPECTED = [
    f"s3://test/org/data/{CUSTOMER}/",
    "s3://test/org/data/shared/",
    f"s3://test/org/data/{CUSTOMER}/warehouse/",
]
SHOW = f"import os, json; print(json.dumps([os.environ.get(name) for name in {NAMES}]))"


async def printed(socket: Any, code: str) -> str:
    """What a kernel prints when it runs ``code``."""
    message_id = uuid.uuid4().hex
    header = {
        "msg_id": message_id,
        "msg_type": "execute_request",
        "username": "",
        "session": "s",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    request = {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }
    await socket.write_message(json.dumps(request))
    while True:
        message = json.loads(await asyncio.wait_for(socket.read_message(), 90))
        if message["parent_header"].get("msg_id") != message_id:
            continue
        if message["msg_type"] == "stream":
            return str(message["content"]["text"])
        assert message["msg_type"] != "error", message["content"]


async def show(ws_fetch: Any, kernel_id: str) -> list[str]:
    """The variables as a kernel sees them."""
    socket = await ws_fetch("api", "kernels", kernel_id, "channels")
    try:
        values: list[str] = json.loads(await printed(socket, SHOW))
    finally:
        socket.close()
    return values


async def start_session(fetch: Fetch) -> str:
    """A notebook's session; returns its kernel's id."""
    model = {"path": "n.ipynb", "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    answer = await fetch("api", "sessions", method="POST", body=json.dumps(model))
    return str(json.loads(answer.body)["kernel"]["id"])


async def test_a_kernel_and_its_restart_see_the_variables(
    storage_app: StorageApp, jp_fetch: Fetch, jp_ws_fetch: Any
) -> None:
    """A notebook's kernel has them when it is new, and again when it was restarted."""
    assert storage_app.name == "wherobots_storage"
    kernel_id = await start_session(jp_fetch)
    assert await show(jp_ws_fetch, kernel_id) == EXPECTED
    await jp_fetch("api", "kernels", kernel_id, "restart", method="POST", body="")
    assert await show(jp_ws_fetch, kernel_id) == EXPECTED


async def test_a_kernel_that_ran_before_is_mended_by_its_restart(
    storage_app: StorageApp, jp_serverapp: Any, jp_fetch: Fetch, jp_ws_fetch: Any
) -> None:
    """A session's kernel keeps its old copy over a restart unless its manager is told."""
    storage_app._injector.withdraw()
    kernel_id = await start_session(jp_fetch)
    assert await show(jp_ws_fetch, kernel_id) == [None, None, None]
    storage_app._injector.inject(dict(zip(NAMES, EXPECTED, strict=True)))
    storage_app._injector.refresh(jp_serverapp.kernel_manager)
    await jp_fetch("api", "kernels", kernel_id, "restart", method="POST", body="")
    assert await show(jp_ws_fetch, kernel_id) == EXPECTED


async def test_a_terminal_sees_the_variables(
    storage_app: StorageApp, jp_fetch: Fetch, jp_ws_fetch: Any
) -> None:
    """A shell started from JupyterLab has them."""
    assert storage_app.name == "wherobots_storage"
    made = await jp_fetch(
        "api", "terminals", method="POST", body="", allow_nonstandard_methods=True
    )
    name = json.loads(made.body)["name"]
    socket = await jp_ws_fetch("terminals", "websocket", name)
    await socket.write_message(json.dumps(["set_size", 24, 400, 0, 0]))
    await socket.write_message(json.dumps(["stdin", 'echo "<$USER_S3_PATH>"\n']))
    shown = ""
    while f"<{EXPECTED[0]}>" not in shown:
        kind, *rest = json.loads(await asyncio.wait_for(socket.read_message(), 90))
        if kind == "stdout":
            shown += rest[0]
    socket.close()
    await jp_fetch("api", "terminals", name, method="DELETE")


PARQUET = """
import os
import pandas as pd
path = os.environ["USER_S3_PATH"] + "x.parquet"
pd.DataFrame({"city": ["Oslo", "Lima"], "n": [1, 2]}).to_parquet(path)
"""
READ_BACK = """
frame = pd.read_parquet(path)
print(frame.to_dict("list"))
"""


class TestAgainstSeaweed:
    @pytest.fixture
    def storage_config(self, storage_config: dict[str, Any], bucket: str) -> dict[str, Any]:
        """The organisation's root in a bucket of a real store."""
        return {**storage_config, "root_url": f"s3://{bucket}/org"}

    @pytest.mark.usefixtures("seaweed_environment", "storage_app")
    def test_a_notebook_writes_parquet_to_its_path_and_reads_it_back(
        self, s3_store: S3Store, tmp_path: Path
    ) -> None:
        """The variable and a name make a path for pandas, with the server's credentials."""
        cells = [{"cell_type": "code", "source": code} for code in (PARQUET, READ_BACK)]
        blank: dict[str, Any] = {"metadata": {}, "outputs": [], "execution_count": None}
        notebook = nbformat.from_dict(  # type: ignore[no-untyped-call]
            {
                "nbformat": 4,
                "nbformat_minor": 4,
                "metadata": {},
                "cells": [{**cell, **blank} for cell in cells],
            }
        )
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        )
        client.execute()
        (output,) = notebook.cells[1].outputs
        assert output["text"].strip() == "{'city': ['Oslo', 'Lima'], 'n': [1, 2]}"
        assert s3_store.head(f"org/data/{CUSTOMER}/x.parquet").size > 0
