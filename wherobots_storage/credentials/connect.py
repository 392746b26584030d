"""Chooses the source of temporary credentials by the configuration, and tells where they hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import NO_ROLE, CredentialSource
from wherobots_storage.credentials.sts import (
    AssumeRole,
    AssumeRoleWithWebIdentity,
    is_aws,
    open_client,
)
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.objectstore.inspect import inspect_store
from wherobots_storage.objectstore.store import ObjectStore


def open_source(
    role_arn: str | None, session_name: str, environment: Mapping[str, str] | None = None
) -> CredentialSource:
    """The source for a role: by web identity where the environment has that for the same role.

    ``session_name`` is the customer's folder name. Raises InvalidConfiguration when no role is
    configured, since what is handed out must never be the server's own keys.
    """
    if role_arn is None:
        raise InvalidConfiguration(NO_ROLE)
    given = os.environ if environment is None else environment
    token_file = given.get("AWS_WEB_IDENTITY_TOKEN_FILE")
    # Another role of the identity's is where the SDK's own chain begins: it assumes this one.
    if token_file and given.get("AWS_ROLE_ARN", role_arn) == role_arn:
        client = open_client(signed=False)
        return AssumeRoleWithWebIdentity(client, role_arn, session_name, Path(token_file))
    return AssumeRole(open_client(), role_arn, session_name)


def place_in(store: ObjectStore, uri: str) -> Place:
    """Where credentials for a URI hold that lies in ``store``. Raises NotSupported unless S3."""
    facts = inspect_store(store)
    return place(uri, facts.region, facts.endpoint)


def place(uri: str, region: str, endpoint_url: str) -> Place:
    """Where credentials hold; SDKs find AWS's own endpoints themselves."""
    return Place(uri, region, None if is_aws(endpoint_url) else _plain(endpoint_url))


def _plain(endpoint_url: str) -> str:
    """The endpoint without a user's name and password, if somebody put them there."""
    parts = urlsplit(endpoint_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
