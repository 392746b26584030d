"""The variables that kernels and terminals see. Pure: settings in, names and values out."""

from __future__ import annotations

from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.settings import EnvironmentNames, Tenancy

WAREHOUSE = "warehouse"


def storage_environment(tenancy: Tenancy, names: EnvironmentNames) -> dict[str, str]:
    """Where a notebook's data is, by variable.

    Scheme ``s3://`` and a trailing slash always: notebooks concatenate
    (``os.environ["USER_S3_PATH"] + "x.parquet"``), and some parse the scheme.
    """
    own = StoragePath(("data", tenancy.customer), True)
    shared = StoragePath(("data", "shared"), True)
    return {
        names.user_path: own.uri(tenancy.root),
        names.shared_path: shared.uri(tenancy.root),
        names.warehouse_path: own.child(WAREHOUSE, is_folder=True).uri(tenancy.root),
    }
