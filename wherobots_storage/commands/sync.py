"""Bring the home's changes into the bucket.

Beside a running agent (a JupyterLab of this home), the agent is asked; otherwise one cycle is
run here. --final asks the agent for the final sync of a stop, until the home is quiet: the hook
to run before an instance is destroyed is `wherobots-storage sync --final --timeout none`.
"""

from __future__ import annotations

import argparse
import math
from contextlib import suppress

from wherobots_storage.api.models import SyncStatus
from wherobots_storage.commands.context import DONE, INCOMPLETE, Context
from wherobots_storage.commands.output import Output, human_size
from wherobots_storage.commands.status import notices
from wherobots_storage.errors import AgentUnavailable
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.once import Outcome, sync_once
from wherobots_storage.sync.state import StateFolder

_DONE = "The home is in the bucket."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--once", action="store_true", help="one cycle (the default)")
    kind.add_argument("--final", action="store_true", help="the final sync, until nothing changes")
    parser.add_argument(
        "--timeout",
        type=timeout,
        metavar="SECONDS",
        help="how long the agent may take for --final, or 'none' (default: shutdown_timeout)",
    )
    parser.add_argument(
        "--accept-deletes",
        action="store_true",
        help="let the deletions through that are on hold because so much is gone",
    )
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")


def timeout(text: str) -> float:
    """Seconds, or infinity for ``none``. Raises ValueError, which argparse reports."""
    seconds = math.inf if text.lower() == "none" else float(text)
    if not seconds > 0:
        raise ValueError(text)
    return seconds


def run(context: Context) -> int:
    """Sync, and exit with 3 when something is not in the bucket: it is listed."""
    settings = context.settings()
    settings.require_tenancy()
    arguments = context.arguments
    if arguments.final:
        with suppress(AgentUnavailable):
            return conclude(_final(context, settings), _DONE, context.output)
    with (
        context.store(settings) as store,
        context.transfers(store) as transfers,
        context.output.progress() as tell,
    ):
        outcome = sync_once(
            settings, store, transfers, tell, accept_deletes=arguments.accept_deletes
        )
    return conclude(outcome, _DONE, context.output)


def conclude(outcome: Outcome, done: str, output: Output) -> int:
    """Tell the outcome, and return what to exit with: 0 when complete, else 3."""
    output.record(outcome.status)
    if outcome.status.veto:
        output.line(f"Deletions are on hold: {outcome.status.veto}")
    lease = outcome.status.lease
    if lease is not None and not lease.mine:
        output.note(f"Another instance, on {lease.host}, saves here too, until {lease.expires}.")
    notices(outcome.status, output)
    if outcome.complete:
        output.line(done)
        return DONE
    if outcome.status.last_error is not None:
        output.note(f"The last error: {outcome.status.last_error.message}")
    pending = outcome.status.pending
    if pending.files:
        output.note(f"Not done yet: {pending.files:,} files, {human_size(pending.bytes)}.")
    output.note("Incomplete: what is missing is listed above.")
    return INCOMPLETE


def _final(context: Context, settings: Settings) -> Outcome:
    """Have the running agent make its final sync. Raises AgentUnavailable when none runs."""
    client = AgentClient(StateFolder.for_settings(settings).socket_path)
    client.status()
    if context.arguments.accept_deletes:
        client.request("acceptDeletes")
    with context.output.progress() as tell:

        def on_status(status: SyncStatus) -> None:
            if status.progress is not None:
                tell(status.progress)

        event = client.request("final", _limit(context, settings), on_status=on_status)
    status = event.status if event.status is not None else client.status()
    return Outcome(status, complete=bool(event.complete))


def _limit(context: Context, settings: Settings) -> float | None:
    """How many seconds the final sync may take; None for as long as it needs."""
    seconds: float | None = context.arguments.timeout
    if seconds is None:
        return settings.shutdown_timeout
    return None if math.isinf(seconds) else seconds
