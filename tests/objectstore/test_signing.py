"""Signatures, beside those of botocore for the same requests."""

from __future__ import annotations

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from support.servers import ODD_KEYS

from wherobots_storage.objectstore.signing import Signer

HOST = "s3.example.test:9000"
MOMENT = 1_767_225_599.0
"""A second before midnight UTC."""


class Told(S3SigV4Auth):
    """Botocore's, told what stands for the body."""

    def payload(self, request: AWSRequest) -> str:
        """What goes with the request."""
        return str(request.headers["X-Amz-Content-SHA256"])


def theirs(
    method: str,
    path: str,
    headers: dict[str, str],
    credentials: Credentials,
    stamp: str,
    sha256: str = "UNSIGNED-PAYLOAD",
) -> str:
    """Botocore's Authorization header."""
    request = AWSRequest(method, f"https://{HOST}{path}", headers=headers)
    request.context["timestamp"] = stamp
    request.headers["X-Amz-Content-SHA256"] = sha256
    request.headers["X-Amz-Date"] = stamp
    if credentials.token:
        request.headers["X-Amz-Security-Token"] = credentials.token
    auth = Told(credentials, "s3", "eu-west-1")
    canonical = auth.canonical_request(request)
    return auth.signature(auth.string_to_sign(request, canonical), request)


@pytest.mark.parametrize("token", [None, "session-token"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-amz-meta-a": "1", "if-none-match": "*", "content-length": "5"},
        {"x-amz-meta-spaces": " a  b ", "content-type": "text/plain; charset=utf-8"},
    ],
)
def test_same_as_botocore(token: str | None, headers: dict[str, str]) -> None:
    """Every request is signed as botocore signs it, whatever its headers."""
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI", token)
    given = {"host": HOST, **headers}
    signed = Signer("eu-west-1").sign("PUT", "/b/a%20b", given, credentials, MOMENT)
    expected = theirs("PUT", "/b/a%20b", given, credentials, signed["x-amz-date"])
    assert signed["x-amz-date"] == "20251231T235959Z"
    assert signed["authorization"].endswith(f"Signature={expected}")
    assert signed.get("x-amz-security-token") == token


def test_query_and_body() -> None:
    """A query is part of the signature, and so is the hash of a body that has one; each anew."""
    signer, credentials = Signer("eu-west-1"), Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI")
    for query, sha256 in (("partNumber=7&uploadId=2~a%2Fb", "ab" * 32), ("uploads=", "cd" * 32)):
        signed = signer.sign(
            "PUT", "/b/k", {"host": HOST}, credentials, MOMENT, query=query, sha256=sha256
        )
        stamp = signed["x-amz-date"]
        expected = theirs("PUT", f"/b/k?{query}", {"host": HOST}, credentials, stamp, sha256)
        assert signed["x-amz-content-sha256"] == sha256
        assert signed["authorization"].endswith(f"Signature={expected}")


@pytest.mark.parametrize("name", ODD_KEYS)
def test_paths_are_signed_as_they_are_sent(name: str) -> None:
    """An encoded path is not encoded again."""
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI")
    path = "/b/" + "".join(f"%{byte:02X}" for byte in ODD_KEYS[name].encode())
    signed = Signer("eu-west-1").sign("GET", path, {"host": HOST}, credentials, MOMENT)
    expected = theirs("GET", path, {"host": HOST}, credentials, signed["x-amz-date"])
    assert signed["authorization"].endswith(f"Signature={expected}")


def test_key_of_the_day() -> None:
    """The signing key that is kept is not used past its day, nor for other credentials."""
    signer = Signer("eu-west-1")
    for moment in (MOMENT, MOMENT + 1, MOMENT):
        for secret in ("one", "two", "one"):
            credentials = Credentials("AKIDEXAMPLE", secret)
            signed = signer.sign("GET", "/k", {"host": HOST}, credentials, moment)
            expected = theirs("GET", "/k", {"host": HOST}, credentials, signed["x-amz-date"])
            assert signed["authorization"].endswith(f"Signature={expected}")
