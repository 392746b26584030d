"""Print what an administrator sets up in the object store, as JSON.

The role's permission and trust policies, the bucket's policy, its lifecycle and CORS rules: for the
configured customer, or with --all for one role that serves everybody. Nothing is sent anywhere, and
the object store is not asked. `doctor` tries at the store what comes of them, but for who else may
assume the role.
"""

from __future__ import annotations

import argparse
import json
from typing import Any, get_args

from wherobots_storage.commands.context import DONE, Context
from wherobots_storage.config_values import as_kms_key
from wherobots_storage.errors import InvalidInput
from wherobots_storage.namespace.deployment import Deployment, Store, documents
from wherobots_storage.namespace.paths import Root


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--for", choices=get_args(Store), required=True, dest="store")
    parser.add_argument(
        "--principal", required=True, metavar="WHO", help="who may assume the role: ARN, or user"
    )
    parser.add_argument(
        "--identity-provider", action="store_true", help="WHO is an OpenID Connect provider's ARN"
    )
    parser.add_argument(
        "--subject", metavar="SUB", help="the customer's identity: the 'sub' claim of its tokens"
    )
    parser.add_argument("--all", action="store_true", help="one role for all customers")
    parser.add_argument(
        "--role", default="wherobots-storage", metavar="NAME", help="the role's name"
    )
    parser.add_argument(
        "--kms-key",
        metavar="ARN",
        help="the KMS key with which the bucket encrypts (AWS); default: the one configured",
    )
    parser.add_argument(
        "--origin", action="append", default=[], metavar="URL", help="a web origin that may read"
    )
    parser.add_argument("--only", metavar="DOCUMENT", help="one document, such as trustPolicy")
    parser.add_argument("--json", action="store_true", help="on one line; errors too")


def run(context: Context) -> int:
    """Print the documents. Raises InvalidConfiguration, NotConfigured, InvalidInput."""
    arguments = context.arguments
    root, customer = _subject(context)
    deployment = Deployment(
        arguments.store,
        root,
        arguments.principal,
        role=arguments.role,
        customer=customer,
        identity_provider=arguments.identity_provider,
        subject=arguments.subject,
        kms_key=_kms_key(context),
        origins=tuple(arguments.origin),
    )
    found = documents(deployment)
    for note in found["notes"]:
        context.output.note(note)
    _print(context, found if arguments.only is None else _one(found, arguments.only))
    return DONE


def _kms_key(context: Context) -> str | None:
    given: str | None = context.arguments.kms_key
    if given is None:
        # Of an administrator's settings nothing else need be right.
        return context.settings().kms_key
    return as_kms_key(given, "--kms-key")


def _subject(context: Context) -> tuple[Root, str | None]:
    """The root and the customer; None for all of them, which an administrator is none of."""
    settings = context.settings()
    if context.arguments.all and settings.tenancy is None and context.arguments.root:
        return Root.parse(context.arguments.root), None
    tenancy = settings.require_tenancy()
    return tenancy.root, None if context.arguments.all else tenancy.customer


def _one(found: dict[str, Any], name: str) -> object:
    if name not in found:
        raise InvalidInput(f"There is no document {name!r}. There are: {', '.join(found)}.")
    return found[name]


def _print(context: Context, found: object) -> None:
    if context.output.as_json:
        context.output.record(found)
    else:
        # JSON escapes whatever a terminal could obey; Output's own escapes would break it.
        context.output.stdout.write(json.dumps(found, indent=2) + "\n")
