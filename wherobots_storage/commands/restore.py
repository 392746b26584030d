"""Bring what the bucket holds into the home, which is made if it is not there.

A local file that changed since it was last in the bucket is never overwritten: it keeps its name,
the bucket's version arrives beside it as 'name (conflict ...).ext', and the conflict is listed.
"""

from __future__ import annotations

import argparse

from wherobots_storage.commands.context import Context
from wherobots_storage.commands.sync import conclude
from wherobots_storage.sync.once import restore_once


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON object")


def run(context: Context) -> int:
    """Restore, and exit with 3 when something could not be: it is listed."""
    settings = context.settings()
    settings.require_tenancy()
    with (
        context.store(settings) as store,
        context.transfers(store) as transfers,
        context.output.progress() as tell,
    ):
        outcome = restore_once(settings, store, transfers, tell)
    return conclude(outcome, "The home is as the bucket has it.", context.output)
