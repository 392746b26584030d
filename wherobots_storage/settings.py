"""What the rest of the package is told: plain, frozen values, checked when they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from wherobots_storage.errors import InvalidConfiguration, NotConfigured
from wherobots_storage.namespace.customer import is_customer
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import PermissionTable

DEFAULT_IGNORES: tuple[str, ...] = (
    ".ipynb_checkpoints/",
    "__pycache__/",
    ".cache/",
    "node_modules/",
    ".Trash*",
    ".~*",
    "/.local/share/jupyter/runtime/",
    "/.aws/",
    "/.ssh/",
)
"""What a home's mirror leaves out unless configured otherwise, in gitignore syntax."""


Session = Literal["auto", "own", "user"]
"""With whose credentials server and agent work: their own, or the user's session; ``auto`` is the
user's where that keeps users apart."""


@dataclass(frozen=True, slots=True)
class EnvironmentNames:
    """The names of the variables that kernels and terminals see."""

    user_path: str = "USER_S3_PATH"
    shared_path: str = "USER_S3_SHARED_PATH"
    warehouse_path: str = "USER_WAREHOUSE_PATH"


@dataclass(frozen=True, slots=True)
class Tenancy:
    """Whose tree this is: the organisation's root and the customer's folder name."""

    root: Root
    customer: str

    def __post_init__(self) -> None:
        """Raises InvalidConfiguration for a customer's name that is none."""
        if not is_customer(self.customer):
            raise InvalidConfiguration(f"{self.customer!r} cannot be a customer's folder name.")

    @property
    def permissions(self) -> PermissionTable:
        """The permission table for this customer."""
        return PermissionTable(self.customer)

    @property
    def mirror_prefix(self) -> str:
        """The key prefix that the home is mirrored to; ends with a slash."""
        return self.permissions.mirror.key(self.root)


OPEN_UPLOADS = "wherobots-uploads"
"""The folder in ``state_dir`` that lists a server's open uploads, beside the homes' own ones."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be configured; times are in seconds.

    ``tenancy`` is None while no root or no customer is set: the extension is then inert and
    ``problem`` says what to set.
    """

    home: Path
    state_dir: Path
    tenancy: Tenancy | None = None
    problem: NotConfigured | InvalidConfiguration | None = None
    sync: bool = True
    watch: bool = True
    sync_interval: float = 120.0
    restore_wait: float = 20.0
    shutdown_timeout: float = 25.0
    ignores: tuple[str, ...] = DEFAULT_IGNORES
    environment: EnvironmentNames = field(default_factory=EnvironmentNames)
    role_arn: str | None = None
    kms_key: str | None = None
    hub_service: str | None = None
    session: Session = "auto"
    kernel_credentials: bool = True

    @property
    def scopes_kernels(self) -> bool:
        """Whether kernels and terminals get credentials of their own instead of the server's."""
        return self.tenancy is not None and self.has_source and self.kernel_credentials

    @property
    def has_source(self) -> bool:
        """Whether temporary credentials can be made at all."""
        return self.role_arn is not None or self.hub_service is not None

    def require_tenancy(self) -> Tenancy:
        """The tenancy. Raises what ``problem`` holds when there is none."""
        if self.tenancy is not None:
            return self.tenancy
        if self.problem is not None:
            raise self.problem
        message = "Storage is not set up: set WHEROBOTS_STORAGE_ROOT to s3://BUCKET/ORG/."
        raise NotConfigured(message)
