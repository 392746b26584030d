"""The hub's service and its client, with the hub and the store's STS played."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import urllib3
from support.hubs import Service, Sessions, Tokens, of_a_server
from support.stub_server import Reply, stub_server

from wherobots_storage.credentials.longest import longest_of
from wherobots_storage.credentials.source import CHAINED_SECONDS, Credentials
from wherobots_storage.errors import (
    AccessDenied,
    InvalidConfiguration,
    InvalidInput,
    NoCredentials,
    OutsideArea,
    SlowDown,
    StorageError,
    StoreUnavailable,
    UnexpectedAnswer,
)
from wherobots_storage.hub import client
from wherobots_storage.hub.client import TOKEN, HubSource
from wherobots_storage.hub.vending import BURST, EVERY_SECONDS, HubVendor, Limiter
from wherobots_storage.hub.wire import error_kinds
from wherobots_storage.namespace.customer import customer_from_user
from wherobots_storage.namespace.paths import Root, StoragePath
from wherobots_storage.namespace.permissions import PermissionTable
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Tenancy

ROOT = Root("bucket", "org/")
ANN = Tenancy(ROOT, "customer-ann")
EVERYTHING = Scope.of_areas(ROOT, ANN.permissions, "write")


@pytest.fixture
def tokens() -> Tokens:
    """A hub with one user."""
    tokens = Tokens()
    tokens.add("ann's", "ann")
    return tokens


@pytest.fixture
def sessions() -> Sessions:
    """The deployment's source."""
    return Sessions()


@pytest.fixture
def service(tokens: Tokens, sessions: Sessions) -> Iterator[Service]:
    """The running service."""
    with Service(tokens, HubVendor(ROOT, sessions.of)) as service:
        yield service


def source(service: Service, token: str = "ann's", tenancy: Tenancy = ANN) -> HubSource:  # noqa: S107
    """The source of a single-user server."""
    return HubSource(service.url, tenancy, {TOKEN: token})


def post(
    service: Service, body: object = None, headers: dict[str, str] | None = None, **more: Any
) -> tuple[int, Any]:
    """A request as anybody may make one; the status and the answer."""
    sent = {"Authorization": "token ann's"} if headers is None else headers
    asked = {"folder": None, "access": "write", "seconds": 900} if body is None else body
    raw = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    url = service.url + more.get("path", "credentials")
    answer = urllib3.request(more.get("method", "POST"), url, body=raw, headers=sent, retries=False)
    return answer.status, json.loads(answer.data)


def test_a_server_gets_its_user_s_session(service: Service, sessions: Sessions) -> None:
    """With the server's hub token there is a session for all the user's folders."""
    found = source(service).vend(EVERYTHING, 900)
    expected = Credentials("ASIA-customer-ann", "the-secret", "the-session-token", 1_900_000_000.0)
    assert found == expected
    assert sessions.asked == [("customer-ann", EVERYTHING, 900)]


@pytest.mark.parametrize("path", ["/data/shared/", "/data/customer-ann/a b/ü+%2e/"])
def test_a_session_for_one_folder(service: Service, sessions: Sessions, path: str) -> None:
    """A folder travels as it is, whatever its name."""
    folder = StoragePath.parse(path)
    scope = Scope.of_folder(ROOT, ANN.permissions, folder, "upload")
    source(service).vend(scope, 3600)
    assert sessions.asked == [("customer-ann", scope, 3600)]


@pytest.mark.parametrize("name", ["Ann", "a.nn", "ann@example.org", "ü", "../ann", "-"])
def test_the_customer_is_made_of_the_hub_s_name(
    service: Service, tokens: Tokens, sessions: Sessions, name: str
) -> None:
    """It is encoded as everywhere, so that no two users share a folder."""
    tokens.add("theirs", name)
    status, answer = post(service, headers={"Authorization": "token theirs"})
    assert status == 200
    customer = customer_from_user(name)
    assert answer["customer"] == customer
    (asked,) = sessions.asked
    assert asked == (customer, Scope.of_areas(ROOT, PermissionTable(customer), "write"), 900)


def test_another_customer_cannot_be_named(service: Service, sessions: Sessions) -> None:
    """Neither by configuration, nor in a request, nor by a folder."""
    as_bob = Tenancy(ROOT, "customer-bob")
    with pytest.raises(InvalidConfiguration, match="remove WHEROBOTS_STORAGE_CUSTOMER"):
        source(service, tenancy=as_bob).vend(Scope.of_areas(ROOT, as_bob.permissions, "write"), 900)
    bobs = Scope.of_folder(
        ROOT, as_bob.permissions, StoragePath.parse("/data/customer-bob/x/"), "write"
    )
    with pytest.raises(OutsideArea):
        source(service, tenancy=as_bob).vend(bobs, 900)
    named = {"folder": None, "access": "write", "seconds": 900, "customer": "customer-bob"}
    assert post(service, named)[0] == 400
    for folder in ("data/customer-bob/", "data/customer-ann/../customer-bob/", "data/", ""):
        status, answer = post(service, {"folder": folder, "access": "write", "seconds": 900})
        assert status in {400, 403}, answer
    assert all(customer == "customer-ann" for customer, _, _ in sessions.asked)


def test_another_deployment_is_told(service: Service) -> None:
    """A server that is configured for another bucket than the service is told so."""
    tenancy = replace(ANN, root=Root("other", "org/"))
    with pytest.raises(InvalidConfiguration, match="correct WHEROBOTS_STORAGE_ROOT"):
        source(service, tenancy=tenancy).vend(
            Scope.of_areas(tenancy.root, tenancy.permissions, "write"), 900
        )


@pytest.mark.parametrize(
    ("name", "kind", "scopes", "error"),
    [
        ("svc", "service", of_a_server("svc"), AccessDenied),
        ("ann", "user", ("read:users:name!user=ann",), AccessDenied),
        ("ann", "user", (), AccessDenied),
        ("ann", "user", ("access:servers-of-others!user=ann",), AccessDenied),
        ("", "user", of_a_server(""), InvalidConfiguration),
        ("teacher", "user", ("access:servers!server=ann/",), AccessDenied),
        ("an", "user", ("access:servers!server=ann/", "access:servers!user=ann"), AccessDenied),
        ("ann", "user", ("access:servers!server=annx/", "access:servers!user=ann2"), AccessDenied),
        ("ann", "user", ("access:servers!group=class", "access:servers"), AccessDenied),
    ],
)
def test_tokens_that_will_not_do(
    service: Service,
    tokens: Tokens,
    sessions: Sessions,
    name: str,
    kind: str,
    scopes: tuple[str, ...],
    error: type[StorageError],
) -> None:
    """A service's token, one made for less than a server, a visitor's at another's: nothing."""
    tokens.add("other", name, kind=kind, scopes=scopes)
    with pytest.raises(error):
        source(service, "other").vend(EVERYTHING, 900)
    assert sessions.asked == []


@pytest.mark.parametrize("limit", ["server=ann/", "server=ann/named", "user=ann"])
def test_tokens_for_all_of_the_user_s_servers_will_do(
    service: Service, tokens: Tokens, limit: str
) -> None:
    """So do a server's own, a named server's, and one with all of its user's rights."""
    tokens.add("other", "ann", scopes=("self", f"access:servers!{limit}"))
    assert source(service, "other").vend(EVERYTHING, 900)


def test_an_unknown_token(service: Service, sessions: Sessions) -> None:
    """What the hub does not know is refused, as is no token at all."""
    with pytest.raises(NoCredentials):
        source(service, "unknown").vend(EVERYTHING, 900)
    with pytest.raises(NoCredentials, match="no server that JupyterHub started"):
        HubSource(service.url, ANN, {}).vend(EVERYTHING, 900)
    for headers in ({}, {"Authorization": "ann's"}, {"Authorization": "Basic ann's"}):
        assert post(service, headers=headers)[0] == 401
    assert sessions.asked == []


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_browsers_are_refused(service: Service, header: str) -> None:
    """A page cannot ask, even with a token."""
    headers = {"Authorization": "token ann's", header: "https://hub.example.org"}
    assert post(service, headers=headers)[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        {},
        {"folder": 1, "access": "write", "seconds": 900},
        {"folder": None, "access": "everything", "seconds": 900},
        {"folder": None, "access": "write", "seconds": 10},
        {"folder": None, "access": "write", "seconds": 10**9},
        {"folder": None, "access": "write", "seconds": CHAINED_SECONDS + 1},
        {"folder": "data/shared/\x00/", "access": "write", "seconds": 900},
        {"folder": "data/shared/*/", "access": "write", "seconds": 900},
    ],
)
def test_requests_that_cannot_be(service: Service, sessions: Sessions, body: object) -> None:
    """They are refused in the one shape, and nothing is asked of STS."""
    status, answer = post(service, body)
    assert status == 400
    assert set(answer) == {"code", "message"}
    assert sessions.asked == []


def test_the_administrator_says_how_long_sessions_may_live(
    tokens: Tokens, sessions: Sessions
) -> None:
    """An hour, unless more is allowed; the refusal says how long it may be."""
    with Service(tokens, HubVendor(ROOT, sessions.of, most=7200)) as service:
        assert source(service).vend(EVERYTHING, 7200)
        with pytest.raises(InvalidInput, match="7,200 seconds"):
            source(service).vend(EVERYTHING, 7201)
        assert source(service).longest(EVERYTHING) == 7200


def test_a_server_is_told_how_long_sessions_may_live(service: Service, sessions: Sessions) -> None:
    """With any session, so that it need not try lifetimes that are refused."""
    assert longest_of(source(service), EVERYTHING, "customer-ann") == CHAINED_SECONDS
    assert [seconds for _, _, seconds in sessions.asked] == [900]


def test_there_is_nothing_else(service: Service) -> None:
    """Other paths and methods are refused without a traceback."""
    assert post(service, path="")[0] == 404
    assert post(service, method="GET")[0] == 405


@pytest.mark.parametrize(
    "error", [StoreUnavailable("Away."), AccessDenied("Not this role."), InvalidInput("No.")]
)
def test_what_sts_says_arrives(service: Service, sessions: Sessions, error: StorageError) -> None:
    """The server learns why there is no session, as if it had asked itself."""
    sessions.error = error
    with pytest.raises(type(error), match=error.message):
        source(service).vend(EVERYTHING, 900)


def test_a_hub_that_cannot_be_asked(service: Service, tokens: Tokens) -> None:
    """That is no refusal: it is worth trying again."""
    tokens.error = StoreUnavailable("The hub could not be asked.")
    with pytest.raises(StoreUnavailable):
        source(service).vend(EVERYTHING, 900)


def test_a_user_who_asks_too_often(tokens: Tokens, sessions: Sessions) -> None:
    """One user's limit is not another's, and the refused one may come again."""
    now = [0.0]
    tokens.add("bob's", "bob")
    vendor = HubVendor(ROOT, sessions.of, Limiter(lambda: now[0]))
    with Service(tokens, vendor) as service:
        for _ in range(BURST):
            source(service).vend(EVERYTHING, 900)
        with pytest.raises(SlowDown):
            source(service).vend(EVERYTHING, 900)
        bob = Tenancy(ROOT, "customer-bob")
        scope = Scope.of_areas(ROOT, bob.permissions, "write")
        source(service, "bob's", bob).vend(scope, 900)
        now[0] = EVERY_SECONDS
        source(service).vend(EVERYTHING, 900)


def test_the_limiter_forgets_who_is_quiet() -> None:
    """A hub's many users do not fill the memory."""
    now = [0.0]
    limiter = Limiter(lambda: now[0])
    for number in range(100):
        limiter.take(f"user {number}")
    now[0] = EVERY_SECONDS * 2
    limiter.take("another")
    assert set(limiter._left) == {"another"}


def test_strangers_do_not_fill_the_log(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """Of tokens that nobody knows one a minute is a line."""
    caplog.set_level(logging.INFO)
    for _ in range(5):
        with pytest.raises(StorageError):
            source(service, "unknown-token").vend(EVERYTHING, 900)
    assert len([one for one in caplog.records if one.name.endswith("audit")]) == 1


def test_the_audit(
    service: Service, tokens: Tokens, sessions: Sessions, caplog: pytest.LogCaptureFixture
) -> None:
    """Each vend and each refusal is a line with the user, and no line has a secret."""
    caplog.set_level(logging.INFO)
    source(service).vend(EVERYTHING, 900)
    tokens.add("other-token", "ann", scopes=())
    for token in ("unknown-token", "other-token"):
        with pytest.raises(StorageError):
            source(service, token).vend(EVERYTHING, 900)
    lines = [json.loads(one.message) for one in caplog.records if one.name.endswith("audit")]
    assert lines == [
        {
            "event": "credentials-vended",
            "user": "ann",
            "customer": "customer-ann",
            "scope": "all your folders",
            "accessKeyId": "ASIA-customer-ann",
            "expires": 1_900_000_000,
            "access": "write",
        },
        {"event": "credentials-refused", "user": None, "code": "no-credentials"},
        {"event": "credentials-refused", "user": "ann", "code": "access-denied"},
    ]
    outside = Scope(ROOT.bucket, ("org/data/customer-bob/",), "write", "another's")
    with pytest.raises(StorageError):
        source(service).vend(outside, 900)
    told = json.loads(caplog.records[-1].message)
    assert (told["user"], told["folder"]) == ("ann", "data/customer-bob/")
    assert sessions.asked
    for secret in ("ann's", "unknown-token", "other-token", "the-secret", "the-session-token"):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(200, b"<html>"), UnexpectedAnswer),
        (Reply(302, b"", {"Location": "https://elsewhere.example.org/"}), UnexpectedAnswer),
        (Reply(404, b"not found"), UnexpectedAnswer),
        (Reply(403, b'{"code": "something-new", "message": "m"}'), UnexpectedAnswer),
        (Reply(503, b"no such service"), StoreUnavailable),
    ],
)
def test_what_is_no_service(reply: Reply, error: type[StorageError]) -> None:
    """Another server's answer is told as such, its proxy's as passing; no redirect is followed."""
    with stub_server() as stub:
        stub.answer = lambda _: reply
        with pytest.raises(error):
            HubSource(f"{stub.url}/", ANN, {TOKEN: "t"}).vend(EVERYTHING, 900)
        assert len(stub.requests) == 1


def test_credentials_that_would_be_lines_of_their_own() -> None:
    """Keys with control characters are nobody's keys."""
    vended = {
        "customer": "customer-ann",
        "root": ROOT.url,
        "accessKeyId": "A\nB",
        "secretAccessKey": "s",
        "sessionToken": "t",
        "expiration": 1.0,
    }
    with stub_server() as stub:
        stub.answer = lambda _: Reply(200, json.dumps(vended).encode())
        with pytest.raises(UnexpectedAnswer):
            HubSource(f"{stub.url}/", ANN, {TOKEN: "t"}).vend(EVERYTHING, 900)


def test_a_service_that_is_away() -> None:
    """It is worth trying again."""
    with stub_server() as stub:
        url = stub.url
    with pytest.raises(StoreUnavailable):
        HubSource(f"{url}/", ANN, {TOKEN: "t"}).vend(EVERYTHING, 900)


def test_a_service_whose_answer_trickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of which a byte comes now and then is given up: it would take hours."""
    monkeypatch.setattr(client, "READ_SECONDS", 0.5)
    with stub_server() as stub:
        stub.answer = lambda _: Reply(200, b" " * 1024**2, trickle=1)
        with pytest.raises(StoreUnavailable):
            HubSource(f"{stub.url}/", ANN, {TOKEN: "t"}).vend(EVERYTHING, 900)
        assert len(stub.requests) == 1


def test_every_error_has_a_code_of_its_own() -> None:
    """So that the client raises what the service meant."""
    kinds = error_kinds()
    assert all(kind.code == code for code, kind in kinds.items())
    assert kinds["access-denied"] is AccessDenied
