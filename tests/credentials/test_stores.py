"""With whose credentials server and agent work, and how a session is renewed under them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.endpoints import Moved

from wherobots_storage.credentials import stores
from wherobots_storage.credentials.cache import CachedSource
from wherobots_storage.credentials.renewing import renewing
from wherobots_storage.credentials.source import CHAINED_SECONDS, Credentials
from wherobots_storage.credentials.stores import open_user_store, works_with_session
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.errors import AccessDenied, StoreUnavailable
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.settings import Session, Settings, Tenancy

ROLE = "arn:aws:iam::123456789012:role/storage"
TOKEN = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}
HUB = "http://127.0.0.1:1/services/storage/"


@pytest.mark.parametrize(
    ("role", "hub", "session", "environment", "expected"),
    [
        (None, None, "auto", {}, False),
        (ROLE, None, "auto", {}, False),
        (ROLE, None, "auto", TOKEN, True),
        (ROLE, None, "auto", {**TOKEN, "AWS_ROLE_ARN": ROLE}, True),
        (ROLE, None, "auto", {**TOKEN, "AWS_ROLE_ARN": f"{ROLE}-base"}, False),
        (None, HUB, "auto", {}, True),
        (ROLE, None, "user", {}, True),
        (ROLE, HUB, "own", TOKEN, False),
    ],
)
def test_whose_credentials(
    role: str | None,
    hub: str | None,
    session: Session,
    environment: dict[str, str],
    expected: bool,
) -> None:
    """The user's where that keeps users apart, the server's own otherwise, or as it is set."""
    home = Path("/home")
    settings = Settings(home, home, role_arn=role, hub_service=hub, session=session)
    assert works_with_session(settings, environment) is expected


@pytest.fixture
def settings(bucket: str, seaweed: EmbeddedStore, tmp_path: Path) -> Settings:
    """A server of SeaweedFS's administrator that is to work with the user's session."""
    tenancy = Tenancy(Root(bucket, "org/"), "customer-a")
    role = seaweed.role_arn
    return Settings(tmp_path, tmp_path, tenancy=tenancy, role_arn=role, session="user")


@pytest.mark.store
@pytest.mark.usefixtures("seaweed_environment")
def test_a_store_with_the_user_s_session(settings: Settings) -> None:
    """It reaches the user's folders, and not what the server's own keys reach."""
    store = open_user_store(settings)
    store.put("org/data/customer-a/a", b"a")
    with pytest.raises(AccessDenied):
        store.put("org/data/customer-b/a", b"a")
    store.close()
    own = open_user_store(replace(settings, session="own"))
    own.put("org/data/customer-b/a", b"a")
    own.close()


class Failing:
    """A source that cannot be reached."""

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Fail."""
        assert scope.rights == "write"
        assert seconds == CHAINED_SECONDS
        raise StoreUnavailable("The hub's service is away.")


@pytest.mark.store
@pytest.mark.usefixtures("seaweed_environment")
def test_a_source_that_fails_is_told_as_itself(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's caller sees the source's own error, once a request needs a session."""
    monkeypatch.setattr(stores, "source_of", lambda _: Failing())
    store = open_user_store(settings)
    with pytest.raises(StoreUnavailable, match="service is away"):
        store.list_page("org/data/customer-a/")
    store.close()


@pytest.fixture
def moved(seaweed: EmbeddedStore) -> Moved:
    """Sessions of SeaweedFS's role, by a clock that can be moved."""
    return Moved(AssumeRole(open_client(seaweed.environment()), seaweed.role_arn, "customer-a"))


@pytest.fixture
def store(
    moved: Moved, bucket: str, seaweed: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> Iterator[S3Store]:
    """A store with sessions of 15 minutes, in a process whose clock is moved with theirs."""
    scope = Scope.of_areas(Root(bucket, "org/"), PermissionTable("customer-a"), "write")
    credentials: Any = renewing(CachedSource(moved, moved.time), scope, 900)
    real = credentials._time_fetcher
    monkeypatch.setattr(credentials, "_time_fetcher", lambda: real() + moved.delta)
    store = connect(bucket, {"AWS_ENDPOINT_URL": seaweed.endpoint_url}, credentials)
    yield store
    store.close()


@pytest.mark.store
def test_a_session_is_renewed_under_a_store(store: S3Store, moved: Moved) -> None:
    """Requests go on over many lifetimes, with new keys after each, and one for many requests."""
    seen = []
    for seconds in (0, 60, 1000, 2000, 10_000):
        moved.seconds = seconds
        store.put("org/data/customer-a/a", b"a")
        assert store.head("org/data/customer-a/a").size == 1
        seen.append(store.connection.credentials().access_key)
    assert seen[0] == seen[1]
    assert len(set(seen)) == 4
