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
from support.awscli import FILES, FOLDER, User
from support.stub_server import Reply, stub_server

from wherobots_storage.credentials import snippets
from wherobots_storage.objectstore.embedded import EmbeddedStore

pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(400)]


@pytest.fixture
def user(aws: Path, seaweed: EmbeddedStore, bucket: str, tmp_path: Path) -> User:
    """A user who has just been handed credentials."""
    one = User(aws, tmp_path, seaweed.environment(), seaweed.role_arn, bucket)
    one.prepare()
    return one


def test_the_block_and_the_command_as_they_are_shown(user: User) -> None:
    """The command uploads a folder, large files in parts, to the folder with the odd name."""
    status, said = user.run(user.shown.profile_command)
    assert status == 0, said
    assert user.stored() == FILES


def test_the_exports_and_their_command_as_they_are_shown(user: User) -> None:
    """In a shell with the exports the other command does the same, without a file or a profile."""
    user.paste("")
    status, said = user.run(user.shown.bash + user.shown.bash_command)
    assert status == 0, said
    assert user.stored() == FILES


def test_sync(user: User) -> None:
    """A sync uploads what is missing, and a second one finds nothing to do."""
    command = f"aws --profile=wherobots s3 sync my-data/ {snippets.quoted(user.uri)}"
    status, said = user.run(command)
    assert (status, user.stored()) == (0, FILES), said
    assert user.run(command) == (0, "")
    back = f"aws --profile=wherobots s3 sync {snippets.quoted(user.uri)} back/"
    status, said = user.run(f"{back} && diff -r my-data back")
    assert status == 0, said


def test_a_folder_outside(user: User) -> None:
    """Another folder, above or beside, is AccessDenied for copying, listing and syncing alike."""
    for folder in ("org/data/shared/", "org/data/customer-a/", "org/data/shared/in coming üx/"):
        uri = snippets.quoted(f"s3://{user.bucket}/{folder}")
        for command in (f"cp my-data/a.txt {uri}", f"ls {uri}", f"sync my-data/ {uri}"):
            status, said = user.run(f"aws --profile=wherobots s3 {command}")
            assert status != 0
            assert "AccessDenied" in said
    assert user.stored() == {}


def test_nothing_is_deleted(user: User) -> None:
    """Upload credentials do not delete, not even by a sync that is told to."""
    assert user.run(user.shown.profile_command)[0] == 0
    uri = snippets.quoted(user.uri)
    sync = f"aws --profile=wherobots s3 sync --delete my-data/ {uri}"
    status, said = user.run(f"rm my-data/a.txt; {sync}")
    assert status != 0
    assert "AccessDenied" in said
    assert user.stored() == FILES


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


def test_an_expired_token(user: User, seaweed: EmbeddedStore) -> None:
    """After the end nothing is uploaded any more; SeaweedFS says that it does not know the key."""
    (line,) = [one for one in user.shown.ini.splitlines() if one.startswith("aws_session_token")]
    token = line.partition(" = ")[2]
    user.paste(user.shown.ini.replace(token, aged(token, seaweed)))
    for command in (user.shown.profile_command, f"aws --profile=wherobots s3 ls '{user.uri}'"):
        status, said = user.run(command)
        assert status != 0
        assert "(InvalidAccessKeyId)" in said
    assert user.stored() == {}
    # The same token, but for its times, was good: it is the end that is refused.
    user.paste(user.shown.ini)
    assert user.run(user.shown.profile_command)[0] == 0


def test_what_is_said_of_an_expired_token_where_the_store_says_so(user: User) -> None:
    """With the answer that AWS gives, the CLI's message is a sentence about the expiry."""
    said_by_aws = b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired."
    with stub_server() as stub:
        stub.answer = lambda _: Reply(400, said_by_aws + b"</Message></Error>")
        block = user.shown.ini.splitlines()
        lines = [f"endpoint_url = {stub.url}" if "endpoint_url" in one else one for one in block]
        user.paste("\n".join(lines) + "\n")
        status, said = user.run(user.shown.profile_command)
    assert status != 0
    assert "(ExpiredToken)" in said
    assert "The provided token has expired." in said


def test_a_credential_process(user: User, seaweed: EmbeddedStore, tmp_path: Path) -> None:
    """The CLI asks the command itself for keys, and renews them so; outside is AccessDenied."""
    settings = {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{user.bucket}/org/",
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
    user.paste("")
    profile = ["[profile wherobots]", f"credential_process = {script}", "region = us-east-1"]
    profile += [f"endpoint_url = {seaweed.endpoint_url}", ""]
    (tmp_path / ".aws" / "config").write_text("\n".join(profile))
    status, said = user.run(user.shown.profile_command)
    assert status == 0, said
    assert user.stored() == FILES
    beside = f"aws --profile=wherobots s3 cp my-data/a.txt s3://{user.bucket}/org/data/shared/"
    status, said = user.run(beside)
    assert status != 0
    assert "AccessDenied" in said
