"""Whatever is sent to the hub's service: no accident, and nobody's session but the token's own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.hubs import PREFIX, Service, Sessions, Tokens
from support.rawhttp import HEADER_VALUES, NAMES, exchange, rendered, statuses

from wherobots_storage.hub.vending import EVERY_SECONDS, HubVendor, Limiter
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.permissions import PermissionTable

ROOT = Root("bucket", "org/")
SECRETS = (b"the-secret", b"the-session-token")
OF = {"token-of-ann": "customer-ann", "token-of-bob": "customer-bob"}
REFUSED = ("token-of-ann-s-visit", "token-of-a-service")


@pytest.fixture(scope="module")
def sessions() -> Sessions:
    """The deployment's source."""
    return Sessions()


@pytest.fixture(scope="module")
def service(sessions: Sessions) -> Iterator[Service]:
    """A running service, one for all examples, whose users may ask as often as they like."""
    tokens = Tokens()
    tokens.add("token-of-ann", "ann")
    tokens.add("token-of-bob", "bob")
    tokens.add(REFUSED[0], "ann", scopes=("access:servers!server=bob/",))
    tokens.add(REFUSED[1], "svc", kind="service")
    times = itertools.count()
    limiter = Limiter(lambda: next(times) * EVERY_SECONDS)
    with Service(tokens, HubVendor(ROOT, sessions.of, limiter)) as running:
        yield running


AREAS = ["data", "notebooks", "shared", "spark-logs", "customer-ann", "customer-bob", "customer-"]
SEGMENTS = st.sampled_from([*AREAS, "", ".", "..", "*", "${x}", "\\", "%2e%2e", "\x00"])
FOLDERS = st.lists(SEGMENTS | st.text(max_size=8), max_size=5).map("/".join)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | FOLDERS
ASKED = st.fixed_dictionaries(
    {},
    optional={
        "folder": FOLDERS | VALUES,
        "access": st.sampled_from(["read", "upload", "write", "admin"]) | VALUES,
        "seconds": st.sampled_from([900, 3600, 43_200]) | VALUES,
        "customer": st.just("customer-bob"),
    },
)
GOOD = st.fixed_dictionaries(
    {"folder": FOLDERS | st.none(), "access": st.just("write"), "seconds": st.just(900)}
)
BODIES = st.one_of(
    GOOD.map(lambda asked: json.dumps(asked).encode()),
    ASKED.map(lambda asked: json.dumps(asked).encode()),
    st.binary(max_size=60),
)
SHOWN = st.sampled_from(
    [f"{scheme} {token}" for scheme in ("token", "Bearer", "x") for token in (*OF, *REFUSED)]
)
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just("Authorization"), SHOWN | HEADER_VALUES),
        st.tuples(st.sampled_from(["Origin", "Cookie", "X-Forwarded-User"]), HEADER_VALUES),
        st.tuples(st.sampled_from(["Transfer-Encoding", "Content-Length"]), HEADER_VALUES),
        st.tuples(NAMES, HEADER_VALUES),
    ),
    max_size=4,
)
TARGETS = st.sampled_from([f"{PREFIX}credentials"] * 4 + [PREFIX, "/", "*"]) | st.text(max_size=20)
ANNS = ("Authorization", "token token-of-ann")


def asked(folder: str | None) -> bytes:
    """A request's body."""
    return json.dumps({"folder": folder, "access": "write", "seconds": 900}).encode()


def test_what_is_right_is_answered(service: Service) -> None:
    """The requests below differ from one that is given a session."""
    port = urlsplit(service.url).port
    assert port is not None
    right = rendered("POST", f"{PREFIX}credentials", [("Host", "hub"), ANNS], asked(None))
    answer = exchange(port, right, 60)
    assert all(secret in answer for secret in SECRETS)


@settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    method=st.sampled_from(["POST"] * 4 + ["GET", "PUT", "OPTIONS", "p"]),
    target=TARGETS,
    headers=st.one_of(
        HEADERS, st.tuples(st.sampled_from(["Authorization"]), SHOWN).map(lambda it: [it])
    ),
    body=BODIES,
)
@example("POST", f"{PREFIX}credentials", [ANNS], asked(None))
@example("POST", f"{PREFIX}credentials", [ANNS], asked("data/customer-bob/"))
@example("POST", f"{PREFIX}credentials", [ANNS], asked("data/customer-ann/../customer-bob/"))
@example("POST", f"{PREFIX}credentials", [ANNS, ("Origin", "null")], asked(None))
def test_no_accident_and_nobody_else_s_session(
    service: Service,
    sessions: Sessions,
    method: str,
    target: str,
    headers: list[tuple[str, str]],
    body: bytes,
) -> None:
    """No 5xx; what is vended is the token's owner's, and for the owner's folders only."""
    port = urlsplit(service.url).port
    assert port is not None
    sessions.asked.clear()
    answer = exchange(port, rendered(method, target, [("Host", "hub"), *headers], body))
    assert all(status < 500 for status in statuses(answer)), answer
    shown = {value.strip() for name, value in headers if name == "Authorization"}
    owners = {customer for token, customer in OF.items() if any(token in one for one in shown)}
    for customer, scope, seconds in sessions.asked:
        assert {customer} == owners
        assert 900 <= seconds <= 3600
        tops = [top.key(ROOT) for top, _ in PermissionTable(customer).areas]
        for prefix in scope.prefixes:
            assert any(prefix.startswith(top) for top in tops), scope
            assert ".." not in prefix.split("/")
    if any(secret in answer for secret in SECRETS):
        told: Any = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert {told["customer"]} == owners
    assert not any(token.encode() in answer for token in (*OF, *REFUSED))
