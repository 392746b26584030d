"""What is wrong with settings that are each well formed, and cannot work together."""

from __future__ import annotations

import os
from pathlib import Path

from wherobots_storage.errors import InvalidConfiguration, TooLarge
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Settings, Tenancy


def contradiction(read: Settings) -> InvalidConfiguration | None:
    """Why these settings cannot be used; None when they can."""
    if read.sync and _is_filesystem_root(read.home):
        return InvalidConfiguration(
            "The home cannot be '/'. Set WHEROBOTS_STORAGE_HOME to the folder with the "
            "user's files, or start the server in one."
        )
    if read.tenancy is not None and read.has_source:
        return _too_long(read.tenancy, read.role_arn, read.kms_key)
    return None


def _too_long(
    tenancy: Tenancy, role_arn: str | None, kms_key: str | None
) -> InvalidConfiguration | None:
    """Without a session for all folders neither server nor kernels would have any."""
    scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
    try:
        scope.policy("aws" if role_arn is None else role_arn.split(":")[1], kms_key)
    except TooLarge as error:
        return InvalidConfiguration(
            f"{error.message} (WHEROBOTS_STORAGE_ROOT, WHEROBOTS_STORAGE_CUSTOMER)"
        )
    return None


def _is_filesystem_root(folder: Path) -> bool:
    return os.path.realpath(folder) == os.path.realpath("/")
