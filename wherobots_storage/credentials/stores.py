"""Opens the user's bucket, with the server's own credentials or with the user's session."""

from __future__ import annotations

import os
from collections.abc import Mapping

from wherobots_storage.credentials.audited import AuditedSource
from wherobots_storage.credentials.cache import CachedSource, LazySource
from wherobots_storage.credentials.connect import by_web_identity, source_of
from wherobots_storage.credentials.renewing import Sessions
from wherobots_storage.credentials.source import CHAINED_SECONDS
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.connect import open_store
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Settings


def open_user_store(
    settings: Settings, by: str = "server", source: CachedSource | None = None
) -> ObjectStore:
    """The bucket, with the user's session where the source of sessions makes a boundary.

    ``by``: who works with it, for the audit log. ``source``: sessions that others use too, instead
    of its own: when the store no longer takes one, the others get a new one as well. No request is
    sent. Raises NotConfigured, InvalidConfiguration.
    """
    tenancy = settings.require_tenancy()
    if not works_with_session(settings):
        return open_store(tenancy.root.bucket)
    scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
    if source is None:
        return open_with_session(settings, scope, by=by)
    return open_store(scope.bucket, renew=Sessions(source, scope))


def open_with_session(
    settings: Settings, scope: Scope, seconds: int = CHAINED_SECONDS, *, by: str = "server"
) -> ObjectStore:
    """The scope's bucket, with sessions for that scope, of so many seconds each.

    No request is sent. What the source of sessions raises is raised by the first request. Raises
    InvalidConfiguration.
    """
    user = settings.require_tenancy().customer
    source = CachedSource(AuditedSource(LazySource(lambda: source_of(settings)), by=by, user=user))
    return open_store(scope.bucket, renew=Sessions(source, scope, seconds))


def works_with_session(settings: Settings, environment: Mapping[str, str] | None = None) -> bool:
    """Whether server and agent work with the user's session, and not with keys of their own.

    Of itself so with a hub service, and with a web identity for the role. With a role that is
    assumed by the server's own keys there is no boundary to keep, and some stores refuse sessions
    what they allow keys; ``session`` asks for it all the same.
    """
    if settings.session != "auto":
        return settings.session == "user"
    return keeps_apart(settings, environment)


def keeps_apart(settings: Settings, environment: Mapping[str, str] | None = None) -> bool:
    """Whether the sessions are of a source that can keep users apart."""
    if settings.hub_service is not None:
        return True
    given = os.environ if environment is None else environment
    return settings.role_arn is not None and by_web_identity(settings.role_arn, given)
