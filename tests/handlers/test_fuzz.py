"""Whatever is sent to whichever route: no accident, no way out of the user's areas, no secret."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.server import CUSTOMER, OWN, Api, Hooks

from wherobots_storage.api.models import ErrorBody
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.objectstore.store import ObjectInfo

AREAS = (
    f"org/data/{CUSTOMER}/",
    "org/data/shared/",
    f"org/notebooks/{CUSTOMER}/",
    "org/notebooks/shared/",
    "org/spark-logs/",
)
FOREIGN = {
    "org/data/customer-bob/secret.txt": b"bob's",
    "org/notebooks/customer-bob/a.ipynb": b"bob's",
    f"org/data/{CUSTOMER}x/secret.txt": b"a neighbour's by prefix",
    "other/data/file": b"another organisation's",
    f"org/notebooks/{CUSTOMER}/.wherobots/lease.json": b"the agent's own",
}

NAMES = ["", ".", "..", "data", "shared", "notebooks", "spark-logs", CUSTOMER, "customer-bob"]
ODD = [
    "%2e%2e",
    "%2f",
    "..%2f",
    "\\",
    "..\\",
    ".wherobots",
    "a b",
    "\xe9",
    "e\u0301",
    "\uff0a",
    "*",
]
SEGMENTS = st.one_of(
    st.sampled_from([*NAMES, *ODD]),
    st.text(max_size=12),
    st.text(st.characters(max_codepoint=31), max_size=3),
    st.just("x" * 1100),
)
PATHS = st.one_of(
    st.lists(SEGMENTS, max_size=7).map("/".join),
    st.lists(SEGMENTS, max_size=6).map(lambda names: "/" + "/".join(names)),
    st.lists(SEGMENTS, max_size=4).map(lambda names: OWN + "/".join(names)),
    st.text(max_size=40),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | PATHS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "path": PATHS | VALUES,
        "paths": st.lists(PATHS, max_size=4) | VALUES,
        "size": st.integers(-2, 2**70) | VALUES,
        "mode": st.sampled_from(["create", "replace", "x"]) | VALUES,
        "etag": st.text(max_size=8) | VALUES,
        "id": st.text(max_size=30) | VALUES,
        "op": st.sampled_from(["sync", "pause", "stop", "takeover"]) | VALUES,
        "access": st.sampled_from(["read", "write", "upload", "admin"]) | VALUES,
        "seconds": st.integers(-5, 10**6) | VALUES,
    },
)
BODIES = st.one_of(
    FIELDS.map(lambda fields: json.dumps(fields).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=60),
)
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "path": PATHS,
        "cursor": st.text(max_size=30),
        "limit": st.integers(-5, 2**70).map(str) | st.text(max_size=5),
        "id": st.text(max_size=30),
        "number": st.integers(-2, 2**70).map(str) | st.text(max_size=5),
    },
)
REQUESTS = st.sampled_from(
    [
        ("GET", "files"),
        ("GET", "files/stat"),
        ("GET", "files/content"),
        ("HEAD", "files/content"),
        ("GET", "jobs"),
        ("GET", "uploads"),
        ("DELETE", "uploads"),
        ("GET", "sync"),
        ("GET", "sync/held"),
        ("GET", "config"),
        ("POST", "files/delete"),
        ("POST", "folders"),
        ("POST", "uploads"),
        ("PUT", "uploads/part"),
        ("POST", "uploads/complete"),
        ("POST", "sync"),
        ("GET", "credentials"),
        ("POST", "credentials"),
    ]
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Range": st.from_regex(r"bytes=[-0-9, ]{0,20}", fullmatch=True),
        "If-Match": st.from_regex(r"[ -~]{0,20}", fullmatch=True),
        "Content-Type": st.sampled_from(["application/json", "text/html", "image/svg+xml"]),
    },
)


@pytest.fixture
def planted(memory_store: MemoryStore) -> MemoryStore:
    """What must be neither read, nor changed, nor told of."""
    for key, body in FOREIGN.items():
        memory_store.put(key, body)
    memory_store.put(f"org/data/{CUSTOMER}/mine.txt", b"mine")
    return memory_store


@settings(
    max_examples=250,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(request=REQUESTS, query=QUERIES, body=BODIES, headers=HEADERS)
@example(("GET", "files/content"), {"path": f"{OWN}../customer-bob/secret.txt"}, b"", {})
@example(("GET", "files/content"), {"path": "/data/customer-bob/secret.txt"}, b"", {})
@example(("GET", "files"), {"path": OWN, "cursor": "b3JnL2RhdGEvY3VzdG9tZXItYm9iLw"}, b"", {})
@example(("POST", "files/delete"), {}, b'{"paths": ["/data/customer-bob/"]}', {})
@example(("POST", "folders"), {}, b'{"path": "/data/customer-ann\\u0000/"}', {})
@example(("POST", "folders"), {}, b'{"path": "\\ud800"}', {})
@example(("POST", "credentials"), {}, b'{"path": "/data/customer-bob/"}', {})
def test_anything_may_be_sent(
    planted: MemoryStore,
    hooks: Hooks,
    api: Api,
    jp_asyncio_loop: asyncio.AbstractEventLoop,
    request: tuple[str, str],
    query: dict[str, str],
    body: bytes,
    headers: dict[str, str],
) -> None:
    """No 500, errors in the one shape, nothing of another's told, read, written or deleted."""
    assert hooks
    method, route = request
    asked = api(
        method,
        route,
        body=body if method in {"POST", "PUT"} else None,
        headers=headers,
        **{name: value for name, value in query.items() if _sendable(value)},
    )
    answer = jp_asyncio_loop.run_until_complete(asked)
    assert answer.status < 500, (request, query, body, answer.body)
    if answer.status >= 400 and method != "HEAD":
        msgspec.json.decode(answer.body, type=ErrorBody)
    for key, content in FOREIGN.items():
        with planted.get(key) as kept:
            assert b"".join(kept.chunks()) == content
        if not key.startswith("org/notebooks/customer-ann"):
            assert content not in answer.body
    keys = {entry.key for entry in planted.list_page("").entries if isinstance(entry, ObjectInfo)}
    assert all(key.startswith(AREAS) for key in keys - set(FOREIGN))


def _sendable(value: Any) -> bool:
    """Whether a query can carry it: lone surrogates have no UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
