"""What only ``doctor`` asks of a bucket: how it is set up, and what time the store has."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol

import urllib3
from botocore.exceptions import ClientError
from urllib3.response import BaseHTTPResponse

from wherobots_storage.errors import NoCredentials, NotFound, NotSupported
from wherobots_storage.objectstore.connection import Connection
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.s3_errors import translated
from wherobots_storage.objectstore.sessions import SESSION_METHOD
from wherobots_storage.objectstore.store import ObjectStore

SOURCES = {
    "assume-role": "a role of the profile (assume-role)",
    "assume-role-with-web-identity": "a web identity's role (AWS_WEB_IDENTITY_TOKEN_FILE)",
    "boto-config": "boto's configuration file",
    "config-file": "the AWS config file",
    "container-role": "the container's credentials endpoint",
    "custom-process": "the profile's credential_process",
    "env": "the environment (AWS_ACCESS_KEY_ID)",
    "iam-role": "this machine's role (instance metadata)",
    "login": "the profile's sign-in (aws login)",
    "shared-credentials-file": "the AWS credentials file",
    "sso": "the profile's single sign-on",
    SESSION_METHOD: "the source of the user's sessions, for the user's folders only",
}
"""botocore's names of its credential providers (botocore/credentials.py, METHOD), in words."""


PROBE_SECONDS = 10
"""For so long the URLs hold with which things are tried; so long is an answer waited for."""


class Inspection(Protocol):
    """Facts about one bucket. Any method may raise what ObjectStore's methods may."""

    @property
    def endpoint(self) -> str:
        """The URL that requests go to."""
        ...

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        ...

    def credentials_source(self) -> str:
        """Where the SDK finds credentials, in words. Raises NoCredentials."""
        ...

    def server_time(self) -> float | None:
        """The store's clock, in seconds since the epoch; None when it does not say."""
        ...

    def versioning(self) -> str:
        """``Enabled``, ``Suspended``, or empty when it was never enabled."""
        ...

    def clears_unfinished_uploads(self) -> bool:
        """Whether a lifecycle rule aborts incomplete multipart uploads."""
        ...

    def served_over_http(self, key: str) -> bool | None:
        """Whether an object can be had by plain http; None where nothing answers to that."""
        ...

    def shown_to_pages(self, key: str, origin: str) -> bool | None:
        """Whether a page of ``origin`` may read an object; None when it cannot be tried."""
        ...


class BucketInspection:
    """The Inspection of a bucket by its connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def endpoint(self) -> str:
        """The URL that requests go to."""
        return self._connection.endpoint_url

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return self._connection.region

    def credentials_source(self) -> str:
        """Where the SDK finds credentials, in words. Raises NoCredentials."""
        with translated(self._connection.where):
            found = self._connection.found_credentials()
        if found is None:
            message = (
                "No AWS credentials were found: not in the environment, the AWS files, nor from "
                "a role of this machine."
            )
            raise NoCredentials(message)
        return SOURCES.get(str(found.method), str(found.method))

    def server_time(self) -> float | None:
        """The Date header of an answer (RFC 9110, whole seconds)."""
        with translated(self._connection.where):
            try:
                answer: Any = self._connection.client.head_bucket(Bucket=self._connection.bucket)
            except ClientError as error:
                answer = error.response
                # A user's session may not ask for the bucket as a whole; the refusal has a date.
                if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.FORBIDDEN:
                    raise
        said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        try:
            return None if said is None else parsedate_to_datetime(said).timestamp()
        except ValueError:
            return None

    def versioning(self) -> str:
        """``Enabled``, ``Suspended``, or empty when it was never enabled."""
        answer = self._connection.call(self._connection.client.get_bucket_versioning)
        return str(answer.get("Status", ""))

    def clears_unfinished_uploads(self) -> bool:
        """Whether an enabled lifecycle rule has AbortIncompleteMultipartUpload."""
        rules: list[Any] = []
        try:
            client = self._connection.client
            answer = self._connection.call(client.get_bucket_lifecycle_configuration)
            rules = list(answer["Rules"])
        except NotFound:
            # NoSuchLifecycleConfiguration: there is none.
            return False
        return any(
            rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule
            for rule in rules
        )

    def served_over_http(self, key: str) -> bool | None:
        """Ask for it as the endpoint is asked, but without TLS, by a URL that holds seconds only.

        None for what is no answer of a store's, such as a proxy's redirection to https.
        """
        answer = self._ask("http://" + self._presigned(key).partition("://")[2])
        if answer is None or answer.status not in {HTTPStatus.OK, HTTPStatus.FORBIDDEN}:
            return None
        return answer.status == HTTPStatus.OK

    def shown_to_pages(self, key: str, origin: str) -> bool | None:
        """Ask as a browser does for a page, and read whether it may hand the answer on (CORS)."""
        answer = self._ask(self._presigned(key), {"Origin": origin})
        if answer is None or answer.status != HTTPStatus.OK:
            return None
        return answer.headers.get("Access-Control-Allow-Origin") in {origin, "*"}

    def _presigned(self, key: str) -> str:
        asked = {"Bucket": self._connection.bucket, "Key": key}
        with translated(self._connection.where):
            return self._connection.client.generate_presigned_url(
                "get_object", Params=asked, ExpiresIn=PROBE_SECONDS
            )

    @staticmethod
    def _ask(url: str, headers: Mapping[str, str] | None = None) -> BaseHTTPResponse | None:
        try:
            return urllib3.request(
                "GET", url, headers=headers, timeout=PROBE_SECONDS, redirect=False, retries=False
            )
        except (urllib3.exceptions.HTTPError, OSError):
            return None


def inspect_store(store: ObjectStore) -> Inspection:
    """The inspection of an opened bucket. Raises NotSupported for a store that is not S3."""
    if not isinstance(store, S3Store):
        raise NotSupported("Only S3 buckets can be looked into.")
    return BucketInspection(store.connection)
