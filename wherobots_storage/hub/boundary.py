"""Whether the service's sessions keep users apart at this store: tried once, at its start.

A user's server does not know the role, and so its ``doctor`` cannot try this; the service can.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from wherobots_storage.audit import tell
from wherobots_storage.credentials.source import MIN_SECONDS, Credentials, CredentialSource
from wherobots_storage.errors import AccessDenied, CredentialsError, NotSupported, StorageError
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope

NOBODY = "customer-of-the-hub"
"""Whom the service itself is taken for, and the session that it tries. No user's name makes it: a
hyphen is encoded."""

NO_BOUNDARY = (
    "Users are NOT kept apart: this store lets a session of this service assume the role again, "
    'without its policy. Use web identities (docs/credentials.md, "Where users are kept apart").'
)

UNTRIED = "Whether sessions keep users apart could not be tried: %s"

log = logging.getLogger("wherobots_storage.hub")


def warn_without_boundary(
    root: Root,
    sources: Callable[[str], CredentialSource],
    with_session: Callable[[Credentials], CredentialSource],
) -> bool | None:
    """Log an error, and a line of the audit log, when sessions can make others of the same role.

    ``with_session`` gives the source of whoever has a session. Returns whether sessions hold; None
    when it could not be tried. Raises nothing of ours.
    """
    scope = Scope.of_areas(root, PermissionTable(NOBODY), "read")
    try:
        held = sources(NOBODY).vend(scope, MIN_SECONDS)
    except StorageError as error:
        log.warning(UNTRIED, error.message)
        return None
    try:
        with_session(held).vend(scope, MIN_SECONDS)
    except (AccessDenied, CredentialsError, NotSupported):
        return True
    except StorageError as error:
        log.warning(UNTRIED, error.message)
        return None
    log.error(NO_BOUNDARY)
    tell("sessions-do-not-hold", {"root": root.url}, level=logging.ERROR)
    return False
