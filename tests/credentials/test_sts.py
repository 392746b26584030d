from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from support.environment import isolation

from wherobots_storage.credentials import sts, sts_codes
from wherobots_storage.credentials.source import CredentialSource
from wherobots_storage.credentials.sts import (
    AssumeRole,
    AssumeRoleWithWebIdentity,
    open_client,
    role_session_name,
)
from wherobots_storage.errors import (
    AccessDenied,
    ExpiredCredentials,
    InvalidConfiguration,
    InvalidCredentials,
    InvalidInput,
    NoCredentials,
    NotSupported,
    StorageError,
    StoreUnavailable,
    TooLarge,
    UnexpectedAnswer,
)
from wherobots_storage.namespace.deployment import Deployment, trust_policy
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Document, Scope

ROLE = "arn:aws:iam::123456789012:role/storage"
SCOPE = Scope("bucket", ("org/data/customer-a/",), "upload", "/data/customer-a/")
END = datetime(2027, 1, 15, 8, tzinfo=UTC)
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKSERVER",
    "AWS_SECRET_ACCESS_KEY": "server-secret",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}
ANSWER = {
    "Credentials": {
        "AccessKeyId": "ASIAEXAMPLE0000000000",
        "SecretAccessKey": "session-secret",
        "SessionToken": "session-token",
        "Expiration": END,
    }
}


class Stubbed:
    """An AssumeRole whose STS gives the answers it is told."""

    def __init__(self, role_arn: str = ROLE, environment: Mapping[str, str] = KEYS) -> None:
        self.client = open_client(environment)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.source = AssumeRole(self.client, role_arn, "customer-a")

    def refuse(self, code: str, status: int) -> None:
        """The next request is answered with an error."""
        said = "server-secret in the store's own words"
        self.stub.add_client_error("assume_role", code, said, http_status_code=status)


@pytest.fixture
def stubbed() -> Stubbed:
    """A source on a client that sends nothing."""
    return Stubbed()


def test_a_role_is_assumed_with_the_scopes_policy(stubbed: Stubbed) -> None:
    """The request has the role, the customer's name, the policy and the lifetime."""
    expected = {
        "RoleArn": ROLE,
        "RoleSessionName": "customer-a",
        "Policy": SCOPE.policy(),
        "DurationSeconds": 900,
    }
    stubbed.stub.add_response("assume_role", ANSWER, expected)
    found = stubbed.source.vend(SCOPE, 900)
    assert found.access_key_id == "ASIAEXAMPLE0000000000"
    assert found.secret_access_key == "session-secret"
    assert found.session_token == "session-token"
    assert found.expiration == END.timestamp()


TAGS = [{"Key": "customer", "Value": "customer-a"}]
ASKED = {
    "RoleArn": ROLE,
    "RoleSessionName": "customer-a",
    "Policy": SCOPE.policy(),
    "DurationSeconds": 900,
}


@pytest.fixture
def aws() -> Stubbed:
    """A source at AWS's own STS, for a customer."""
    stubbed = Stubbed(environment={**KEYS, "AWS_ENDPOINT_URL": "https://sts.amazonaws.com"})
    stubbed.source = AssumeRole(stubbed.client, ROLE, "customer-a", customer="customer-a")
    return stubbed


def test_aws_is_told_the_customer(aws: Stubbed) -> None:
    """The session has the tag that one role for all customers decides by."""
    aws.stub.add_response("assume_role", ANSWER, {**ASKED, "Tags": TAGS})
    assert aws.source.vend(SCOPE, 900).access_key_id == "ASIAEXAMPLE0000000000"
    aws.stub.assert_no_pending_responses()


def test_a_role_that_lets_nobody_tag_is_assumed_without(aws: Stubbed) -> None:
    """A role of one customer's need not know of tags; a refusal without one is the refusal."""
    aws.refuse("AccessDenied", 403)
    aws.stub.add_response("assume_role", ANSWER, ASKED)
    assert aws.source.vend(SCOPE, 900)
    aws.refuse("AccessDenied", 403)
    aws.refuse("AccessDenied", 403)
    with pytest.raises(AccessDenied, match="trust policy"):
        aws.source.vend(SCOPE, 900)
    aws.stub.assert_no_pending_responses()


def test_other_stores_are_told_no_tag(stubbed: Stubbed) -> None:
    """They know none."""
    stubbed.stub.add_response("assume_role", ANSWER, ASKED)
    AssumeRole(stubbed.client, ROLE, "customer-a", customer="customer-a").vend(SCOPE, 900)
    stubbed.stub.assert_no_pending_responses()


def lets(policy: Document, asked: Mapping[str, Any]) -> bool:
    """Whether a printed trust policy lets AWS take these arguments (IAM user guide)."""
    (statement,) = policy["Statement"]
    needed = {"sts:AssumeRole"} | ({"sts:TagSession"} if "Tags" in asked else set())
    tags = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in asked.get("Tags", ())}
    conditions = statement.get("Condition", {}).get("StringLike", {})
    return needed <= set(statement["Action"]) and all(
        any(fnmatchcase(tags.get(key, ""), pattern) for pattern in patterns)
        for key, patterns in conditions.items()
    )


@pytest.mark.parametrize("customer", [None, "customer-a"])
def test_the_printed_role_is_assumed(aws: Stubbed, customer: str | None) -> None:
    """What is sent is what the printed trust policies ask for: one for all, and one customer's."""
    principal = "arn:aws:iam::123456789012:user/hub"
    policy = trust_policy(Deployment("aws", Root("bucket", "org/"), principal, customer=customer))
    for sent in ({**ASKED, "Tags": TAGS}, ASKED):
        if lets(policy, sent):
            aws.stub.add_response("assume_role", ANSWER, sent)
            break
        aws.refuse("AccessDenied", 403)
    assert aws.source.vend(SCOPE, 900)
    aws.stub.assert_no_pending_responses()


def test_the_policy_is_of_the_roles_partition() -> None:
    """A role in China names its resources with China's ARNs."""
    stubbed = Stubbed("arn:aws-cn:iam::123456789012:role/storage")
    expected = {
        "RoleArn": ANY,
        "RoleSessionName": ANY,
        "Policy": SCOPE.policy("aws-cn"),
        "DurationSeconds": ANY,
    }
    stubbed.stub.add_response("assume_role", ANSWER, expected)
    stubbed.source.vend(SCOPE, 900)
    stubbed.stub.assert_no_pending_responses()


@pytest.mark.parametrize("seconds", [899, 43_201])
def test_impossible_lifetimes_are_not_asked_for(stubbed: Stubbed, seconds: int) -> None:
    """A lifetime that cannot be is refused here, without a request."""
    with pytest.raises(InvalidInput, match="15 minutes"):
        stubbed.source.vend(SCOPE, seconds)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, AccessDenied),
        ("", 403, AccessDenied),
        ("", 404, InvalidConfiguration),
        ("", 405, NotSupported),
        ("NotImplemented", 501, NotSupported),
        ("InvalidAction", 400, NotSupported),
        ("ExpiredToken", 400, ExpiredCredentials),
        ("InvalidClientTokenId", 403, InvalidCredentials),
        ("SignatureDoesNotMatch", 403, InvalidCredentials),
        ("PackedPolicyTooLarge", 400, TooLarge),
        ("MalformedPolicyDocument", 400, InvalidInput),
        ("RegionDisabledException", 403, InvalidConfiguration),
        ("Throttling", 400, StorageError),
        ("InternalFailure", 500, StoreUnavailable),
        ("NobodyKnowsThis", 418, UnexpectedAnswer),
    ],
)
def test_refusals(stubbed: Stubbed, code: str, status: int, kind: type[StorageError]) -> None:
    """Each refusal is one of our errors; what the store said is not passed on."""
    stubbed.refuse(code, status)
    with pytest.raises(kind) as caught:
        stubbed.source.vend(SCOPE, 900)
    assert "server-secret" not in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("code", ["ValidationError", ""])
def test_a_lifetime_that_the_role_does_not_give(stubbed: Stubbed, code: str) -> None:
    """A refusal of more than an hour says to ask for an hour, since a chained role has no more."""
    stubbed.refuse(code, 400)
    with pytest.raises(InvalidInput, match=r"Ask for 3,600 or less"):
        stubbed.source.vend(SCOPE, 7200)


def test_every_error_of_sts_is_mapped() -> None:
    """An error that STS's model gains, and nobody has mapped, fails here."""
    model: Any = boto3.client("sts", region_name="us-east-1").meta.service_model
    codes = {str(shape.error_code) for shape in model.error_shapes}
    assert codes
    assert codes - sts_codes.CODES.keys() == set()


def test_every_mapped_error_has_its_words() -> None:
    """Each kind that the tables give has a message, which can be filled in."""
    for kind in {*sts_codes.CODES.values(), *sts_codes.STATUSES.values()}:
        words = {"host": "h", "role": "r", "scope": "s", "seconds": 900, "shown": "k"}
        filled = sts_codes.MESSAGES[kind].format(**words)
        assert "{" not in filled


def test_an_endpoint_that_is_not_there() -> None:
    """A connection that cannot be made is StoreUnavailable."""
    source = AssumeRole(open_client(KEYS), ROLE, "customer-a")
    with pytest.raises(StoreUnavailable):
        source.vend(SCOPE, 900)


def test_no_credentials_of_ones_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials of the server's own the error says that none were found."""
    for name, value in isolation(tmp_path).items():
        monkeypatch.setenv(name, value)
    source = AssumeRole(open_client({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}), ROLE, "customer-a")
    with pytest.raises(NoCredentials):
        source.vend(SCOPE, 900)


@pytest.mark.parametrize("value", ["", "two words", "line\nfeed", "é"])
def test_unusable_answers_are_refused(stubbed: Stubbed, value: str) -> None:
    """Keys that could not stand in a file or a shell are not passed on."""
    answer = {"Credentials": ANSWER["Credentials"] | {"SessionToken": value}}
    stubbed.stub.add_response("assume_role", answer)
    with pytest.raises(UnexpectedAnswer):
        stubbed.source.vend(SCOPE, 900)


def test_an_answer_without_credentials(stubbed: Stubbed) -> None:
    """An answer in which there is nothing is told as such."""
    stubbed.stub.add_response("assume_role", {})
    with pytest.raises(UnexpectedAnswer, match="holds no credentials"):
        stubbed.source.vend(SCOPE, 900)


# ---- web identity ------------------------------------------------------------------------


class Identified:
    """An AssumeRoleWithWebIdentity on a stubbed client, with its token in a file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "token"
        self.client = open_client(KEYS, signed=False)
        self.stub = Stubber(self.client)
        self.stub.activate()
        self.source = AssumeRoleWithWebIdentity(self.client, ROLE, "customer-a", self.file)

    def answer(self, token: str) -> None:
        """The next request must show ``token``, and is answered."""
        expected: dict[str, Any] = {
            "RoleArn": ROLE,
            "RoleSessionName": "customer-a",
            "WebIdentityToken": token,
            "Policy": SCOPE.policy(),
            "DurationSeconds": 3600,
        }
        self.stub.add_response("assume_role_with_web_identity", ANSWER, expected)


@pytest.fixture
def identified(tmp_path: Path) -> Identified:
    """A source with a place for its token."""
    return Identified(tmp_path)


def test_the_token_is_read_anew(identified: Identified) -> None:
    """Whoever renews the token file need not tell anybody."""
    for token in ("first.token", "second.token"):
        identified.file.write_text(token + "\n")
        identified.answer(token)
        identified.source.vend(SCOPE, 3600)
    identified.stub.assert_no_pending_responses()


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe", b"x" * 20_001])
def test_a_token_that_is_none(identified: Identified, content: bytes | None) -> None:
    """A token file that is missing, empty, binary or far too large is told, without its text."""
    if content is not None:
        identified.file.write_bytes(content)
    with pytest.raises(NoCredentials, match="identity token") as caught:
        identified.source.vend(SCOPE, 3600)
    assert "xxx" not in caught.value.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ExpiredTokenException", ExpiredCredentials),
        ("InvalidIdentityToken", InvalidCredentials),
        ("IDPRejectedClaim", InvalidCredentials),
        ("IDPCommunicationError", StoreUnavailable),
    ],
)
def test_refused_tokens(identified: Identified, code: str, kind: type[StorageError]) -> None:
    """A token that is refused is told by the reason."""
    identified.file.write_text("a.token")
    identified.stub.add_client_error("assume_role_with_web_identity", code, "no", 400)
    with pytest.raises(kind) as caught:
        identified.source.vend(SCOPE, 3600)
    assert "a.token" not in caught.value.message


# ---- the client and the names ------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "endpoint"),
    [
        ({}, "https://sts.eu-central-1.amazonaws.com"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:81"}, "http://127.0.0.1:81"),
        ({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:82"}, "http://127.0.0.1:82"),
        (
            {
                "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:82",
                "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:83",
            },
            "http://127.0.0.1:83",
        ),
    ],
)
def test_where_sts_is(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], endpoint: str
) -> None:
    """STS is asked at its own endpoint, else where S3 is, and at AWS only when S3 is AWS."""
    for name, value in {**variables, "AWS_DEFAULT_REGION": "eu-central-1"}.items():
        monkeypatch.setenv(name, value)
    assert open_client().meta.endpoint_url == endpoint


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_a_password_in_the_endpoint_is_not_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An error names the host of STS, and never what stands before it in the URL."""
    keys = {variable: value for variable, value in KEYS.items() if "KEY" in variable}
    for variable, value in {**keys, name: "http://joe:hunter2@127.0.0.1:9"}.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(StoreUnavailable) as raised:
        AssumeRole(open_client(), ROLE, "customer-a").vend(SCOPE, 900)
    assert " 127.0.0.1:9 is not" in raised.value.message
    assert "hunter2" not in raised.value.message


def test_a_broken_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist is told as a configuration that cannot work."""
    monkeypatch.setenv("AWS_PROFILE", "missing")
    with pytest.raises(InvalidConfiguration):
        open_client()


@pytest.mark.parametrize("name", ["customer-a", "customer-" + "x" * 55])
def test_session_names(name: str) -> None:
    """A customer's name is the session's name where it fits."""
    assert role_session_name(name) == name


@pytest.mark.parametrize("name", ["customer-" + "x" * 56, "customer-" + "y" * 246, "a b", "é", ""])
def test_other_session_names(name: str) -> None:
    """A name that does not fit is cut, and stays distinct by its hash."""
    made = role_session_name(name)
    assert sts._SESSION_NAME.fullmatch(made)
    assert made != role_session_name(name + "z")


def test_sources_are_sources(stubbed: Stubbed, identified: Identified) -> None:
    """Both satisfy the port, as mypy checks here, and give the same kind of answer."""
    sources: list[CredentialSource] = [stubbed.source, identified.source]
    identified.file.write_text("token")
    identified.answer("token")
    stubbed.stub.add_response("assume_role", ANSWER)
    first, second = (source.vend(SCOPE, 3600) for source in sources)
    assert first == second
