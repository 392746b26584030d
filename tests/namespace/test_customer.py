"""Customers' names: what is taken, and that two users never share a folder."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.namespace.customer import (
    MAX_NAME,
    check_customer,
    customer_from_user,
    is_customer,
)
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.settings import Tenancy

QUICK = settings(max_examples=200)


@pytest.mark.parametrize("name", ["customer-a", "customer-A.b_c-9", "customer-" + "x" * 64])
def test_names_that_are_taken(name: str) -> None:
    """customer- and 1 to 64 letters, digits, dots, underscores and hyphens."""
    assert check_customer(name) == name
    assert is_customer(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a",
        "customer-",
        "customer-a/b",
        "customer-../x",
        "customer-a*",
        "customer-a b",
        "customer-ä",
        "customer-a\n",
        "Customer-a",
        " customer-a",
        "customer-" + "x" * 65,
        "shared",
        "customer-${aws:username}",
    ],
)
def test_names_that_are_refused(name: str) -> None:
    """Slashes, wildcards, spaces and everything else is refused, with what to set."""
    with pytest.raises(InvalidConfiguration, match="WHEROBOTS_STORAGE_CUSTOMER"):
        check_customer(name)


@pytest.mark.parametrize("name", ["customer-a/b", "shared", "", "customer-*", "customer-a\n"])
def test_tenancy_checks_again(name: str) -> None:
    """A tenancy is never made with a name that is none."""
    with pytest.raises(InvalidConfiguration):
        Tenancy(Root("my-bucket", ""), name)


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("ada", "customer-ada"),
        ("Ada", "customer--41da"),
        ("a-b", "customer-a-2db"),
        ("a_b", "customer-a-5fb"),
        ("ada@example.org", "customer-ada-40example-2eorg"),
        ("é", "customer--c3-a9"),
        ("../x", "customer--2e-2e-2fx"),
        ("*", "customer--2a"),
    ],
)
def test_names_of_users(user: str, name: str) -> None:
    """Lower-case letters and digits stand, every other byte is -xx."""
    assert customer_from_user(user) == name


@pytest.mark.parametrize("user", ["", "\ud800", "x" * 300, "é" * 80])
def test_users_without_a_name(user: str) -> None:
    """No name is made of nothing, of what is no text, or of what is too long."""
    with pytest.raises(InvalidConfiguration, match="WHEROBOTS_STORAGE_CUSTOMER"):
        customer_from_user(user)


def decode(name: str) -> str:
    """The user of a customer's name: that it can be told proves that no two users share one."""
    raw, rest = b"", name.removeprefix("customer-")
    while rest:
        if rest[0] == "-":
            raw, rest = raw + bytes.fromhex(rest[1:3]), rest[3:]
        else:
            raw, rest = raw + rest[0].encode(), rest[1:]
    return raw.decode("utf-8")


@QUICK
@given(st.text(min_size=1, max_size=60))
@example("a-2d")
@example("a-")
@example("A")
@example("ﬁ")
def test_user_can_be_told_from_the_name(user: str) -> None:
    """Two users never share a folder, whatever they are called."""
    try:
        name = customer_from_user(user)
    except InvalidConfiguration:
        return
    assert decode(name) == user
    assert is_customer(name)
    assert len(name) <= MAX_NAME


@QUICK
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
@example("a", "a/")
@example("a", "a-")
@example("a", "ab")
def test_no_user_reaches_anothers_folder(user: str, other: str) -> None:
    """One user's folder is no prefix of another's."""
    if user == other:
        return
    try:
        tables = [PermissionTable(customer_from_user(name)) for name in (user, other)]
    except InvalidConfiguration:
        return
    root = Root("my-bucket", "org/")
    mine, theirs = (
        {top.key(root) for top, area in table.areas if "{customer}" in area.segments}
        for table in tables
    )
    for key in mine:
        assert not any(key.startswith(their) or their.startswith(key) for their in theirs)


def test_mirror() -> None:
    """The home's mirror is the customer's folder of notebooks."""
    tenancy = Tenancy(Root("my-bucket", "org/"), "customer-a")
    assert tenancy.mirror_prefix == "org/notebooks/customer-a/"
    assert tenancy.permissions.mirror == StoragePath(("notebooks", "customer-a"), True)
