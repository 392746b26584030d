"""Vend each hub user's own credentials: a service that JupyterHub starts.

It holds the deployment's keys (the AWS SDK's own variables and files, which may assume the role)
and gives a single-user server that shows its hub token a session for that user's folders. In
jupyterhub_config.py:

  c.JupyterHub.services = [{
      "name": "storage", "url": "http://127.0.0.1:10101", "display": False,
      "command": ["wherobots-storage", "hub-service"],
      "environment": {"WHEROBOTS_STORAGE_ROOT": "s3://bucket/org/",
                      "WHEROBOTS_STORAGE_ROLE_ARN": "arn:aws:iam::…:role/storage"},
  }]
  c.Spawner.environment = {
      "WHEROBOTS_STORAGE_ROOT": "s3://bucket/org/",
      "WHEROBOTS_STORAGE_HUB_SERVICE": "http://127.0.0.1:10101/services/storage/",
  }
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from functools import partial

from wherobots_storage.commands.context import DONE, Context
from wherobots_storage.credentials.source import (
    CHAINED_SECONDS,
    Credentials,
    CredentialSource,
    check_seconds,
)
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.hub.boundary import NOBODY
from wherobots_storage.namespace.customer import MAX_NAME
from wherobots_storage.namespace.policy import longest_customer
from wherobots_storage.objectstore.hosts import is_in_the_clear


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How long sessions may live; JupyterHub tells it everything else by its environment."""
    # Settings ask for a customer; the service has none of its own.
    parser.set_defaults(customer=NOBODY)
    parser.add_argument(
        "--max-seconds",
        type=int,
        default=CHAINED_SECONDS,
        metavar="N",
        help="how long a session may live at most, 900 to 43200; nobody can take one back "
        "(default: %(default)s)",
    )


def run(context: Context) -> int:
    """Serve until a signal ends it. Raises NotConfigured, InvalidConfiguration, InvalidInput."""
    # Imported late: tornado, JupyterHub and the S3 libraries are slow to load.
    from wherobots_storage.credentials.connect import open_sources  # noqa: PLC0415
    from wherobots_storage.hub.auth import HubTokens  # noqa: PLC0415
    from wherobots_storage.hub.boundary import warn_without_boundary  # noqa: PLC0415
    from wherobots_storage.hub.process import serve  # noqa: PLC0415
    from wherobots_storage.hub.vending import HubVendor  # noqa: PLC0415

    url = os.environ.get("JUPYTERHUB_SERVICE_URL")
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    if not url or not prefix:
        message = (
            "JUPYTERHUB_SERVICE_URL and JUPYTERHUB_SERVICE_PREFIX are not set: JupyterHub starts "
            "this service and sets them. See: wherobots-storage hub-service --help"
        )
        raise InvalidConfiguration(message)
    settings = context.settings()
    root = settings.require_tenancy().root
    most = check_seconds(context.arguments.max_seconds)
    sources = open_sources(settings.role_arn, kms_key=settings.kms_key)
    vendor = HubVendor(root, sources, most=most)
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    longest = longest_customer(root, kms_key=settings.kms_key)
    if longest < MAX_NAME:
        context.output.note(
            f"The root is long: customers whose folder's name has over {longest} characters can "
            "have no session."
        )
    context.output.note(f"Vending credentials for {root.url} at {url}")
    if is_in_the_clear(url):
        context.output.note(
            "That is plain http beyond this machine, and every request shows a hub token: let "
            "servers ask the hub's proxy by https, and nobody but the proxy reach this port."
        )
    role = str(settings.role_arn)
    # Beside serving, since a store that is away would keep the hub from starting the service.
    trying = partial(warn_without_boundary, root, sources, partial(_with_session, role))
    threading.Thread(target=trying, daemon=True, name="boundary").start()
    serve(url, prefix, HubTokens(), vendor)
    return DONE


def _with_session(role: str, held: Credentials) -> CredentialSource:
    """What whoever has a session could ask of STS with it."""
    from wherobots_storage.credentials.sts import AssumeRole, open_client  # noqa: PLC0415

    keys = {
        "AWS_ACCESS_KEY_ID": held.access_key_id,
        "AWS_SECRET_ACCESS_KEY": held.secret_access_key,
        "AWS_SESSION_TOKEN": held.session_token,
    }
    return AssumeRole(open_client(keys), role, NOBODY, customer=NOBODY)
