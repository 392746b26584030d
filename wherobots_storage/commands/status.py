"""What the sync agent of this home does, and what is not in the bucket yet."""

from __future__ import annotations

import argparse

from wherobots_storage.api.models import SyncNotice, SyncStatus
from wherobots_storage.commands.context import DONE, INCOMPLETE, Context
from wherobots_storage.commands.output import Output, human_size
from wherobots_storage.sync.client import AgentClient
from wherobots_storage.sync.state import StateFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--json", action="store_true", help="the status as one JSON object")


def run(context: Context) -> int:
    """Ask the agent. Raises AgentUnavailable when none runs; exits 3 while something is listed."""
    settings = context.settings()
    settings.require_tenancy()
    client = AgentClient(StateFolder.for_settings(settings).socket_path)
    status = client.status()
    context.output.record(status)
    show(status, context.output)
    return INCOMPLETE if is_troubled(status) else DONE


def is_troubled(status: SyncStatus) -> bool:
    """Whether something needs a person: a notice, a veto or an error."""
    return bool(status.conflicts_total or status.skipped_total or status.veto or status.last_error)


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
    if status.last_error:
        output.line(f"Last error:   {status.last_error.message}")
    notices(status, output)


def notices(status: SyncStatus, output: Output) -> None:
    """The conflicts and the skipped paths, one a line, with their reasons."""
    _list("Conflicts", status.conflicts, status.conflicts_total, output)
    _list("Not in the bucket", status.skipped, status.skipped_total, output)


def _list(title: str, found: list[SyncNotice], total: int, output: Output) -> None:
    if not total:
        return
    output.line(f"{title} ({total:,}):")
    for notice in found:
        output.line(f"  {notice.path}: {notice.reason}")
    if total > len(found):
        output.line(f"  … and {total - len(found):,} more")
