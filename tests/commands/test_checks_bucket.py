"""What `doctor` says of plain http, and of pages of other sites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.stub_server import Reply, Stub, stub_server

from wherobots_storage.commands.checks_bucket import STRANGER, BucketChecks
from wherobots_storage.commands.findings import Finding
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.inspect import inspect_store
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.settings import Tenancy

TENANCY = Tenancy(Root("test", "org/"), "customer-a")


@dataclass
class Facts:
    """An inspection with the facts that a test gives it; the others are not asked for."""

    endpoint: str = "https://store.example"
    region: str = "us-east-1"
    served: bool | None = False
    shown: bool | None = False

    def credentials_source(self) -> str:
        raise AssertionError

    def server_time(self) -> float | None:
        raise AssertionError

    def versioning(self) -> str:
        raise AssertionError

    def clears_unfinished_uploads(self) -> bool:
        raise AssertionError

    def served_over_http(self, key: str) -> bool | None:
        assert key.startswith("org/notebooks/customer-a/.wherobots/")
        return self.served

    def shown_to_pages(self, key: str, origin: str) -> bool | None:
        assert key.startswith("org/notebooks/customer-a/.wherobots/")
        assert origin == STRANGER
        return self.shown


def found(facts: Facts) -> dict[str, Finding]:
    """The findings by their check; what the checks wrote must be gone."""
    store = MemoryStore(bucket="test")
    findings = {one.check: one for one in BucketChecks(TENANCY, store, facts).findings()}
    assert store.list_page("").entries == ()
    return findings


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        (Facts(served=False), "ok", "Refused"),
        (Facts(served=None), "ok", "Not served"),
        (Facts(served=True), "warning", "answers it, too"),
        (Facts(endpoint="http://127.0.0.1:8333"), "ok", "on this machine"),
        (Facts(endpoint="http://store.example"), "warning", "in plain text"),
    ],
)
def test_plain_http(facts: Facts, state: str, words: str) -> None:
    """A store that answers it needs a bucket policy, and one that is named by it another name."""
    finding = found(facts)["plain http"]
    assert (finding.state, words in finding.message) == (state, True)
    assert bool(finding.advice) == (state == "warning")


@pytest.mark.parametrize(
    ("shown", "state", "words"),
    [
        (False, "ok", "read nothing"),
        (True, "note", "Pages of any site"),
        (None, "note", "not be tried"),
    ],
)
def test_pages_of_other_sites(shown: bool | None, state: str, words: str) -> None:
    """CORS rules that let every origin read are told."""
    finding = found(Facts(shown=shown))["other sites"]
    assert (finding.state, words in finding.message) == (state, True)


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A store that is played."""
    with stub_server() as running:
        yield running


@pytest.mark.parametrize(
    ("reply", "served"),
    [
        (Reply(200), True),
        (Reply(403), False),
        (Reply(301, headers={"Location": "https://store.example/"}), None),
        (Reply(400), None),
    ],
)
def test_what_a_store_answers_to_plain_http(stub: Stub, reply: Reply, served: bool | None) -> None:
    """With an https endpoint the same host is asked without TLS, and nothing follows a redirect."""
    stub.answer = lambda _: reply
    https = {**stub.environment(), "AWS_ENDPOINT_URL": stub.url.replace("http:", "https:")}
    store = connect("test", https)
    assert inspect_store(store).served_over_http("org/probe") is served
    store.close()
    (asked,) = stub.requests
    assert "X-Amz-Expires=10" in asked.path
    assert asked.path.startswith("/test/org/probe?")


def test_a_store_without_plain_http(stub: Stub) -> None:
    """Where nothing but TLS is spoken, there is nothing to refuse."""
    https = {**stub.environment(), "AWS_ENDPOINT_URL": "https://127.0.0.1:9"}
    store = connect("test", https)
    inspection = inspect_store(store)
    assert inspection.served_over_http("org/probe") is None
    assert inspection.shown_to_pages("org/probe", "https://other.example") is None
    store.close()


@pytest.mark.parametrize(
    ("told", "shown"),
    [(None, False), ("https://hub.example", False), ("*", True), ("https://other.example", True)],
)
def test_what_a_store_lets_pages_read(stub: Stub, told: str | None, shown: bool) -> None:
    """What a browser would hand to the page: what carries its origin, or a star."""
    headers = {} if told is None else {"Access-Control-Allow-Origin": told}
    stub.answer = lambda _: Reply(200, headers=headers)
    store = connect("test", stub.environment())
    assert inspect_store(store).shown_to_pages("org/probe", "https://other.example") is shown
    store.close()
    assert stub.requests[0].headers["Origin"] == "https://other.example"
