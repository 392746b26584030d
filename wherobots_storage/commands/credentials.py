"""Make temporary credentials for a folder, or for all your writable folders.

They go to standard output and nowhere else. Whoever has them can do what --access says in the
folder until they expire. For example:

  eval "$(wherobots-storage credentials --path /data/shared/)"
  wherobots-storage credentials --path /data/shared/ --format ini

That block goes into ~/.aws/credentials, in place of an earlier one: with two of a name AWS SDKs
cannot read the file. As a credential_process in ~/.aws/config, --format process renews them by
itself.
"""

from __future__ import annotations

import argparse
from typing import get_args

from wherobots_storage.audit import kept_in
from wherobots_storage.commands.context import DONE, Context
from wherobots_storage.credentials.audited import AuditedSource
from wherobots_storage.credentials.snippets import FORMATS, Format, Place, command, render
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.vending import scope_of
from wherobots_storage.errors import InvalidInput
from wherobots_storage.namespace.policy import Rights, Scope
from wherobots_storage.settings import Settings
from wherobots_storage.sync.state import StateFolder

HOUR = 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--path", metavar="FOLDER", help="/data/shared/, say; default: all yours")
    parser.add_argument("--format", choices=FORMATS, default=None, help="default: env")
    parser.add_argument(
        "--access", choices=get_args(Rights), default="upload", help="default: upload"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=HOUR,
        metavar="N",
        help="lifetime, 900 to 43200; default: an hour",
    )
    parser.add_argument("--json", action="store_true", help="as --format json; errors too")


def run(context: Context) -> int:
    """Vend and print. Raises as CredentialSource does; InvalidConfiguration without a role."""
    # Imported late: the S3 libraries are slow to load.
    from wherobots_storage.credentials.connect import source_of  # noqa: PLC0415

    arguments = context.arguments
    form = _form(arguments)
    settings = context.settings()
    tenancy = settings.require_tenancy()
    scope = scope_of(tenancy, arguments.path, arguments.access)
    source = AuditedSource(source_of(settings), by="credentials", user=tenancy.customer)
    # Nobody reads this program's log: the line is kept beside the agent's.
    with kept_in(StateFolder.for_settings(settings).audit_path):
        credentials = source.vend(scope, arguments.seconds)
    place = _place(context, settings, scope)
    # Written as it is: Output's lines are escaped for terminals, and silent with --json.
    context.output.stdout.write(render(form, credentials, place))
    context.output.stdout.flush()
    if form in {"ini", "env", "powershell"}:
        _explain(context, scope, credentials, place)
    return DONE


def _form(arguments: argparse.Namespace) -> Format:
    given: Format | None = arguments.format
    if arguments.json and given not in {None, "json"}:
        raise InvalidInput(f"--json and --format {given} exclude each other.")
    return "json" if arguments.json else given or "env"


def _place(context: Context, settings: Settings, scope: Scope) -> Place:
    from wherobots_storage.credentials.connect import place_in  # noqa: PLC0415

    root = settings.require_tenancy().root
    with context.store(settings) as store:
        return place_in(store, root.uri(scope.prefixes[0]))


def _explain(context: Context, scope: Scope, credentials: Credentials, place: Place) -> None:
    output = context.output
    output.note(f"For {scope.name} ({scope.rights}), until {credentials.expires}.")
    if context.arguments.format == "ini" and scope.rights != "read":
        output.note(f"Upload a folder: {command(place)}")


def _seconds(text: str) -> int:
    from wherobots_storage.credentials.source import check_seconds  # noqa: PLC0415

    try:
        return check_seconds(int(text))
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(error.message) from None
