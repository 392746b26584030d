"""``wherobots-storage``: the command line. One module of ``commands`` for each command."""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from wherobots_storage import __version__
from wherobots_storage.commands.context import FAILED, INTERRUPTED, USAGE, Context
from wherobots_storage.commands.output import Output
from wherobots_storage.errors import InvalidInput, NotConfigured, StorageError

COMMANDS: dict[str, str | None] = {
    "demo": "try it: a store, sample data and JupyterLab on this machine",
    "store": "a local object store alone",
    "sync": "bring the home into the bucket",
    "restore": "bring the bucket's copy into the home",
    "status": "what the sync agent does, and what is not safe yet",
    "ls": "list a folder",
    "credentials": "temporary credentials for a folder, for the AWS CLI or a program",
    "policy": "what an administrator sets up in the object store",
    "hub-service": "a JupyterHub service that vends each user's credentials",
    "doctor": "check everything, in plain words with what to do",
    "agent": None,
}
"""The commands and what they are for; None hides one. Each is a module of ``commands``."""

_BROKEN_PIPE = 141
_YOUNG = 10_000
"""So many new objects make Python look for cycles among them; 700 unless told otherwise."""

_EPILOG = """\
Exit status: 0 done, 1 failed, 2 the command line or the configuration cannot work,
3 incomplete: something was left out, and it is listed.

Where the bucket is and who you are: WHEROBOTS_STORAGE_ROOT, WHEROBOTS_STORAGE_CUSTOMER and
the AWS SDK's own variables and files (AWS_ENDPOINT_URL, AWS_PROFILE, ...).
"""


class Command(Protocol):
    """A module of ``commands``; its docstring is the command's description."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what only this command takes."""

    def run(self, context: Context) -> int:
        """Do it, and return what the program exits with. Raises StorageError."""


def load(name: str) -> Command:
    """The module of a command."""
    module = name.replace("-", "_")
    return cast("Command", importlib.import_module(f"wherobots_storage.commands.{module}"))


def build_parser(wanted: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command line ``wanted``.

    Only the commands that occur in it are loaded: the agent must start fast and lean.
    """
    parser = argparse.ArgumentParser(
        prog="wherobots-storage",
        description="Your organisation's object storage, and a home kept safe in it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    _add_global_flags(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, purpose in COMMANDS.items():
        subparser = (
            commands.add_parser(name)
            if purpose is None
            else commands.add_parser(name, help=purpose)
        )
        if name in wanted:
            _complete(subparser, load(name))
    return parser


def _complete(parser: argparse.ArgumentParser, command: Command) -> None:
    parser.description = command.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.allow_abbrev = False
    # The settings are welcome on either side of the command; SUPPRESS keeps those on the left.
    _add_global_flags(parser, default=argparse.SUPPRESS)
    command.add_arguments(parser)
    parser.set_defaults(run=command.run)


def _add_global_flags(parser: argparse.ArgumentParser, default: str | None) -> None:
    flags = parser.add_argument_group("settings, before the environment's")
    flags.add_argument("--root", metavar="URL", default=default, help="s3://BUCKET/ORG/")
    flags.add_argument("--customer", metavar="NAME", default=default, help="customer-XXXX")
    flags.add_argument("--home", metavar="FOLDER", default=default, help="the home directory")
    flags.add_argument("--state-dir", metavar="FOLDER", default=default, help="the state folder")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return what it exits with. Usage errors leave through SystemExit(2)."""
    if argv is None and sys.getfilesystemencoding() != "utf-8" and sys.executable:
        # The same process, begun anew: names of files are to be the same keys in every locale.
        # It ends in UTF-8 whatever the environment says, so that this happens once.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
    given = sys.argv[1:] if argv is None else argv
    arguments = build_parser(given).parse_args(given)
    output = Output(as_json=getattr(arguments, "json", False))
    try:
        status: int = arguments.run(Context(arguments, output))
        sys.stdout.flush()
    except StorageError as error:
        output.error(error)
        return USAGE if isinstance(error, InvalidInput | NotConfigured) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`ls | head`). Python flushes standard output once more at exit,
        # which would complain: give it somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    return status


def program() -> int:
    """``main``, in a process of its own.

    What a run makes is modules and the SDK's models, nearly all of it, and stays to the end. To
    look through these for cycles again and again, and once more at the exit, took 0.18 of the
    0.6 s of CPU of a restore of nothing (measured): it is done less often, and not at the exit.
    """
    gc.set_threshold(_YOUNG)
    try:
        return main()
    finally:
        gc.freeze()
