"""Whatever is sent to the kernels' endpoint: no accident, and no secret but to whom it belongs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.endpoints import Running
from support.rawhttp import HEADER_VALUES, NAMES, exchange, rendered, statuses

from wherobots_storage.credentials.endpoint import PATH
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.namespace.policy import Scope

SCOPE = Scope("bucket", ("org/data/customer-a/",), "write", "all your folders")
SECRETS = (b"the-secret-of-it", b"the-session-token-of-it")


class Source:
    """Gives the same credentials each time."""

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """The credentials."""
        assert (scope, seconds) == (SCOPE, 3600)
        secret, token = (one.decode() for one in SECRETS)
        return Credentials("ASIAEXAMPLE", secret, token, 1_900_000_000.0)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A running endpoint, one for all examples."""
    folder: Path = tmp_path_factory.mktemp("endpoint")
    one = Running(Source(), SCOPE, folder / "token")
    one.start()
    yield one
    one.stop()


METHODS = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "get", "G\x00T"]) | st.text(max_size=5)
TARGETS = st.sampled_from(
    [PATH, f"{PATH}?a=b", f"{PATH}/", "/", "*", f"//{PATH}", "%2Fcredentials"]
)
SHOWN = st.sampled_from(["{token}", "Bearer {token}", "{token}x", "{token},{token}", ""])
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just("Authorization"), SHOWN | HEADER_VALUES),
        st.tuples(st.just("Host"), st.sampled_from(["{host}", "localhost", "evil.example"])),
        st.tuples(st.just("Host"), HEADER_VALUES),
        st.tuples(st.sampled_from(["Origin", "Sec-Fetch-Site", "X-Forwarded-For"]), HEADER_VALUES),
        st.tuples(st.sampled_from(["Transfer-Encoding", "Content-Length"]), HEADER_VALUES),
        st.tuples(NAMES, HEADER_VALUES),
    ),
    max_size=6,
)
RIGHT = [("Host", "{host}"), ("Authorization", "{token}")]


def may_be_told(running: Running, request: bytes) -> bool:
    """Whether a request has all that is asked for, read as generously as HTTP can be."""
    line, *lines = request.split(b"\r\n\r\n")[0].split(b"\r\n")
    pairs = [one.partition(b":") for one in lines]
    named = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    hosts = {b"%s:%d" % (name, running.port) for name in (b"127.0.0.1", b"localhost")}
    return (
        line.split(b" ")[0] == b"GET"
        and line.split(b" ")[1].split(b"?")[0] == PATH.encode()
        and [value for name, value in named if name == b"authorization"] == [running.token.encode()]
        and all(value.lower() in hosts for name, value in named if name == b"host")
        and not {b"origin", b"sec-fetch-site"} & {name for name, _ in named}
    )


def test_what_is_right_is_answered(running: Running) -> None:
    """The requests below differ from one that is given the keys."""
    host = f"127.0.0.1:{running.port}"
    right = rendered("GET", PATH, [("Host", host), ("Authorization", running.token)])
    assert may_be_told(running, right)
    answer = exchange(running.port, right, 60)
    assert all(secret in answer for secret in SECRETS)


@settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(method=METHODS, target=TARGETS | st.text(max_size=20), headers=HEADERS, body=st.binary())
@example("GET", PATH, RIGHT, b"")
@example("GET", PATH, [*RIGHT, ("Origin", "null")], b"")
@example("GET", PATH, [*RIGHT, ("Authorization", "{token}")], b"")
@example("GET", PATH, [*RIGHT, ("X-A", "a\r\n b")], b"")
def test_no_accident_and_no_secret(
    running: Running, method: str, target: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    """No 5xx, and the keys only for GET with the token, this host, and no sign of a browser."""
    host = f"127.0.0.1:{running.port}"
    filled = [
        (name, value.replace("{token}", running.token).replace("{host}", host))
        for name, value in headers
    ]
    request = rendered(method, target, filled, body)
    answer = exchange(running.port, request)
    assert all(status < 500 for status in statuses(answer)), answer
    if any(secret in answer for secret in SECRETS):
        assert may_be_told(running, request), request
    assert running.token.encode() not in answer


@settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(raw=st.binary(max_size=200))
def test_bytes_that_are_no_request(running: Running, raw: bytes) -> None:
    """Noise is no accident either, and the next request is answered."""
    answer = exchange(running.port, raw)
    assert all(status < 500 for status in statuses(answer)), answer
    assert running.ask()[0] == 200
