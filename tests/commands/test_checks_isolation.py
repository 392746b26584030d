"""What `doctor` says of credentials that reach too far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.guarded import Guarded

from wherobots_storage.commands.checks_isolation import IsolationChecks
from wherobots_storage.commands.findings import Finding
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ListPage
from wherobots_storage.settings import Tenancy

TENANCY = Tenancy(Root("test", "org/"), "customer-a")
AREAS = tuple(top.key(TENANCY.root) for top, _ in TENANCY.permissions.areas)
OWN = "org/data/customer-a/"


def found(
    store: MemoryStore,
    *,
    isolated: bool = True,
    session: MemoryStore | None = None,
    again: bool | None = None,
) -> dict[str, Finding]:
    """The findings, by their check; what the checks wrote must be gone."""

    @contextmanager
    def opened(scope: Scope) -> Iterator[MemoryStore]:
        assert scope.prefixes == (OWN,)
        assert session is not None
        yield session

    vend = None if session is None else opened
    tried = None if again is None else lambda: bool(again)
    checks = IsolationChecks(TENANCY, store, isolated, vend, tried)
    findings = {finding.check: finding for finding in checks.findings()}
    for each in (store, session):
        if each is not None:
            assert MemoryStore.list_page(each, "").entries == ()
    return findings


def test_what_holds_is_ok() -> None:
    """Credentials that end where they should, and a session that does, are said to."""
    findings = found(Guarded(*AREAS), session=Guarded(OWN), again=False)
    assert set(findings) == {"boundary", "temporary credentials", "sessions"}
    assert {finding.state for finding in findings.values()} == {"ok"}


def test_keys_that_reach_everything_are_a_note_where_nothing_is_promised() -> None:
    """On a laptop that is how it is; it is said, with what it means."""
    boundary = found(MemoryStore(bucket="test"), isolated=False)["boundary"]
    assert boundary.state == "note"
    assert "not kept apart" in boundary.message
    assert "write another customer's notebooks" in boundary.message


@pytest.mark.parametrize(
    ("hole", "words"),
    [
        ("org/data/", "list everybody's data"),
        ("org/notebooks/", "list everybody's notebooks"),
        ("org/data/customer-a", "list another customer's data"),
        ("org/data/customer-a", "write another customer's data"),
        ("org/notebooks/customer-a", "read another customer's notebooks"),
        ("org/notebooks/customer-a", "delete another customer's notebooks"),
        ("", "list the whole bucket"),
    ],
)
def test_a_hole_where_isolation_is_promised_is_a_failure(hole: str, words: str) -> None:
    """Each way in which a policy can be too wide is found by trying, and named."""
    boundary = found(Guarded(*AREAS, hole))["boundary"]
    assert boundary.state == "failed"
    assert words in boundary.message
    assert "wherobots-storage policy" in boundary.advice


@pytest.mark.parametrize("area", ["data", "notebooks"])
def test_a_listing_without_the_slash_is_a_failure(area: str) -> None:
    """Listings are a right of their own: too wide by themselves, they show neighbours' names."""
    boundary = found(Guarded(*AREAS, listed=(f"org/{area}/customer-a",)))["boundary"]
    assert boundary.state == "failed"
    assert f"list another customer's {area}." in boundary.message


def test_a_listing_of_the_bare_name_is_a_failure() -> None:
    """Allowed beside the folder, as policies often have it, the name alone lists neighbours."""

    class Bare(Guarded):
        def list_page(self, prefix: str, **options: object) -> ListPage:
            shown = "org/data/customer-a/" if prefix == "org/data/customer-a" else prefix
            return super().list_page(shown, **options)

    boundary = found(Bare(*AREAS))["boundary"]
    assert boundary.message.endswith("They can list another customer's data.")


def test_a_session_that_is_wider_than_its_folder_is_a_failure() -> None:
    """A store that takes a session policy and does not keep it hands out too much."""
    session = found(Guarded(*AREAS), session=Guarded(*AREAS))["temporary credentials"]
    assert session.state == "failed"
    assert "write in /data/shared/" in session.message


def test_a_session_that_does_not_work_is_a_failure() -> None:
    """What is handed out must be of use, too."""
    session = found(Guarded(*AREAS), session=Guarded("nothing"))["temporary credentials"]
    assert (session.state, session.message) == ("failed", "The store says no.")


def test_no_sessions_are_a_note() -> None:
    """Without a role there is nothing to check, and what to set is said."""
    session = found(Guarded(*AREAS))["temporary credentials"]
    assert session.state == "note"
    assert "WHEROBOTS_STORAGE_ROLE_ARN" in session.advice


@pytest.mark.parametrize(("isolated", "state"), [(True, "failed"), (False, "warning")])
def test_a_session_that_gets_rid_of_its_policy(isolated: bool, state: str) -> None:
    """Where a session can assume its role anew it is no boundary, and nowhere to be handed out."""
    finding = found(Guarded(*AREAS), isolated=isolated, again=True)["sessions"]
    assert finding.state == state
    assert "web identities" in finding.advice


def test_where_the_role_is_the_hub_s_nothing_is_said_of_it() -> None:
    """A server of a hub does not know the role that its sessions are of."""
    assert "sessions" not in found(Guarded(*AREAS))
