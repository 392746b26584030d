"""Bring the home's changes into the bucket, or tell the running agent what to do.

Beside a running agent (a JupyterLab of this home), the agent is asked; otherwise one cycle is
run here. --final makes the final sync of a stop, until the home is quiet: the hook to run before
an instance is destroyed is `wherobots-storage sync --final --timeout none`. --accept-deletes takes
the ID of the held deletions, which the sync and `wherobots-storage status` show with their names:
when others are held by then, none of them goes. --pause, --resume, --retry and --takeover are for
a running agent only.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable
from typing import Self

from wherobots_storage.api.models import HeldDeletions
from wherobots_storage.commands.context import DONE, INCOMPLETE, Context
from wherobots_storage.commands.output import Output, human_size
from wherobots_storage.commands.status import notices, show_held
from wherobots_storage.errors import InvalidInput, StoreTimeout
from wherobots_storage.settings import Settings
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.consent import Agree, nobody
from wherobots_storage.sync.final import note_unsaved
from wherobots_storage.sync.once import Outcome, final_once, sync_once
from wherobots_storage.sync.state import StateFolder
from wherobots_storage.sync.watchdog import Watchdog

GRACE = 3.0
"""How long past its limit, in seconds, a final sync may take to end what is in flight."""

_DONE = "The home is in the bucket."

_WORDS = {
    "pause": "Paused: no sync begins by itself; one that was under way goes on with --resume.",
    "resume": "Resumed: what changed meanwhile is saved now.",
    "retry": "What failed or met a conflict is tried again now.",
    "takeover": "The bucket's folder is taken over from another instance that has it.",
}
"""What a running agent may be told, and what is said when it was."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--once", action="store_true", help="one cycle (the default)")
    kind.add_argument("--final", action="store_true", help="the final sync, until nothing changes")
    for op, purpose in (
        ("pause", "begin no sync until --resume"),
        ("resume", "end the pause, and sync"),
        ("retry", "try again at once what failed or met a conflict"),
        ("takeover", "write in place of another live instance of this home"),
    ):
        kind.add_argument(f"--{op}", dest="op", action="store_const", const=op, help=purpose)
    parser.add_argument(
        "--timeout",
        type=timeout,
        metavar="SECONDS",
        help="how long --final may take, or 'none' (default: shutdown_timeout)",
    )
    parser.add_argument(
        "--accept-deletes",
        nargs="?",
        const="",
        metavar="ID",
        help="let the deletions of this ID through, which are on hold because so much is gone",
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
    if arguments.timeout is not None and not arguments.final:
        raise InvalidInput("--timeout is for --final: how long that may take.")
    if arguments.op is not None:
        return _tell_agent(arguments.op, settings, context.output)
    agree = _agree(arguments.accept_deletes, context.output)
    if arguments.final:
        return _final(context, settings, agree)
    with (
        context.store(settings) as store,
        context.transfers(store) as transfers,
        context.output.progress() as tell,
    ):
        outcome = sync_once(settings, store, transfers, tell, agree=agree)
    return conclude(outcome, _DONE, context.output)


def _agree(named: str | None, output: Output) -> Agree:
    """What is answered when deletions are held: yes to those that were named, else no.

    Raises InvalidInput for a consent that names nothing.
    """
    if named is None:
        return nobody
    if not named:
        message = "--accept-deletes needs the ID of what is to be deleted: "
        message += "`wherobots-storage sync` shows the held deletions with it."
        raise InvalidInput(message)

    def agree(held: HeldDeletions) -> bool:
        if held.id != named:
            output.note(
                f"What is held now is not {named}: nothing of it is deleted. Look at the list "
                "again, and answer anew."
            )
        return held.id == named

    return agree


def _final(context: Context, settings: Settings, agree: Agree) -> int:
    """The final sync: with a limit this process ends soon after it, whatever hangs."""
    limit, output = _limit(context, settings), context.output
    until = math.inf if limit is None else time.monotonic() + limit
    with (
        _Guard(limit, settings, output) as guard,
        context.store(settings) as store,
        context.transfers(store) as transfers,
    ):
        guard.note = lambda: note_unsaved(settings, store, transfers, guard.state)
        with output.progress() as tell:
            left = None if limit is None else max(0.0, until - time.monotonic())
            outcome = final_once(settings, store, transfers, tell, seconds=left, agree=agree)
        # Told before the connections are closed, which may hang as well.
        return guard.tell(lambda: conclude(outcome, _DONE, output))


class _Guard:
    """A watchdog over a final sync that has a limit, and what is said when it bites."""

    def __init__(self, limit: float | None, settings: Settings, output: Output) -> None:
        self._limit = limit
        self._output = output
        self._told = False
        self._watchdog: Watchdog | None = None
        self.state = StateFolder.for_settings(settings)
        self.note: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        if self._limit is not None:
            self._watchdog = Watchdog(self._limit + GRACE, INCOMPLETE, self._too_late)
        return self

    def __exit__(self, *error: object) -> None:
        if self._watchdog is not None:
            self._watchdog.call_off()

    def tell(self, conclude: Callable[[], int]) -> int:
        """Tell how it went; from now on the process ends with that."""
        code = conclude()
        self._told = True
        if self._watchdog is not None:
            self._watchdog.code = code
        return code

    def _too_late(self) -> None:
        if self._told:
            return
        message = "The final sync did not end in time: the store does not answer. "
        message += "What is not saved is told at the next start."
        self._output.error(StoreTimeout(message))
        holder = self.state.holder()
        if holder is not None and holder.pid == os.getpid():
            self.note()


def conclude(outcome: Outcome, done: str, output: Output) -> int:
    """Tell the outcome, and return what to exit with: 0 when complete, else 3."""
    output.record(outcome.status)
    if outcome.status.veto:
        output.line(f"Deletions are on hold: {outcome.status.veto}")
    if outcome.status.held:
        show_held(outcome.status.held, output)
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


def _tell_agent(op: str, settings: Settings, output: Output) -> int:
    """Tell the running agent; what it does then goes on. Raises AgentUnavailable."""
    client = AgentClient(StateFolder.for_settings(settings).socket_path)
    event = client.request(op, timeout=10.0)
    output.record(event.status if event.status is not None else client.status())
    output.line(_WORDS[op])
    return DONE


def _limit(context: Context, settings: Settings) -> float | None:
    """How many seconds the final sync may take; None for as long as it needs."""
    seconds: float | None = context.arguments.timeout
    if seconds is None:
        return settings.shutdown_timeout
    return None if math.isinf(seconds) else seconds
