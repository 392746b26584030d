"""What can be configured: one table of settings, each a traitlet with an environment twin.

Precedence, lowest first: Jupyter's config files, the environment, the command line. A value that
cannot work never stops the server: it is kept as the ``problem`` of inert settings, which the
panel shows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jupyter_core.application import JupyterApp
from jupyter_core.paths import jupyter_data_dir
from traitlets import Any as AnyTrait
from traitlets.config import Config, Configurable

from wherobots_storage.config_checks import contradiction
from wherobots_storage.config_values import (
    as_customer,
    as_flag,
    as_folder,
    as_kms_key,
    as_patterns,
    as_positive,
    as_role,
    as_root,
    as_seconds,
    as_session,
    as_url,
    as_variable,
)
from wherobots_storage.errors import InvalidConfiguration, NotConfigured
from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.settings import DEFAULT_IGNORES, EnvironmentNames, Settings, Tenancy

HUB_USER = "JUPYTERHUB_USER"
"""Where a hub tells a single-user server whose it is (JupyterHub, "Environment variables")."""

_CONFIG_FILES = (
    "jupyter_config",
    "jupyter_server_config",
    "jupyter_lab_config",
    "jupyter_wherobots_storage_config",
)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the trait's name on StorageApp and the variable that says the same."""

    trait: str
    variable: str

    @property
    def label(self) -> str:
        """How an error names it, by both its names."""
        return f"{self.variable} (StorageApp.{self.trait})"


SETTINGS: tuple[Setting, ...] = (
    Setting("root_url", "WHEROBOTS_STORAGE_ROOT"),
    Setting("customer", "WHEROBOTS_STORAGE_CUSTOMER"),
    Setting("home", "WHEROBOTS_STORAGE_HOME"),
    Setting("role_arn", "WHEROBOTS_STORAGE_ROLE_ARN"),
    Setting("kms_key", "WHEROBOTS_STORAGE_KMS_KEY"),
    Setting("hub_service", "WHEROBOTS_STORAGE_HUB_SERVICE"),
    Setting("session", "WHEROBOTS_STORAGE_SESSION"),
    Setting("kernel_credentials", "WHEROBOTS_STORAGE_KERNEL_CREDENTIALS"),
    Setting("state_dir", "WHEROBOTS_STORAGE_STATE"),
    Setting("sync", "WHEROBOTS_STORAGE_SYNC"),
    Setting("watch", "WHEROBOTS_STORAGE_WATCH"),
    Setting("sync_interval", "WHEROBOTS_STORAGE_SYNC_INTERVAL"),
    Setting("restore_wait", "WHEROBOTS_STORAGE_RESTORE_WAIT"),
    Setting("shutdown_timeout", "WHEROBOTS_STORAGE_SHUTDOWN_TIMEOUT"),
    Setting("ignores", "WHEROBOTS_STORAGE_IGNORES"),
    Setting("user_path_name", "WHEROBOTS_STORAGE_USER_PATH_NAME"),
    Setting("shared_path_name", "WHEROBOTS_STORAGE_SHARED_PATH_NAME"),
    Setting("warehouse_path_name", "WHEROBOTS_STORAGE_WAREHOUSE_PATH_NAME"),
)
"""Every setting there is; a test holds the README's table against it."""

_BY_TRAIT = {setting.trait: setting for setting in SETTINGS}


class StorageConfig(Configurable):
    """The traits of StorageApp.

    They take any type and are checked in ``storage_settings``: a TraitError while Jupyter links
    the extension would leave the user without a panel that could say what is wrong.
    """

    root_url = AnyTrait(
        "",
        help="""Where the organisation's tree begins: s3://BUCKET/ORG/. While it is unset the
        extension is inert. Environment: WHEROBOTS_STORAGE_ROOT.""",
    ).tag(config=True)
    customer = AnyTrait(
        "",
        help="""The user's folder: 'customer-' and 1 to 64 letters, digits, dots, underscores or
        hyphens. Default: made of JUPYTERHUB_USER. Environment: WHEROBOTS_STORAGE_CUSTOMER.""",
    ).tag(config=True)
    home = AnyTrait(
        "",
        help="""The folder that is mirrored to the bucket. Default: the server's root_dir.
        Environment: WHEROBOTS_STORAGE_HOME.""",
    ).tag(config=True)
    role_arn = AnyTrait(
        "",
        help="""The role to assume for temporary credentials: those that users and kernels are
        handed, and server and agent where 'session' says so.
        Environment: WHEROBOTS_STORAGE_ROLE_ARN.""",
    ).tag(config=True)
    kms_key = AnyTrait(
        "",
        help="""The ARN of the KMS key with which the bucket encrypts (SSE-KMS), if it is one's
        own: sessions then have the right to use it. Environment: WHEROBOTS_STORAGE_KMS_KEY.""",
    ).tag(config=True)
    hub_service = AnyTrait(
        "",
        help="""The URL of JupyterHub's service that makes the user's temporary credentials
        (`wherobots-storage hub-service`), instead of a role.
        Environment: WHEROBOTS_STORAGE_HUB_SERVICE.""",
    ).tag(config=True)
    session = AnyTrait(
        "auto",
        help="""With whose credentials server and sync agent work: 'own', those that the AWS SDK
        finds; 'user', temporary ones for the user's folders; 'auto', the user's where a hub
        service or a web identity makes them. Environment: WHEROBOTS_STORAGE_SESSION.""",
    ).tag(config=True)
    kernel_credentials = AnyTrait(
        True,
        help="""Whether kernels and terminals get temporary credentials of their own, for the
        user's folders, instead of the server's: where there is a role or a hub service.
        Environment: WHEROBOTS_STORAGE_KERNEL_CREDENTIALS.""",
    ).tag(config=True)
    state_dir = AnyTrait(
        "",
        help="""Where journals, locks and sockets are kept, in folders of their own: it may be a
        folder of the home that holds other files too. Default: 'wherobots-storage' below
        Jupyter's data directory. Environment: WHEROBOTS_STORAGE_STATE.""",
    ).tag(config=True)
    sync = AnyTrait(
        True,
        help="""Whether the home is restored at start and mirrored while the server runs.
        Environment: WHEROBOTS_STORAGE_SYNC.""",
    ).tag(config=True)
    watch = AnyTrait(
        True,
        help="""Whether the home's folders are watched between two scans, so that a save is in the
        bucket in a second or two. Environment: WHEROBOTS_STORAGE_WATCH.""",
    ).tag(config=True)
    sync_interval = AnyTrait(
        120.0,
        help="""Seconds between two full scans of the home.
        Environment: WHEROBOTS_STORAGE_SYNC_INTERVAL.""",
    ).tag(config=True)
    restore_wait = AnyTrait(
        20.0,
        help="""Seconds for which the server's port waits for the home to be restored; after
        them it opens, the panel shows the progress, and what is written meanwhile is saved.
        Environment: WHEROBOTS_STORAGE_RESTORE_WAIT.""",
    ).tag(config=True)
    shutdown_timeout = AnyTrait(
        25.0,
        help="""Seconds that the final sync may take when the server stops.
        Environment: WHEROBOTS_STORAGE_SHUTDOWN_TIMEOUT.""",
    ).tag(config=True)
    ignores = AnyTrait(
        list(DEFAULT_IGNORES),
        help="""What the mirror leaves out: a list of patterns in gitignore syntax; in the
        environment separated by commas or line ends. Replaces the default list.
        Environment: WHEROBOTS_STORAGE_IGNORES.""",
    ).tag(config=True)
    user_path_name = AnyTrait(
        EnvironmentNames().user_path,
        help="""The variable that tells kernels the user's folder.
        Environment: WHEROBOTS_STORAGE_USER_PATH_NAME.""",
    ).tag(config=True)
    shared_path_name = AnyTrait(
        EnvironmentNames().shared_path,
        help="""The variable that tells kernels the shared folder.
        Environment: WHEROBOTS_STORAGE_SHARED_PATH_NAME.""",
    ).tag(config=True)
    warehouse_path_name = AnyTrait(
        EnvironmentNames().warehouse_path,
        help="""The variable that tells kernels the user's warehouse.
        Environment: WHEROBOTS_STORAGE_WAREHOUSE_PATH_NAME.""",
    ).tag(config=True)

    def storage_settings(
        self,
        *,
        default_home: Path,
        environ: Mapping[str, str] | None = None,
        explicit: Collection[str] = (),
    ) -> Settings:
        """The traits and their environment twins as plain, checked values.

        ``explicit`` names the traits that were given on a command line: they outrank the
        environment. An empty variable counts as unset. Raises nothing: what cannot work ends in
        ``Settings.problem``, with ``tenancy`` None.
        """
        known = os.environ if environ is None else environ
        values = {
            setting.trait: self._value(setting, known, explicit=setting.trait in explicit)
            for setting in SETTINGS
        }
        return _Reader(values).settings(default_home, known.get(HUB_USER))

    def _value(self, setting: Setting, environ: Mapping[str, str], *, explicit: bool) -> object:
        said = "" if explicit else environ.get(setting.variable, "")
        return said or getattr(self, setting.trait)


def load_settings(overrides: Mapping[str, str] | None = None) -> Settings:
    """Settings for a program beside the server: config files < environment < ``overrides``.

    ``overrides`` is by trait name; an unknown one raises InvalidConfiguration. The default home
    is the configured ``ServerApp.root_dir``, else the working directory.
    """
    given = dict(overrides or {})
    for name in given:
        if name not in _BY_TRAIT:
            raise InvalidConfiguration(f"There is no setting {name!r}.")
    config = _jupyter_config()
    section = Config(config.get("StorageConfig", {}))
    section.merge(config.get("StorageApp", {}))
    traits = StorageConfig(config=Config({"StorageConfig": section}))
    for name, value in given.items():
        setattr(traits, name, value)
    root_dir = config.get("ServerApp", {}).get("root_dir") or Path.cwd()
    return traits.storage_settings(default_home=Path(str(root_dir)), explicit=given)


def _jupyter_config() -> Config:
    """What Jupyter's config files say, the ones of the server and of JupyterLab included."""
    loader = JupyterApp()
    for name in _CONFIG_FILES:
        loader.config_file_name = name
        loader.load_config_file()
    return loader.config


class _Reader:
    """Turns raw values into Settings, and remembers the first that could not be."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._problem: NotConfigured | InvalidConfiguration | None = None

    def settings(self, default_home: Path, hub_user: str | None) -> Settings:
        tenancy = self._tenancy(hub_user)
        home = self._read("home", as_folder, None) or default_home
        default_state = Path(jupyter_data_dir()) / "wherobots-storage"
        read = Settings(
            home=Path(os.path.abspath(home)),  # noqa: PTH100 -- resolve() would follow links
            state_dir=self._read("state_dir", as_folder, None) or default_state,
            sync=self._read("sync", as_flag, True),
            watch=self._read("watch", as_flag, True),
            sync_interval=self._read("sync_interval", as_positive, 120.0),
            restore_wait=self._read("restore_wait", as_seconds, 20.0),
            shutdown_timeout=self._read("shutdown_timeout", as_seconds, 25.0),
            ignores=self._read("ignores", as_patterns, DEFAULT_IGNORES),
            environment=self._names(),
            role_arn=self._read("role_arn", as_role, None),
            kms_key=self._read("kms_key", as_kms_key, None),
            hub_service=self._read("hub_service", as_url, None),
            session=self._read("session", as_session, "auto"),
            kernel_credentials=self._read("kernel_credentials", as_flag, True),
            tenancy=tenancy,
        )
        return self._checked(read)

    def _checked(self, read: Settings) -> Settings:
        problem = contradiction(read)
        if problem is not None:
            self._note(problem)
        if self._problem is None:
            return read
        return Settings(
            home=read.home,
            state_dir=read.state_dir,
            sync=False,
            problem=self._problem,
            environment=read.environment,
            kms_key=read.kms_key,
        )

    def _tenancy(self, hub_user: str | None) -> Tenancy | None:
        root = self._read("root_url", as_root, None)
        customer = self._read("customer", as_customer, None)
        if self._problem is not None:
            return None
        if root is None:
            self._note(
                NotConfigured(
                    "Storage is not set up. Set WHEROBOTS_STORAGE_ROOT to s3://BUCKET/ORG/ and "
                    "restart the server."
                )
            )
            return None
        if customer is None:
            customer = self._hub_customer(hub_user)
        return None if customer is None else Tenancy(root, customer)

    def _hub_customer(self, hub_user: str | None) -> str | None:
        if hub_user:
            try:
                return customer_from_user(hub_user)
            except InvalidConfiguration as error:
                self._note(error)
                return None
        self._note(
            NotConfigured(
                "Storage does not know whose it is. Set WHEROBOTS_STORAGE_CUSTOMER to the user's "
                "folder, 'customer-' and a name, and restart the server."
            )
        )
        return None

    def _names(self) -> EnvironmentNames:
        usual = EnvironmentNames()
        names = EnvironmentNames(
            self._read("user_path_name", as_variable, usual.user_path),
            self._read("shared_path_name", as_variable, usual.shared_path),
            self._read("warehouse_path_name", as_variable, usual.warehouse_path),
        )
        if len({names.user_path, names.shared_path, names.warehouse_path}) != 3:  # noqa: PLR2004
            message = "The three variables for kernels need three different names."
            self._note(InvalidConfiguration(message))
            return usual
        return names

    def _read(self, trait: str, parse: Callable[[object, str], _T], fallback: _T) -> _T:
        try:
            return parse(self._values[trait], _BY_TRAIT[trait].label)
        except InvalidConfiguration as error:
            self._note(error)
            return fallback

    def _note(self, problem: NotConfigured | InvalidConfiguration) -> None:
        self._problem = self._problem or problem
