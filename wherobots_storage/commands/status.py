"""What the sync agent of this home does, and what is not in the bucket yet.

--held lists all deletions that are on hold, however many, from the latest sync; with --json one
JSON object a line, the first of them with the list's ID.
"""

from __future__ import annotations

import argparse

import msgspec

from wherobots_storage.api.models import HeldDeletions, PathCounts, SyncNotice, SyncStatus
from wherobots_storage.commands.context import DONE, INCOMPLETE, Context
from wherobots_storage.commands.output import Output, human_size
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.heldlist import open_held
from wherobots_storage.sync.state import StateFolder

REMARKS = frozenset({"not-watched"})
"""Codes of notices that are about no file: nothing is missing from the bucket by them."""

OF_THE_HOME = frozenset({"", "."})
"""Paths of notices that are about the home as a whole."""

SHOWN = 10
"""How many held deletions and ignored paths are named; --held and --json name more of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--json", action="store_true", help="the status as one JSON object")
    parser.add_argument("--held", action="store_true", help="all deletions that are on hold")


def run(context: Context) -> int:
    """Ask the agent. Raises AgentUnavailable when none runs; exits 3 while something is listed."""
    settings = context.settings()
    settings.require_tenancy()
    state = StateFolder.for_settings(settings)
    if context.arguments.held:
        return _all_held(state, context.output)
    status = AgentClient(state.socket_path).status()
    context.output.record(status)
    show(status, context.output)
    return INCOMPLETE if is_troubled(status) else DONE


def is_troubled(status: SyncStatus) -> bool:
    """Whether something is not in the bucket, or needs a person: a notice, a veto or an error.

    That the home is not watched is neither: it is saved by the clock.
    """
    remarks = sum(notice.code in REMARKS for notice in status.skipped)
    skipped = status.skipped_total - remarks
    return bool(status.conflicts_total or skipped or status.veto or status.last_error)


def show(status: SyncStatus, output: Output) -> None:
    """The status in lines for people."""
    output.line(f"State:        {status.state}, since {status.since}")
    for label, value in (
        ("Home:         ", status.home),
        ("Mirror:       ", status.mirror),
        ("Last synced:  ", status.last_synced or "not yet"),
    ):
        if value:
            output.line(label + value)
    pending = status.pending
    waiting = (
        f"{pending.files:,} files, {human_size(pending.bytes)}" if pending.files else "nothing"
    )
    output.line(f"Pending:      {waiting}")
    if status.progress is not None:
        step = status.progress
        output.line(f"Progress:     {step.phase}, {step.files:,} files, {human_size(step.bytes)}")
    if status.lease is not None and not status.lease.mine:
        lease = status.lease
        output.line(f"Waiting for:  the instance on {lease.host}, at most until {lease.expires}")
    if status.veto:
        output.line(f"Deletions:    on hold. {status.veto}")
    if status.held:
        show_held(status.held, output)
    if status.last_error:
        output.line(f"Last error:   {status.last_error.message}")
    notices(status, output)
    _ignored(status, output)


def notices(status: SyncStatus, output: Output) -> None:
    """The conflicts and the skipped paths, one a line, with their reasons.

    What the sync did not save is told from what a restore did not bring, which the bucket has.
    """
    _list("Conflicts", status.conflicts, status.conflicts_total, output)
    others = [notice for notice in status.skipped if notice.path not in OF_THE_HOME]
    unsaved = [notice for notice in others if notice.during == "sync"]
    refused = [notice for notice in others if notice.during == "restore"]
    # What is cut off the list is counted to the kind that comes first in it.
    unlisted = status.skipped_total - len(status.skipped)
    cut = unlisted if unsaved or not refused else 0
    _list("Not in the bucket", unsaved, len(unsaved) + cut, output)
    _list("Not restored", refused, len(refused) + unlisted - cut, output)
    for notice in status.skipped:
        if notice.path in OF_THE_HOME:
            output.line(f"Note:         {notice.reason}")


def show_held(held: HeldDeletions, output: Output) -> None:
    """The deletions that wait for an answer, the first of them by name, and how to answer."""
    output.line(f"Held deletions ({held.files:,}, {human_size(held.bytes)}):")
    for entry in held.paths[:SHOWN]:
        output.line(f"  {entry.path}")
    _more(held.files - len(held.paths[:SHOWN]), output)
    output.line("All of them:    wherobots-storage status --held")
    output.line(f"To delete them: wherobots-storage sync --accept-deletes {held.id}")


def _all_held(state: StateFolder, output: Output) -> int:
    """Every deletion that the latest sync held back, a line each; exits 3 while there are any."""
    with open_held(state.held_path) as lines:
        if lines is None:
            output.note("No deletions are on hold.")
            return DONE
        for number, line in enumerate(lines):
            if output.as_json:
                output.record(msgspec.Raw(line.strip()))
            elif number:
                entry = msgspec.json.decode(line, type=PathCounts)
                output.line(f"{entry.path} ({human_size(entry.bytes)})")
    return INCOMPLETE


def _ignored(status: SyncStatus, output: Output) -> None:
    """What the rules leave out, the largest of it by name."""
    if not status.ignored_total:
        return
    ignored = status.ignored
    output.line(f"Ignored ({ignored.files:,} files, {human_size(ignored.bytes)}):")
    for entry in status.ignored_paths[:SHOWN]:
        output.line(f"  {entry.path}: {entry.files:,} files, {human_size(entry.bytes)}")
    _more(status.ignored_total - len(status.ignored_paths[:SHOWN]), output)


def _more(count: int, output: Output) -> None:
    if count > 0:
        output.line(f"  … and {count:,} more")


def _list(title: str, found: list[SyncNotice], total: int, output: Output) -> None:
    if not total:
        return
    output.line(f"{title} ({total:,}):")
    for notice in found:
        size = "" if notice.size is None else f" ({human_size(notice.size)})"
        output.line(f"  {notice.path}{size}: {notice.reason}")
    _more(total - len(found), output)
