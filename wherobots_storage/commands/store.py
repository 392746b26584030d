"""The demo's store alone, in the foreground: a SeaweedFS on loopback, for trying things out.

Its data and keys stay in its folder. Any S3 program can use it with the variables it prints;
the keys are shown on a terminal, or with --show-keys.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from wherobots_storage.commands.context import DONE, Context
from wherobots_storage.commands.folders import claimed
from wherobots_storage.commands.signals import counted

FOLDER = "store-data"

_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument(
        "--dir",
        type=Path,
        metavar="FOLDER",
        help=f"where everything is kept ({FOLDER}, or {FOLDER}-2 … when that is in use)",
    )
    parser.add_argument("--bucket", metavar="NAME", help="a bucket to make if it is not there")
    parser.add_argument(
        "--show-keys", action="store_true", help="print the keys to a file, or a pipe, too"
    )
    parser.add_argument("--json", action="store_true", help="print the variables as a JSON object")


def run(context: Context) -> int:
    """Serve until a signal asks to stop. Raises as EmbeddedStore.start does."""
    # Imported late: the S3 libraries are slow to load.
    from wherobots_storage.objectstore.embedded import EmbeddedStore  # noqa: PLC0415

    arguments, output = context.arguments, context.output
    with counted() as stop, claimed(arguments.dir, FOLDER) as claim:
        with EmbeddedStore(claim.folder) as server:
            if arguments.bucket:
                server.create_bucket(arguments.bucket)
            shown = arguments.show_keys or output.stdout.isatty()
            variables = {
                name: value if shown or name not in _SECRET else "(hidden: --show-keys)"
                for name, value in server.environment().items()
            }
            output.record(variables)
            output.line(f"# The store serves {server.endpoint_url}; its data is in {claim.folder}")
            for name, value in variables.items():
                output.line(f"export {name}='{value}'")
            stop.wait_until(lambda: False)
        output.note("The store has stopped.")
    return DONE
