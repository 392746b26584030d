"""Chooses the source of temporary credentials by the configuration, and tells where they hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import NO_ROLE, CredentialSource
from wherobots_storage.credentials.sts import (
    AssumeRole,
    AssumeRoleWithWebIdentity,
    is_aws,
    open_client,
)
from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.hub.client import HubSource
from wherobots_storage.objectstore.hosts import without_login
from wherobots_storage.objectstore.inspect import inspect_store
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Settings


def open_source(
    role_arn: str | None,
    session_name: str,
    environment: Mapping[str, str] | None = None,
    *,
    kms_key: str | None = None,
) -> CredentialSource:
    """The source for a role: by web identity where the environment has that for the same role.

    ``session_name`` is the customer's folder name. Raises InvalidConfiguration when no role is
    configured, since what is handed out must never be the server's own keys.
    """
    return open_sources(role_arn, environment, kms_key=kms_key)(session_name)


def open_sources(
    role_arn: str | None,
    environment: Mapping[str, str] | None = None,
    *,
    kms_key: str | None = None,
) -> Callable[[str], CredentialSource]:
    """Makes the source of each customer, over one client. Raises as ``open_source``.

    ``kms_key``: the ARN of the key to which sessions have a right, where the bucket has one.
    """
    if role_arn is None:
        raise InvalidConfiguration(NO_ROLE)
    given = os.environ if environment is None else environment
    if not by_web_identity(role_arn, given):
        signing = open_client()
        return lambda name: AssumeRole(signing, role_arn, name, customer=name, kms_key=kms_key)
    unsigned = open_client(signed=False)
    token_file = Path(given["AWS_WEB_IDENTITY_TOKEN_FILE"])
    return lambda name: AssumeRoleWithWebIdentity(
        unsigned, role_arn, name, token_file, kms_key=kms_key
    )


def source_of(settings: Settings) -> CredentialSource:
    """The source that is configured: the hub's service before a role.

    Raises NotConfigured; InvalidConfiguration without either.
    """
    tenancy = settings.require_tenancy()
    if settings.hub_service is not None:
        return HubSource(settings.hub_service, tenancy, os.environ)
    return open_source(settings.role_arn, tenancy.customer, kms_key=settings.kms_key)


def by_web_identity(role_arn: str, environment: Mapping[str, str]) -> bool:
    """Whether the environment has a web identity's token for this very role.

    Another role of the identity's is where the SDK's own chain begins: it assumes this one.
    """
    has_token = bool(environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"))
    return has_token and environment.get("AWS_ROLE_ARN", role_arn) == role_arn


def place_in(store: ObjectStore, uri: str) -> Place:
    """Where credentials for a URI hold that lies in ``store``. Raises NotSupported unless S3."""
    facts = inspect_store(store)
    return place(uri, facts.region, facts.endpoint)


def place(uri: str, region: str, endpoint_url: str) -> Place:
    """Where credentials hold; SDKs find AWS's own endpoints themselves."""
    return Place(uri, region, None if is_aws(endpoint_url) else without_login(endpoint_url))
