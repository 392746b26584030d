"""What `doctor` says of what a kernel could use in place of its session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from support.guarded import Guarded
from support.stub_server import Reply, stub_server

from wherobots_storage.commands import checks_reach
from wherobots_storage.commands.checks_reach import CASE, NAME, ReachChecks, Unlimited, Way, ways
from wherobots_storage.commands.findings import Finding
from wherobots_storage.errors import AccessDenied, NoCredentials, StoreUnavailable
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.settings import Settings, Tenancy

TENANCY = Tenancy(Root("test", "org/"), "customer-a")
AREAS = tuple(top.key(TENANCY.root) for top, _ in TENANCY.permissions.areas)
KEYS = {"AWS_ACCESS_KEY_ID": "AKPARENT", "AWS_SECRET_ACCESS_KEY": "of the parent"}


def way(store: MemoryStore | Exception, *, stray: bool = False) -> Way:
    """A way to a store, or to an error."""

    def opened() -> AbstractContextManager[MemoryStore]:
        @contextmanager
        def entered() -> Iterator[MemoryStore]:
            if isinstance(store, Exception):
                raise store
            yield store

        return entered()

    return Way("the keys of a file", opened, stray=stray)


def found(
    *ways: Way, promised: bool = True, tenancy: Tenancy = TENANCY, store: MemoryStore | None = None
) -> dict[str, Finding]:
    """The findings, by their check."""
    checks = ReachChecks(tenancy, store or Guarded(*AREAS), promised, ways)
    return {finding.check: finding for finding in checks.findings()}


def test_ways_that_lead_nowhere_are_fine() -> None:
    """A refusal, no credentials at all, and credentials of the user's own are all well."""
    refused = (way(AccessDenied("No.")), way(NoCredentials("None."), stray=True))
    finding = found(*refused, way(Guarded(*AREAS)))[NAME]
    assert finding.state == "ok"


@pytest.mark.parametrize("stray", [True, False])
def test_a_way_to_somebody_else_s_data_is_a_failure(stray: bool) -> None:
    """What it is and what it reaches are named; without a promise it is a note."""
    wide = way(MemoryStore(bucket="test"), stray=stray)
    finding = found(way(Guarded(*AREAS)), wide)[NAME]
    assert finding.state == "failed"
    assert "the keys of a file" in finding.message
    assert "write another customer's notebooks" in finding.message
    assert found(wide, promised=False)[NAME].state == "note"


def test_keys_that_reach_nothing_here_are_a_warning() -> None:
    """Keys that may assume a role, say, have no rights of their own, and are enough."""
    finding = found(way(Guarded(*AREAS), stray=True))[NAME]
    assert (finding.state, "the keys of a file" in finding.message) == ("warning", True)


def test_a_store_that_is_away_is_told() -> None:
    """What could not be tried is not taken for safe."""
    assert found(way(StoreUnavailable("Away.")))[NAME].state == "failed"


@pytest.mark.parametrize(
    ("customer", "state"), [("customer-ann", "note"), ("customer-Ann", "warning")]
)
def test_a_store_that_does_not_tell_case_apart(customer: str, state: str) -> None:
    """With capitals in names it is a danger; in lower case only it is worth knowing."""
    tenancy = replace(TENANCY, customer=customer)
    other = "customer-" + customer.removeprefix("customer-").swapcase()
    both = [f"org/{area}/{name}/" for area in ("data", "notebooks") for name in (customer, other)]
    finding = found(tenancy=tenancy, store=Guarded(*both))[CASE]
    assert (finding.state, other in finding.message) == (state, True)
    assert found(tenancy=tenancy)[CASE].state == "ok"
    assert CASE not in found(tenancy=replace(TENANCY, customer="customer-1"))


def test_the_unlimited_policy_names_no_folder() -> None:
    """What is tried is what the role itself allows; a key's only where there is one."""
    scope = Unlimited("test", ("org/",), "write", "all")
    assert "org/" not in scope.policy()
    assert '"s3:*"' in scope.policy()
    assert '"kms:*"' in scope.policy(kms_key="arn:aws:kms:us-east-1:123456789012:key/1")
    # Ceph's gateway refuses a policy that names another service's actions.
    assert "kms" not in scope.policy()


def test_the_role_is_tried_with_the_bucket_s_key(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a right to the key everything would be refused, and the role seem narrower."""
    with stub_server() as stub:
        stub.answer = lambda _: Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        for name, value in stub.environment().items():
            monkeypatch.setenv(name, value)
        role = "arn:aws:iam::123456789012:role/storage"
        key = "arn:aws:kms:eu-west-1:123456789012:key/1"
        ours, *_ = ways(replace(settings, role_arn=role, kms_key=key), [])
        with ours.open() as store, pytest.raises(AccessDenied):
            store.list_page("")
        (policy,) = parse_qs(stub.requests[0].body.decode())["Policy"]
    assert '"kms:*"' in policy


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A hub's server."""
    hub = "http://127.0.0.1:9/services/storage/"
    return Settings(tmp_path, tmp_path, tenancy=TENANCY, hub_service=hub)


def test_keys_of_the_environment_are_a_way(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without keys there is no way at all; with some they are strays, and where is said."""
    assert ways(settings, []) == []
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    (one,) = ways(settings, [KEYS])
    assert one.stray
    assert "AWS_ACCESS_KEY_ID" in one.words


def test_keys_of_a_parent_are_a_way(settings: Settings) -> None:
    """In a terminal, from which they were removed, the server's are looked for where it stands."""
    (one,) = ways(settings, [{"HOME": "/"}, KEYS, {**KEYS, "HOME": "/"}])
    assert one.stray
    role = "arn:aws:iam::123456789012:role/storage"
    assert len(ways(replace(settings, role_arn=role), [KEYS])) == 3


def test_environments_of_parents(tmp_path: Path) -> None:
    """From the parent up, as far as they can be read."""
    for pid, parent in ((7, 5), (5, 1)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        (folder / "environ").write_bytes(b"A=%d\0B=x=y\0" % pid)
        (folder / "status").write_text(f"Name:\tx\nPPid:\t{parent}\n")
    told = list(checks_reach._environments(tmp_path, 7))
    assert [one["A"] for one in told] == ["7", "5"]
    assert told[0]["B"] == "x=y"
    assert list(checks_reach._environments(tmp_path / "none")) == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_environment_of_this_process_s_own_parent() -> None:
    """On Linux they are found by themselves."""
    assert any(checks_reach._environments(pid=os.getpid()))
