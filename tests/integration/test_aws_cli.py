"""The real AWS CLI with what the dialog shows, exactly as it shows it, on SeaweedFS."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from pathlib import Path

import pytest
from support.awscli import FOLDER, SMALL, AwsCliSuite, User
from support.stub_server import Reply, stub_server

from wherobots_storage.credentials import snippets
from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(1800)]


@pytest.fixture
def user(aws: Path, seaweed: EmbeddedStore, bucket: str, tmp_path: Path) -> User:
    """A user who has just been handed credentials."""
    one = User(aws, tmp_path, seaweed.environment(), seaweed.role_arn, bucket)
    one.prepare()
    return one


@pytest.fixture
def plain(aws: Path, seaweed: EmbeddedStore, bucket: str, tmp_path: Path) -> User:
    """The same without a large file, for which the CLI waits a minute."""
    one = User(aws, tmp_path, seaweed.environment(), seaweed.role_arn, bucket)
    one.prepare(SMALL)
    return one


class TestSeaweedCli(AwsCliSuite):
    """The suite on SeaweedFS."""


def test_nothing_is_deleted(plain: User) -> None:
    """Upload credentials do not delete, not even by a sync that is told to."""
    assert plain.run(plain.shown.profile_command)[0] == 0
    uri = snippets.quoted(plain.uri)
    sync = f"aws --profile=wherobots s3 sync --delete my-data/ {uri}"
    status, said = plain.run(f"rm my-data/a.txt; {sync}")
    assert status != 0
    assert "AccessDenied" in said
    assert plain.stored() == SMALL


def aged(token: str, store: EmbeddedStore) -> str:
    """SeaweedFS's own token, as it would be a minute after its end: signed with the store's key."""
    key = json.loads((store.folder / "iam.json").read_text())["sts"]["signingKey"]
    header, payload, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    now = int(time.time())
    claims |= {"exp": now - 60, "iat": now - 960, "nbf": now - 960}
    signed = f"{header}.{_url64(json.dumps(claims).encode())}"
    digest = hmac.digest(base64.b64decode(key), signed.encode(), hashlib.sha256)
    return f"{signed}.{_url64(digest)}"


def _url64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_an_expired_token(plain: User, seaweed: EmbeddedStore) -> None:
    """After the end nothing is uploaded any more; SeaweedFS says that it does not know the key."""
    (line,) = [one for one in plain.shown.ini.splitlines() if one.startswith("aws_session_token")]
    token = line.partition(" = ")[2]
    plain.paste(plain.shown.ini.replace(token, aged(token, seaweed)))
    for command in (plain.shown.profile_command, f"aws --profile=wherobots s3 ls '{plain.uri}'"):
        status, said = plain.run(command)
        assert status != 0
        assert "(InvalidAccessKeyId)" in said
    assert plain.stored() == {}
    # The same token, but for its times, was good: it is the end that is refused.
    plain.paste(plain.shown.ini)
    assert plain.run(plain.shown.profile_command)[0] == 0


def test_what_is_said_of_an_expired_token_where_the_store_says_so(plain: User) -> None:
    """With the answer that AWS gives, the CLI's message is a sentence about the expiry."""
    said_by_aws = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired."
    with stub_server() as stub:
        stub.answer = lambda _: Reply(400, said_by_aws + b"</Message></Error>")
        block = plain.shown.ini.splitlines()
        lines = [f"endpoint_url = {stub.url}" if "endpoint_url" in one else one for one in block]
        plain.paste("\n".join(lines) + "\n")
        status, said = plain.run(plain.shown.profile_command)
    assert status != 0
    assert "(ExpiredToken)" in said
    assert "The provided token has expired." in said


def test_a_credential_process(plain: User, seaweed: EmbeddedStore, tmp_path: Path) -> None:
    """The CLI asks the command itself for keys, and renews them so; outside is AccessDenied."""
    settings = {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{plain.bucket}/org/",
        "WHEROBOTS_STORAGE_CUSTOMER": "customer-a",
        "WHEROBOTS_STORAGE_ROLE_ARN": seaweed.role_arn,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "AWS_CONFIG_FILE": os.devnull,
    }
    exports = [f"export {name}={snippets.quoted(value)}\n" for name, value in settings.items()]
    vend = f"{sys.executable} -m wherobots_storage credentials --format process"
    script = tmp_path / "vend"
    script.write_text("".join(["#!/bin/bash\n", *exports, f"exec {vend} --path '{FOLDER[3:]}'\n"]))
    script.chmod(0o700)
    plain.paste("")
    profile = ["[profile wherobots]", f"credential_process = {script}", "region = us-east-1"]
    profile += [f"endpoint_url = {seaweed.endpoint_url}", ""]
    (tmp_path / ".aws" / "config").write_text("\n".join(profile))
    status, said = plain.run(plain.shown.profile_command)
    assert status == 0, said
    assert plain.stored() == SMALL
    beside = f"aws --profile=wherobots s3 cp my-data/a.txt s3://{plain.bucket}/org/data/shared/"
    status, said = plain.run(beside)
    assert status != 0
    assert "AccessDenied" in said
