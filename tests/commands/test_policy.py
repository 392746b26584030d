from __future__ import annotations

import json

import pytest

from wherobots_storage.cli import main

TENANT = ["--root", "s3://bucket/org/", "--customer", "customer-a"]
FOR_CEPH = ["policy", "--for", "ceph", "--principal", "hub"]


def test_everything_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    """The documents are JSON on standard output; the notes stand on standard error too."""
    assert main([*FOR_CEPH, *TENANT]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert set(found) == {"permissionPolicy", "trustPolicy", "bucketPolicy", "lifecycle", "notes"}
    assert "customer-a/*" in shown.out
    assert shown.err.splitlines() == found["notes"]


def test_one_document_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """With --only the output is what a store's own tools take."""
    assert main([*FOR_CEPH, *TENANT, "--only", "trustPolicy"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["Statement"][0]["Principal"] == {"AWS": ["arn:aws:iam:::user/hub"]}


def test_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is one line, with the same content."""
    main([*FOR_CEPH, *TENANT])
    pretty = capsys.readouterr().out
    main([*FOR_CEPH, *TENANT, "--json"])
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line) == json.loads(pretty)


def test_an_administrator_is_no_customer(capsys: pytest.CaptureFixture[str]) -> None:
    """For all customers the root is enough."""
    arguments = ["policy", "--for", "aws", "--all", "--root", "s3://bucket/org/"]
    assert main([*arguments, "--principal", "arn:aws:iam::123456789012:user/hub"]) == 0
    assert "${aws:PrincipalTag/customer}" in capsys.readouterr().out


KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FOR_AWS = ["policy", "--for", "aws", "--principal", "arn:aws:iam::123456789012:user/hub"]


@pytest.mark.parametrize("whose", [["--all", "--root", "s3://bucket/org/"], TENANT])
@pytest.mark.parametrize("how", ["flag", "setting"])
def test_the_key_of_the_bucket(
    whose: list[str],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The role's statement for a KMS key is printed when one is named, or configured."""
    if how == "setting":
        monkeypatch.setenv("WHEROBOTS_STORAGE_KMS_KEY", KEY)
    more = ["--kms-key", KEY] if how == "flag" else []
    assert main([*FOR_AWS, *whose, *more, "--only", "permissionPolicy"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [KEY] in [one["Resource"] for one in found["Statement"]]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--only", "nothing"], "permissionPolicy, trustPolicy"),
        (["--role", "a b"], "role's name"),
        (["--principal", "*"], "one principal"),
        (["--kms-key", KEY], "Only AWS"),
        (["--kms-key", KEY.replace("key/", "alias/")], "no alias"),
    ],
)
def test_what_cannot_be_exits_with_2(
    more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong name is told on standard error, with nothing on standard output."""
    assert main([*FOR_CEPH, *TENANT, *more]) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.out == ""


def test_without_a_root(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a root the error says what to set."""
    assert main(FOR_CEPH) == 2
    assert "WHEROBOTS_STORAGE_ROOT" in capsys.readouterr().err
