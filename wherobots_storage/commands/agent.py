"""The sync agent. The Jupyter server starts it; it is not for the command line.

It reads its settings as one line of JSON from standard input, and works until standard input
closes: then the server is gone, and it makes the final sync.
"""

from __future__ import annotations

import argparse
import os
from typing import BinaryIO, cast

from wherobots_storage.commands.context import Context
from wherobots_storage.sync.agent import run_agent
from wherobots_storage.sync.handover import settings_from_json

_STDIN = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument(
        "--yielding", action="store_true", help="give way to another writer, and never end it"
    )


def run(context: Context) -> int:
    """Be the agent, until standard input closes."""
    # Unbuffered: a thread that waits in sys.stdin.buffer holds its lock, and Python then ends
    # with a fatal error when it wants to close it.
    lifeline = cast("BinaryIO", os.fdopen(_STDIN, "rb", buffering=0, closefd=False))
    settings = settings_from_json(lifeline.readline())
    with context.store(settings) as store, context.transfers(store) as transfers:
        return run_agent(
            settings, store, transfers, lifeline=lifeline, yielding=context.arguments.yielding
        )
