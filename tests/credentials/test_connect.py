from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

import pytest
from support.stub_server import Reply, stub_server

from wherobots_storage.credentials.connect import open_source, place, source_of
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.sts import AssumeRole, AssumeRoleWithWebIdentity
from wherobots_storage.errors import AccessDenied, InvalidConfiguration
from wherobots_storage.namespace.paths import Root
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.settings import Settings, Tenancy

ROLE = "arn:aws:iam::123456789012:role/storage"


def test_without_a_role_there_is_no_source() -> None:
    """The server's own keys are never handed out in the place of temporary ones."""
    with pytest.raises(InvalidConfiguration, match="WHEROBOTS_STORAGE_ROLE_ARN"):
        open_source(None, "customer-a")


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({}, AssumeRole),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, AssumeRoleWithWebIdentity),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": ROLE},
            AssumeRoleWithWebIdentity,
        ),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": f"{ROLE}-base"}, AssumeRole),
    ],
)
def test_the_source(environment: dict[str, str], kind: type[object]) -> None:
    """Web identity is used when it is for this role; another role is assumed on top of its own."""
    assert type(open_source(ROLE, "customer-a", environment)) is kind


def test_the_customer_is_the_tag() -> None:
    """A role for all customers, as ``policy --all`` prints it, is told whose session it is."""
    source = open_source(ROLE, "customer-a", {})
    assert isinstance(source, AssumeRole)
    assert source._tags == [{"Key": "customer", "Value": "customer-a"}]


KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SCOPE = Scope("bucket", ("org/data/customer-a/",), "write", "/data/customer-a/")


@pytest.mark.parametrize("by", ["keys", "identity"])
def test_sessions_have_the_right_to_the_bucket_s_key(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configured KMS key is in the policy that STS is sent, whatever the source."""
    with stub_server() as stub:
        stub.answer = lambda _: Reply(403, b"<Error><Code>AccessDenied</Code></Error>")
        monkeypatch.setenv("AWS_ENDPOINT_URL", stub.url)
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the server")
        if by == "identity":
            (tmp_path / "token").write_text("an-identity-token")
            monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
        settings = Settings(tmp_path, tmp_path, tenancy=tenancy, role_arn=ROLE, kms_key=KEY)
        with pytest.raises(AccessDenied):
            source_of(settings).vend(SCOPE, 900)
        (policy,) = parse_qs(stub.requests[0].body.decode())["Policy"]
    assert policy == SCOPE.policy(kms_key=KEY)


def test_the_token_file_is_the_environment_s(tmp_path: Path) -> None:
    """The file that the environment names is the one that is read."""
    file = tmp_path / "token"
    source = open_source(ROLE, "customer-a", {"AWS_WEB_IDENTITY_TOKEN_FILE": str(file)})
    assert isinstance(source, AssumeRoleWithWebIdentity)
    assert source._token_file == file


@pytest.mark.parametrize(
    ("endpoint", "told"),
    [
        ("https://s3.eu-central-1.amazonaws.com", None),
        ("https://s3.cn-north-1.amazonaws.com.cn", None),
        ("http://127.0.0.1:8333", "http://127.0.0.1:8333"),
        ("https://amazonaws.com.evil.example", "https://amazonaws.com.evil.example"),
        ("https://user:secret@s3.example.org/x", "https://s3.example.org/x"),
    ],
)
def test_the_place(endpoint: str, told: str | None) -> None:
    """An endpoint is told where it is not AWS's, and never with a password in it."""
    assert place("s3://b/", "r", endpoint) == Place("s3://b/", "r", told)
