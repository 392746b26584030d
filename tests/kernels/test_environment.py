"""The variables of kernels, without a kernel."""

from __future__ import annotations

import pytest

from wherobots_storage.kernels.environment import storage_environment
from wherobots_storage.kernels.inject import EnvironmentInjector
from wherobots_storage.namespace.paths import Root
from wherobots_storage.settings import EnvironmentNames, Tenancy


@pytest.mark.parametrize(
    ("root", "start"),
    [
        ("s3://bbb/org/", "s3://bbb/org/"),
        ("s3://bbb/a/o", "s3://bbb/a/o/"),
        ("s3://bbb", "s3://bbb/"),
    ],
)
def test_the_variables_are_s3_addresses_with_a_closing_slash(root: str, start: str) -> None:
    """Notebooks concatenate a name to them, without a slash of their own."""
    tenancy = Tenancy(Root.parse(root), "customer-ann")
    assert storage_environment(tenancy, EnvironmentNames()) == {
        "USER_S3_PATH": f"{start}data/customer-ann/",
        "USER_S3_SHARED_PATH": f"{start}data/shared/",
        "USER_WAREHOUSE_PATH": f"{start}data/customer-ann/warehouse/",
    }


def test_the_names_can_be_changed() -> None:
    """An organisation with notebooks of its own keeps its own names."""
    tenancy = Tenancy(Root.parse("s3://bucket"), "customer-ann")
    assert set(storage_environment(tenancy, EnvironmentNames("A", "B", "C"))) == {"A", "B", "C"}


class _Kernels:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, str]] = {}

    def list_kernel_ids(self) -> list[str]:
        """Two kernels."""
        return ["one", "two"]

    def update_env(self, *, kernel_id: str, env: dict[str, str]) -> None:
        """Note it."""
        self.told[kernel_id] = env


def test_kernels_that_run_are_told_for_their_restart() -> None:
    """Each gets everything that was injected so far."""
    injector, kernels = EnvironmentInjector({}), _Kernels()
    injector.inject({"A": "1"})
    injector.inject({"B": "2"})
    injector.refresh(kernels)
    assert kernels.told == {"one": {"A": "1", "B": "2"}, "two": {"A": "1", "B": "2"}}


def test_a_manager_of_remote_kernels_is_left_alone() -> None:
    """A gateway's manager cannot be told, and that is no error."""
    injector = EnvironmentInjector({})
    injector.inject({"A": "1"})
    injector.refresh(object())  # type: ignore[arg-type]


def test_withdrawing_restores_what_was_there() -> None:
    """A variable that was set gets its old value back, another one goes."""
    environ = {"A": "before", "OTHER": "x"}
    injector = EnvironmentInjector(environ)
    injector.inject({"A": "1", "B": "2"})
    injector.inject({"A": "3"})
    assert environ == {"A": "3", "B": "2", "OTHER": "x"}
    injector.withdraw()
    assert environ == {"A": "before", "OTHER": "x"}
