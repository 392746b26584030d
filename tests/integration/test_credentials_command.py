"""``wherobots-storage credentials``, whole: as its user calls it, on SeaweedFS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from wherobots_storage.cli import main
from wherobots_storage.credentials.snippets import FORMATS, Place
from wherobots_storage.credentials.sts import AssumeRole, open_client
from wherobots_storage.credentials.vending import Vendor
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore import embedded_config
from wherobots_storage.objectstore.embedded import EmbeddedStore
from wherobots_storage.settings import Tenancy

pytestmark = [pytest.mark.store, pytest.mark.usefixtures("user")]

PROGRAM = f"{sys.executable} -m wherobots_storage"
TOUCH = """
import boto3, sys
s3 = boto3.session.Session(profile_name=sys.argv[3] if len(sys.argv) > 3 else None).client("s3")
for prefix in ("org/data/shared/in/", "org/data/shared/"):
    try:
        s3.put_object(Bucket=sys.argv[1], Key=prefix + sys.argv[2], Body=b"1")
        print("put")
    except Exception as error:
        print(type(error).__name__)
"""


@pytest.fixture
def user(seaweed: EmbeddedStore, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration of a user whose server may assume the store's role."""
    found = {
        **seaweed.environment(),
        "WHEROBOTS_STORAGE_ROOT": f"s3://{bucket}/org/",
        "WHEROBOTS_STORAGE_CUSTOMER": "customer-a",
        "WHEROBOTS_STORAGE_ROLE_ARN": seaweed.role_arn,
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)


def vended(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, str]:
    """The credentials of a run with --json."""
    assert main(["credentials", "--json", *arguments]) == 0
    found: dict[str, str] = json.loads(capsys.readouterr().out)
    return found


def bash(script: str, folder: Path) -> list[str]:
    """The lines that a script prints in bash, in the test's environment."""
    (folder / "touch.py").write_text(TOUCH)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_exports_in_a_shell(bucket: str, tmp_path: Path) -> None:
    """What is exported works in the folder that was named, and in no other."""
    vend = f"{PROGRAM} credentials --path /data/shared/in/"
    assert bash(f'eval "$({vend})"; {sys.executable} touch.py {bucket} a', tmp_path) == [
        "put",
        "AccessDenied",
    ]


def test_the_credentials_file(bucket: str, tmp_path: Path) -> None:
    """The block works as a profile by itself: keys, endpoint and region are in it."""
    script = f"""
    {PROGRAM} credentials --path /data/shared/in/ --format ini > credentials 2> notes
    grep -q 's3 cp --recursive my-data/ s3://{bucket}/org/data/shared/in/' notes
    unset AWS_ENDPOINT_URL AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export AWS_SHARED_CREDENTIALS_FILE=$PWD/credentials
    {sys.executable} touch.py {bucket} b wherobots
    """
    assert bash(script, tmp_path) == ["put", "AccessDenied"]


def test_a_credential_process(bucket: str, tmp_path: Path) -> None:
    """A profile with the command as its credential_process has the session, not the server's."""
    script = f"""
    printf '[profile p]\\ncredential_process = %s\\n' "$PWD/vend" > config
    printf '#!/bin/bash\\nexport AWS_ACCESS_KEY_ID=%s\\n' "$AWS_ACCESS_KEY_ID" > vend
    printf 'export AWS_SECRET_ACCESS_KEY=%s AWS_CONFIG_FILE=\\n' "$AWS_SECRET_ACCESS_KEY" >> vend
    echo '{PROGRAM} credentials --path /data/shared/in/ --format process' >> vend
    chmod 700 vend
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    export AWS_CONFIG_FILE=$PWD/config
    {sys.executable} touch.py {bucket} c p
    """
    assert bash(script, tmp_path) == ["put", "AccessDenied"]


def test_all_folders_by_default(
    seaweed: EmbeddedStore,
    bucket: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a path the credentials are for the user's folders; the lifetime is as asked."""
    found = vended(capsys, "--seconds", "900", "--access", "write")
    assert found["endpointUrl"] == seaweed.endpoint_url
    s3 = boto3.client(
        "s3",
        endpoint_url=found["endpointUrl"],
        region_name=found["region"],
        aws_access_key_id=found["accessKeyId"],
        aws_secret_access_key=found["secretAccessKey"],
        aws_session_token=found["sessionToken"],
    )
    for prefix in ("org/data/customer-a/", "org/notebooks/shared/", "org/spark-logs/"):
        s3.put_object(Bucket=bucket, Key=f"{prefix}f", Body=b"1")
        s3.delete_object(Bucket=bucket, Key=f"{prefix}f")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key="org/data/customer-b/f", Body=b"1")
    left = time.strptime(found["expiration"], "%Y-%m-%dT%H:%M:%SZ")
    assert 800 < time.mktime(left) - time.mktime(time.gmtime()) <= 960


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["--path", "/data/customer-b/"], 1, "outside your folders"),
        (["--path", "/data/"], 1, "read-only"),
        (["--path", "data"], 2, "begins with '/'"),
        (["--path", "/data/shared/a*/"], 2, "Rename the folder"),
        (["--json", "--format", "ini"], 2, "exclude each other"),
    ],
)
def test_refusals(
    arguments: list[str],
    status: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What cannot be had is told in a sentence, and standard output stays empty."""
    assert main(["credentials", *arguments]) == status
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("seconds", ["0", "899", "43201", "1h"])
def test_impossible_lifetimes(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A lifetime that no store gives is a usage error."""
    with pytest.raises(SystemExit) as caught:
        main(["credentials", "--seconds", seconds])
    assert caught.value.code == 2
    assert "--seconds" in capsys.readouterr().err


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A SeaweedFS whose role gives sessions of an hour at most."""
    made = embedded_config._roles

    def an_hour(keys: embedded_config.Keys) -> dict[str, Any]:
        found = made(keys)
        return found | {"sts": found["sts"] | {"maxSessionLength": "1h"}}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_config, "_roles", an_hour)
        with EmbeddedStore(tmp_path_factory.mktemp("strict")) as running:
            yield running


def test_more_than_the_store_gives(
    strict: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asked for and what may be is told; the panel offers an hour at most there."""
    for name, value in strict.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["credentials", "--seconds", "7200", "--json"]) == 2
    shown = capsys.readouterr()
    assert "for 7,200 seconds. Ask for 3,600 or less" in shown.err
    assert "accessKeyId" not in shown.out
    source = AssumeRole(open_client(), strict.role_arn, "customer-a")
    tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
    vendor = Vendor(tenancy, lambda: source, lambda uri: Place(uri, "us-east-1"))
    assert vendor.longest() == 3600


def test_as_long_as_the_store_gives(seaweed: EmbeddedStore) -> None:
    """Where it gives twelve hours, those are offered."""
    source = AssumeRole(open_client(), seaweed.role_arn, "customer-a")
    tenancy = Tenancy(Root("bucket", "org/"), "customer-a")
    vendor = Vendor(tenancy, lambda: source, lambda uri: Place(uri, "us-east-1"))
    assert vendor.longest() == 43_200


def test_without_a_role(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a role nothing is handed out, least of all the server's own keys."""
    monkeypatch.delenv("WHEROBOTS_STORAGE_ROLE_ARN")
    assert main(["credentials"]) == 2
    shown = capsys.readouterr()
    assert "WHEROBOTS_STORAGE_ROLE_ARN" in shown.err
    assert shown.out == ""


def test_a_role_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A role that the store does not give is told, with what to check."""
    monkeypatch.setenv("WHEROBOTS_STORAGE_ROLE_ARN", "arn:aws:iam::role/missing")
    assert main(["credentials"]) == 1
    assert "trust policy" in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMATS)
def test_no_secret_but_on_standard_output(
    seaweed: EmbeddedStore,
    form: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Standard error has no secret; the server's own key is on neither."""
    assert main(["credentials", "--format", form]) == 0
    shown = capsys.readouterr()
    assert seaweed.secret_key not in shown.out + shown.err
    words = [word.strip("\"',") for word in shown.out.replace("=", " ").split()]
    secrets = [word for word in words if len(word) > 30]
    assert secrets
    assert not any(secret in shown.err for secret in secrets)
