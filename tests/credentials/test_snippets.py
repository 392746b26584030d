from __future__ import annotations

import configparser
import json
import subprocess
from pathlib import Path

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import FORMATS, Place
from wherobots_storage.credentials.source import Credentials

KEYS = Credentials("AKIDEXAMPLE", "se/cr+et==", "to/ken+with==/many", 1_800_000_000.0)
AWS = Place("s3://bucket/org/data/customer-a/", "eu-central-1")
OWN = Place("s3://bucket/org/data/customer-a/", "us-east-1", "http://127.0.0.1:8333")

text = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30)


def in_bash(script: str) -> str:
    """What a script prints in a real bash with nothing in its environment."""
    done = subprocess.run(
        ["bash", "--norc", "-c", script], env={}, capture_output=True, check=True, timeout=100
    )
    return done.stdout.decode("utf-8")


def test_the_credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore reads the block as it stands: keys, token, region and endpoint of the profile."""
    file = tmp_path / "credentials"
    file.write_text(snippets.ini(KEYS, OWN))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    session = botocore.session.Session(profile="wherobots")
    found = session.get_credentials()
    assert found is not None
    frozen = found.get_frozen_credentials()
    assert frozen.access_key == KEYS.access_key_id
    assert frozen.secret_key == KEYS.secret_access_key
    assert frozen.token == KEYS.session_token
    client = session.create_client("s3")
    assert client.meta.endpoint_url == OWN.endpoint_url
    assert client.meta.region_name == OWN.region
    assert session.get_config_variable("request_checksum_calculation") == "when_required"


def test_the_credentials_file_for_aws() -> None:
    """For AWS there is no endpoint to set, and the secret's name is the one that SDKs know."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(snippets.ini(KEYS, AWS))
    assert dict(parser["wherobots"]) == {
        "aws_access_key_id": KEYS.access_key_id,
        "aws_secret_access_key": KEYS.secret_access_key,
        "aws_session_token": KEYS.session_token,
        "region": "eu-central-1",
    }


def test_the_validity_is_told_in_the_file() -> None:
    """Whoever opens the file later sees how long it was valid."""
    assert "# valid until 2027-01-15T08:00:00Z" in snippets.ini(KEYS, AWS)


def test_bash_exports() -> None:
    """A real bash takes the export lines, and its children see the values unchanged."""
    script = snippets.bash(KEYS, OWN) + "env"
    lines = dict(line.split("=", 1) for line in in_bash(script).splitlines())
    assert {name: lines[name] for name in lines if name.startswith("AWS_")} == {
        "AWS_ACCESS_KEY_ID": KEYS.access_key_id,
        "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
        "AWS_SESSION_TOKEN": KEYS.session_token,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:8333",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }


def test_bash_exports_are_kept_out_of_the_history() -> None:
    """Each line begins with the space that tells bash not to remember it."""
    script = "set -o history; HISTCONTROL=ignorespace\n"
    told = in_bash(f"{script}{snippets.bash(KEYS, OWN)}history\necho known\nhistory")
    assert "echo known" in told
    assert KEYS.secret_access_key not in told
    assert "export" not in told


def test_powershell_assignments() -> None:
    """PowerShell's lines assign quoted strings, since a bare word would be a command."""
    assert snippets.powershell(KEYS, AWS).splitlines() == [
        "$env:AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE'",
        "$env:AWS_SECRET_ACCESS_KEY = 'se/cr+et=='",
        "$env:AWS_SESSION_TOKEN = 'to/ken+with==/many'",
        "$env:AWS_REGION = 'eu-central-1'",
        "$env:AWS_DEFAULT_REGION = 'eu-central-1'",
    ]


def test_credential_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore's own process provider takes the answer."""
    answer = tmp_path / "answer.json"
    answer.write_text(snippets.process(KEYS, OWN))
    config = tmp_path / "config"
    config.write_text(f"[profile p]\ncredential_process = cat {answer}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    found = botocore.session.Session(profile="p").get_credentials()
    assert found is not None
    frozen = found.get_frozen_credentials()
    assert (frozen.access_key, frozen.token) == (KEYS.access_key_id, KEYS.session_token)
    assert json.loads(answer.read_text())["Version"] == 1


def test_json() -> None:
    """The JSON has everything that a program of one's own needs."""
    assert json.loads(snippets.as_json(KEYS, OWN)) == {
        "accessKeyId": "AKIDEXAMPLE",
        "secretAccessKey": "se/cr+et==",
        "sessionToken": "to/ken+with==/many",
        "expiration": "2027-01-15T08:00:00Z",
        "region": "us-east-1",
        "uri": "s3://bucket/org/data/customer-a/",
        "endpointUrl": "http://127.0.0.1:8333",
    }


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_written(form: snippets.Format) -> None:
    """Each format has the keys in it and ends with one line feed."""
    shown = snippets.render(form, KEYS, AWS)
    assert KEYS.secret_access_key in shown
    assert shown.endswith("\n")
    assert not shown.endswith("\n\n")


def test_the_command() -> None:
    """The command uploads a folder with the profile of the block."""
    assert (
        snippets.command(AWS)
        == "aws --profile=wherobots s3 cp --recursive my-data/ s3://bucket/org/data/customer-a/"
    )


def test_the_command_for_the_shells_variables() -> None:
    """Where variables hold the keys the command names no profile, which might not be there."""
    place = Place("s3://bucket/it's/", "r")
    assert (
        snippets.command(place, profile=False)
        == """aws s3 cp --recursive my-data/ 's3://bucket/it'"'"'s/'"""
    )
    assert (
        snippets.command(place, "powershell", profile=False)
        == "aws s3 cp --recursive 'my-data/' 's3://bucket/it''s/'"
    )


@settings(deadline=None, max_examples=40)
@given(text)
def test_bash_quoting(name: str) -> None:
    """Whatever a folder is called, bash gets it back as one unchanged word."""
    assert in_bash("printf %s " + snippets.quoted(name)) == name


@given(text)
def test_no_control_character_reaches_a_terminal(name: str) -> None:
    """What is pasted is one line without a character that a terminal obeys."""
    for shell in ("bash", "powershell"):
        pasted = snippets.command(Place(f"s3://bucket/{name}/", "r"), shell)
        assert pasted.isprintable()


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("a b", "'a b'"),
        ("it's", "'it''s'"),
        ("it’s", "'it’’s'"),  # noqa: RUF001 - PowerShell takes it for a quote
        ("$(rm)", "'$(rm)'"),
        ("a,b", "'a,b'"),
        ('esc\x1b$x`"', '"esc$([char]::ConvertFromUtf32(27))`$x```""'),
    ],
)
def test_powershell_quoting(name: str, quoted: str) -> None:
    """Names are literal strings in PowerShell; control characters are computed, not pasted."""
    assert snippets.quoted(name, "powershell") == quoted
