"""Credentials from STS: a role assumed with a session policy, or with a web identity's token.

Ceph, SeaweedFS and others answer STS at the same endpoint as S3. Where only S3's endpoint is
configured, STS is therefore asked there, and not at AWS, which would know nothing of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import botocore
import botocore.exceptions as sdk
import botocore.session
from botocore.config import Config
from botocore.parsers import ResponseParserError

from wherobots_storage import errors as ours
from wherobots_storage.credentials.source import CHAINED_SECONDS, Credentials, check_seconds
from wherobots_storage.credentials.sts_codes import CODES, MESSAGES, STATUSES, Kind
from wherobots_storage.namespace.deployment import TAG
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.hosts import without_login
from wherobots_storage.objectstore.patience import make_patient
from wherobots_storage.objectstore.s3_errors import Where, from_exception

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_MAX_TOKEN_BYTES = 20_000
"""STS takes web identity tokens of up to 20,000 characters (STS API reference)."""

CONNECT_SECONDS, READ_SECONDS = 10, 20
"""How long a connection, and the next byte of an answer, is waited for."""

BY_KEYS = "the credentials of the server itself"
BY_IDENTITY = "the identity token: its issuer, subject, audience and end"
"""What a server shows to STS. Ceph's gateway (16) refuses a token without saying what for."""


class AssumeRole:
    """A CredentialSource: a role, assumed with the credentials that the SDK finds.

    ``session_name`` tells in the store's own log whose session it is. ``customer`` is the tag that
    one role of AWS for all customers asks for (``policy --all``). One for a single customer may
    not let a session be tagged: what is refused with the tag is tried without. ``kms_key``: the ARN
    of the key with which the bucket encrypts; sessions then have the right to it, too.
    """

    def __init__(
        self,
        client: STSClient,
        role_arn: str,
        session_name: str,
        *,
        customer: str | None = None,
        kms_key: str | None = None,
    ) -> None:
        self._client = client
        self._role_arn = role_arn
        self._session_name = role_session_name(session_name)
        self._kms_key = kms_key
        wanted = customer is not None and is_aws(client.meta.endpoint_url)
        self._tags = [{"Key": TAG, "Value": customer}] if wanted else []

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Assume the role with the scope's policy. Raises as CredentialSource says."""
        check_seconds(seconds)
        arguments: dict[str, Any] = {
            "RoleArn": self._role_arn,
            "RoleSessionName": self._session_name,
            "Policy": scope.policy(_partition(self._role_arn), self._kms_key),
            "DurationSeconds": seconds,
        }
        asked = _Asked(self._client, self._role_arn, scope, seconds, BY_KEYS)
        if self._tags:
            tagged = {**arguments, "Tags": self._tags}
            with contextlib.suppress(ours.AccessDenied):
                return asked.credentials(lambda: self._client.assume_role(**tagged))
        return asked.credentials(lambda: self._client.assume_role(**arguments))


class AssumeRoleWithWebIdentity:
    """A CredentialSource: a role, assumed with the token in a file.

    The file is read each time, since whoever writes it (a kubelet, say) renews it.
    """

    def __init__(
        self,
        client: STSClient,
        role_arn: str,
        session_name: str,
        token_file: Path,
        *,
        kms_key: str | None = None,
    ) -> None:
        self._client = client
        self._role_arn = role_arn
        self._session_name = role_session_name(session_name)
        self._token_file = token_file
        self._kms_key = kms_key

    def vend(self, scope: Scope, seconds: int) -> Credentials:
        """Assume the role with the scope's policy. Raises as CredentialSource says.

        Raises NoCredentials when the token cannot be read.
        """
        check_seconds(seconds)
        arguments: dict[str, Any] = {
            "RoleArn": self._role_arn,
            "RoleSessionName": self._session_name,
            "WebIdentityToken": _read_token(self._token_file),
            "Policy": scope.policy(_partition(self._role_arn), self._kms_key),
            "DurationSeconds": seconds,
        }
        asked = _Asked(self._client, self._role_arn, scope, seconds, BY_IDENTITY)
        return asked.credentials(lambda: self._client.assume_role_with_web_identity(**arguments))


def open_client(environment: Mapping[str, str] | None = None, *, signed: bool = True) -> STSClient:
    """STS by the SDK's own configuration, before which ``environment``'s variables go.

    ``signed`` is False for web identity, whose token is all that is shown. Raises
    InvalidConfiguration for a configuration that cannot be used.
    """
    given = environment or {}
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        signature_version=None if signed else botocore.UNSIGNED,
    )
    try:
        session = _session(given)
        make_patient(session, connect=CONNECT_SECONDS, read=READ_SECONDS)
        if not signed:
            # Nothing is signed with these: else the SDK's chain is looked through, which raises
            # where there is a token and no AWS_ROLE_ARN.
            session.set_credentials("unsigned", "unsigned")
        endpoint = given.get("AWS_ENDPOINT_URL") or _endpoint(session)
        made: Any = session.create_client(
            "sts", config=config, endpoint_url=endpoint and without_login(endpoint)
        )
        client: STSClient = made
    except sdk.BotoCoreError as error:
        raise from_exception(error, Where("", "STS", "")) from None
    return client


def role_session_name(name: str) -> str:
    """``name`` as STS takes it: 2 to 64 of its characters; longer ones end in their hash."""
    clean = re.sub(r"[^\w+=,.@-]", "-", name, flags=re.ASCII)
    if clean == name and _SESSION_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:16]
    return f"{clean[:47]}-{digest}"


def _session(given: Mapping[str, str]) -> botocore.session.Session:
    session = botocore.session.Session()
    if "AWS_ACCESS_KEY_ID" in given:
        session.set_credentials(
            given["AWS_ACCESS_KEY_ID"],
            given["AWS_SECRET_ACCESS_KEY"],
            given.get("AWS_SESSION_TOKEN"),
        )
    with contextlib.suppress(KeyError):
        session.set_config_variable("region", given["AWS_REGION"])
    if not session.get_config_variable("region"):
        session.set_config_variable("region", "us-east-1")
    return session


def _endpoint(session: botocore.session.Session) -> str | None:
    """STS's own endpoint, or that of S3 where only that one is not AWS; None for AWS."""
    s3_url = str(session.create_client("s3").meta.endpoint_url)
    sts_url = str(session.create_client("sts").meta.endpoint_url)
    found = s3_url if is_aws(sts_url) else sts_url
    return None if is_aws(found) else found


def is_aws(url: str) -> bool:
    """Whether an endpoint is one of AWS's own."""
    host = urlsplit(url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _partition(role_arn: str) -> str:
    return role_arn.split(":")[1]


def _read_token(path: Path) -> str:
    try:
        with path.open("rb") as file:
            token = file.read(_MAX_TOKEN_BYTES + 1).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"The identity token in {path} cannot be read ({type(error).__name__})."
        raise ours.NoCredentials(message) from None
    if not token or len(token) > _MAX_TOKEN_BYTES:
        raise ours.NoCredentials(f"The file {path} holds no identity token.")
    return token


class _Asked:
    """One request to STS, and what its failure means."""

    def __init__(
        self, client: STSClient, role_arn: str, scope: Scope, seconds: int, shown: str
    ) -> None:
        self._shown = shown
        self._host = urlsplit(client.meta.endpoint_url).netloc
        self._region = str(client.meta.region_name)
        self._role_arn = role_arn
        self._scope = scope
        self._seconds = seconds

    def credentials(self, ask: Callable[[], Any]) -> Credentials:
        """Ask, and read the answer. Raises StorageError; the SDK's own error stays out."""
        try:
            return self._read(ask())
        except sdk.ClientError as error:
            raise self._refusal(error) from None
        except (sdk.BotoCoreError, ResponseParserError) as error:
            raise from_exception(error, self._where()) from None

    def _read(self, answer: Mapping[str, Any]) -> Credentials:
        try:
            found = answer["Credentials"]
            parts = [
                str(found[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")
            ]
            expiration = float(found["Expiration"].timestamp())
        except (KeyError, TypeError, AttributeError):
            message = f"The answer of {self._host} holds no credentials."
            raise ours.UnexpectedAnswer(message) from None
        # They are written to files and shells: a line feed in one would be a line of its own.
        if not all(re.fullmatch(r"[!-~]+", part) for part in parts):
            raise ours.UnexpectedAnswer(f"{self._host} gave credentials that cannot be used.")
        return Credentials(parts[0], parts[1], parts[2], expiration)

    def _refusal(self, error: sdk.ClientError) -> ours.StorageError:
        answer: Mapping[str, Any] = error.response
        code = str(answer.get("Error", {}).get("Code", ""))
        status = int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        kind = CODES.get(code)
        if kind is None and code in {"", "Unknown", str(status)}:
            kind = STATUSES.get(status)
        if kind is None:
            return from_exception(error, self._where())
        vague = kind is ours.InvalidInput and code != "MalformedPolicyDocument"
        if vague and self._seconds > CHAINED_SECONDS:
            # The likelier reason: it is more than every role gives.
            return ours.InvalidInput(self._too_long())
        return kind(self._message(kind))

    def _too_long(self) -> str:
        return (
            f"{self._host} does not give the role {self._role_arn} for {self._seconds:,} seconds. "
            f"Ask for {CHAINED_SECONDS:,} or less: a role assumed by another has an hour, others "
            "have what their maximum session duration says."
        )

    def _message(self, kind: Kind) -> str:
        return MESSAGES[kind].format(
            host=self._host,
            role=self._role_arn,
            scope=self._scope.name,
            seconds=self._seconds,
            shown=self._shown,
        )

    def _where(self) -> Where:
        return Where(self._scope.bucket, self._host, self._region)
