"""Configuration: precedence, checks, and what is left of a bad one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherobots_storage.config import SETTINGS, StorageConfig, load_settings
from wherobots_storage.errors import InvalidConfiguration, NotConfigured
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope, longest_customer
from wherobots_storage.settings import DEFAULT_IGNORES, EnvironmentNames, Settings

HOME = Path("/srv/home")
GOOD = {"root_url": "s3://bucket/org/", "customer": "customer-ann"}


def read(environ: Mapping[str, str] | None = None, /, **traits: object) -> Settings:
    """Settings of these traits and variables, on top of a set-up that works."""
    config = StorageConfig(**{**GOOD, **traits})
    return config.storage_settings(default_home=HOME, environ=environ or {})


@pytest.mark.parametrize("source", ["role", "role in China", "hub"])
@pytest.mark.parametrize("letter", ["p", "é"])
@pytest.mark.parametrize("name", [1, 30, 64])
def test_what_is_accepted_has_a_session(source: str, letter: str, name: int) -> None:
    """A root and a customer whose policy would be too long are refused at once, and only those."""
    partition = "aws-cn" if source == "role in China" else "aws"
    how = {
        "hub": {"hub_service": "http://127.0.0.1:9/"},
        "role": {"role_arn": "arn:aws:iam::1:role/x"},
        "role in China": {"role_arn": "arn:aws-cn:iam::1:role/x"},
    }[source]
    customer = "customer-" + "x" * name
    verdicts = []
    for length in range(1, 128 if letter == "é" else 160, 5):
        root = {"root_url": f"s3://bucket/{letter * length}/", "customer": customer}
        found = read(None, **root, **how)
        longest = longest_customer(Root("bucket", f"{letter * length}/"), partition)
        assert (found.problem is None) == (longest >= len(customer))
        if found.tenancy is not None:
            tenancy = found.tenancy
            scope = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
            assert len(scope.policy(partition)) <= 2048
        else:
            assert isinstance(found.problem, InvalidConfiguration)
            assert "WHEROBOTS_STORAGE_ROOT" in found.problem.message
            assert read(None, **root).problem is None
        verdicts.append(found.problem is None)
    assert verdicts[0]
    assert not verdicts[-1]


def test_root_and_customer_are_enough() -> None:
    """Everything else has a default that works."""
    settings = read()
    assert settings.problem is None
    assert settings.tenancy is not None
    assert settings.tenancy.root.url == "s3://bucket/org/"
    assert settings.home == HOME
    assert settings.state_dir.name == "wherobots-storage"
    assert settings.ignores == DEFAULT_IGNORES
    assert (settings.sync, settings.sync_interval) == (True, 120)
    assert (settings.restore_wait, settings.shutdown_timeout) == (20, 25)


def test_every_trait_has_a_setting_with_help_that_names_its_variable() -> None:
    """The table and the class are the same list, and --help-all tells the variable."""
    traits = StorageConfig.class_own_traits(config=True)
    assert set(traits) == {setting.trait for setting in SETTINGS}
    for setting in SETTINGS:
        assert setting.variable.startswith("WHEROBOTS_STORAGE_")
        assert f"{setting.variable}." in traits[setting.trait].help


@pytest.mark.parametrize(
    ("variable", "value", "attribute", "expected"),
    [
        ("WHEROBOTS_STORAGE_HOME", "/else", "home", Path("/else")),
        ("WHEROBOTS_STORAGE_STATE", "/state", "state_dir", Path("/state")),
        (
            "WHEROBOTS_STORAGE_ROLE_ARN",
            "arn:aws:iam::123456789012:role/r",
            "role_arn",
            "arn:aws:iam::123456789012:role/r",
        ),
        ("WHEROBOTS_STORAGE_SYNC", "false", "sync", False),
        ("WHEROBOTS_STORAGE_WATCH", "off", "watch", False),
        ("WHEROBOTS_STORAGE_SYNC_INTERVAL", "5", "sync_interval", 5),
        ("WHEROBOTS_STORAGE_RESTORE_WAIT", "0", "restore_wait", 0),
        ("WHEROBOTS_STORAGE_SHUTDOWN_TIMEOUT", "1.5", "shutdown_timeout", 1.5),
        ("WHEROBOTS_STORAGE_IGNORES", "a/, b\n*.c", "ignores", ("a/", "b", "*.c")),
        (
            "WHEROBOTS_STORAGE_USER_PATH_NAME",
            "MINE",
            "environment",
            EnvironmentNames(user_path="MINE"),
        ),
        (
            "WHEROBOTS_STORAGE_SHARED_PATH_NAME",
            "OURS",
            "environment",
            EnvironmentNames(shared_path="OURS"),
        ),
        (
            "WHEROBOTS_STORAGE_WAREHOUSE_PATH_NAME",
            "WARE",
            "environment",
            EnvironmentNames(warehouse_path="WARE"),
        ),
    ],
)
def test_a_variable_says_the_same_as_its_trait(
    variable: str, value: str, attribute: str, expected: object
) -> None:
    """Each environment twin reaches its setting."""
    settings = read({variable: value})
    assert settings.problem is None
    assert getattr(settings, attribute) == expected


def test_root_and_customer_come_from_the_environment_too() -> None:
    """A container is configured by variables alone; they outrank a config file."""
    environ = {"WHEROBOTS_STORAGE_ROOT": "s3://other", "WHEROBOTS_STORAGE_CUSTOMER": "customer-b"}
    settings = read(environ)
    assert settings.tenancy is not None
    assert settings.tenancy.root.url == "s3://other/"
    assert settings.tenancy.customer == "customer-b"


def test_a_command_line_outranks_the_environment() -> None:
    """What was typed last counts; an empty variable is none."""
    config = StorageConfig(**GOOD)
    environ = {"WHEROBOTS_STORAGE_ROOT": "s3://other", "WHEROBOTS_STORAGE_CUSTOMER": ""}
    settings = config.storage_settings(default_home=HOME, environ=environ, explicit={"root_url"})
    assert settings.tenancy is not None
    assert settings.tenancy.root.bucket == "bucket"
    assert settings.tenancy.customer == "customer-ann"


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("root_url", "bucket/org"),
        ("root_url", "s3://"),
        ("root_url", "s3:///org"),
        ("root_url", "https://bucket/org"),
        ("root_url", 5),
        ("customer", "ann"),
        ("customer", "customer-a/b"),
        ("customer", "customer-"),
        ("customer", "customer-*"),
        ("customer", "customer-../x"),
        ("home", "/"),
        ("home", "/usr/.."),
        ("home", "nul\x00"),
        ("home", 5),
        ("role_arn", "my-role"),
        ("sync", "perhaps"),
        ("watch", "sometimes"),
        ("sync_interval", 0),
        ("sync_interval", -1),
        ("sync_interval", math.nan),
        ("sync_interval", math.inf),
        ("sync_interval", "often"),
        ("sync_interval", True),
        ("sync_interval", None),
        ("restore_wait", -0.1),
        ("restore_wait", "nan"),
        ("shutdown_timeout", "-5"),
        ("ignores", 5),
        ("ignores", [5]),
        ("user_path_name", "2FAST"),
        ("user_path_name", "A-B"),
        ("user_path_name", ""),
        ("shared_path_name", "A=B"),
        ("warehouse_path_name", "USER_S3_PATH"),
    ],
)
def test_a_bad_value_leaves_the_extension_inert_with_the_reason(trait: str, value: object) -> None:
    """Nothing is raised, nothing is guessed: no tenancy, no sync, and a message to show."""
    settings = read({}, **{trait: value})
    assert isinstance(settings.problem, InvalidConfiguration)
    assert settings.tenancy is None
    assert settings.sync is False
    with pytest.raises(InvalidConfiguration):
        settings.require_tenancy()


def test_a_root_without_its_last_slash_is_the_same_root() -> None:
    """s3://bucket/org and s3://bucket/org/ are one."""
    assert read(root_url="s3://bucket/org").tenancy == read().tenancy


def test_the_first_problem_is_the_one_that_is_told() -> None:
    """The root comes before what depends on it."""
    problem = read(root_url="nonsense", sync_interval=-1).problem
    assert problem is not None
    assert "nonsense" in problem.message


def test_a_home_of_slash_is_allowed_where_nothing_is_mirrored() -> None:
    """A server over the whole disk can still show the storage."""
    assert read(home="/", sync=False).problem is None


@pytest.mark.parametrize(
    ("traits", "word"),
    [
        ({"root_url": ""}, "WHEROBOTS_STORAGE_ROOT"),
        ({"customer": ""}, "WHEROBOTS_STORAGE_CUSTOMER"),
    ],
)
def test_what_is_not_set_is_named(traits: dict[str, str], word: str) -> None:
    """Not configured is no error, but says what to set."""
    problem = read({}, **traits).problem
    assert isinstance(problem, NotConfigured)
    assert word in problem.message


@pytest.mark.parametrize(
    ("user", "customer"),
    [("ann", "customer-ann"), ("a/b", "customer-a-2fb"), ("A", "customer--41")],
)
def test_a_hubs_user_name_makes_the_customer(user: str, customer: str) -> None:
    """Any user name is made a folder name, the same one always."""
    settings = read({"JUPYTERHUB_USER": user}, customer="")
    assert settings.tenancy is not None
    assert settings.tenancy.customer == customer


def test_a_hubs_user_name_that_makes_no_folder_is_told() -> None:
    """A name too long for a folder leaves the extension inert."""
    assert isinstance(
        read({"JUPYTERHUB_USER": "é" * 300}, customer="").problem, InvalidConfiguration
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([setting.trait for setting in SETTINGS]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    )
)
def test_no_value_raises(traits: dict[str, Any]) -> None:
    """Whatever a config file holds, there are settings: with a tenancy or with a problem."""
    found = read(**traits)
    assert (found.tenancy is None) == (found.problem is not None)


class TestLoadSettings:
    @pytest.fixture(autouse=True)
    def config_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty folder of Jupyter config files."""
        monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
        return tmp_path

    def test_config_files_environment_and_arguments_in_that_order(
        self, config_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server's own files are read, a variable outranks them, an argument both."""
        (config_folder / "jupyter_server_config.py").write_text(
            "c.StorageApp.root_url = 's3://file/'\n"
            "c.StorageApp.customer = 'customer-file'\n"
            "c.StorageApp.sync_interval = 1\n"
            "c.ServerApp.root_dir = '/srv/work'\n"
        )
        monkeypatch.setenv("WHEROBOTS_STORAGE_CUSTOMER", "customer-env")
        monkeypatch.setenv("WHEROBOTS_STORAGE_SYNC_INTERVAL", "2")
        settings = load_settings({"sync_interval": "3"})
        assert settings.tenancy is not None
        assert settings.tenancy.root.bucket == "file"
        assert settings.tenancy.customer == "customer-env"
        assert settings.sync_interval == 3
        assert settings.home == Path("/srv/work")

    def test_without_anything_there_are_settings_with_a_problem(self) -> None:
        """A program beside the server starts, and can say what to set."""
        settings = load_settings()
        assert isinstance(settings.problem, NotConfigured)
        assert settings.home == Path.cwd()

    def test_an_argument_that_is_no_setting_is_refused(self) -> None:
        """A typing error is not passed over."""
        with pytest.raises(InvalidConfiguration, match="no setting"):
            load_settings({"rot_url": "s3://x"})

    def test_a_config_section_of_the_mixin_counts_too(self, config_folder: Path) -> None:
        """Traitlets lets a parent class's section configure its children; so does this."""
        (config_folder / "jupyter_config.py").write_text(
            "c.StorageConfig.root_url = 's3://parent/'\nc.StorageConfig.customer = 'customer-p'\n"
        )
        settings = load_settings()
        assert settings.tenancy is not None
        assert settings.tenancy.root.bucket == "parent"
