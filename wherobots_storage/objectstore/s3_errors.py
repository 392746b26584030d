"""Every way in which the AWS SDK and S3-compatible servers say no, as one of our errors.

Three tables, most telling first: the error code in the answer's body, the HTTP status (some
servers send no body, and HEAD never has one), and botocore's own exceptions. Messages say what to
do, and are written here: nothing of the server's text is quoted, since an answer to a bad
signature carries the access key and the string that was signed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import botocore.exceptions as sdk
from botocore.parsers import ResponseParserError

from wherobots_storage import errors as ours
from wherobots_storage.objectstore.s3_codes import CODES, STATUSES, Kind


@dataclass(frozen=True, slots=True)
class Where:
    """What a message may name: the bucket, the endpoint's host and the region of requests."""

    bucket: str
    host: str
    region: str


_KEY_ACTION = re.compile(r"\bkms:[A-Z]")

_RETRY = "Try again in a moment."
_KEYS = "Check the AWS credentials (the keys, or the profile they come from)."

MESSAGES: Mapping[Kind, str] = {
    ours.AccessDenied: (
        "The object store refused this: these credentials do not allow it in bucket {bucket}. "
        "Ask whoever manages the bucket for the right."
    ),
    ours.AlreadyExists: "Something with that name exists already in the object store.",
    ours.ClockSkew: (
        "This machine's clock differs too much from the object store's ({host}). "
        "Set the clock (for example with NTP) and try again."
    ),
    ours.ConcurrentChange: f"Another request changed the same object at the same time. {_RETRY}",
    ours.CredentialsError: f"The credentials could not be used. {_KEYS}",
    ours.ExpiredCredentials: (
        "The credentials have expired. Get new ones (sign in again, or restart the session)."
    ),
    ours.InvalidConfiguration: (
        "The AWS configuration cannot be used ({detail}). Check the AWS_* variables, "
        "~/.aws/config and ~/.aws/credentials."
    ),
    ours.InvalidCredentials: f"The object store {{host}} does not know these credentials. {_KEYS}",
    ours.InvalidInput: "The object store cannot do this request as it was asked ({detail}).",
    ours.InvalidPath: "The object store does not take this name ({detail}). Choose another.",
    ours.KeyDenied: (
        "The object store refused this: bucket {bucket} is encrypted with a KMS key that these "
        "credentials may not use, or that is disabled. Ask whoever manages the bucket."
    ),
    ours.LocalIOError: "A local file or body could not be read ({detail}).",
    ours.NoCredentials: (
        "No AWS credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
        "AWS_PROFILE, or a role for this machine."
    ),
    ours.NoSuchBucket: "There is no bucket {bucket} at {host}. Check the name and the endpoint.",
    ours.NoSuchUpload: "This upload is unknown to the object store: finished, or given up.",
    ours.NotFound: "There is no such object.",
    ours.NotSupported: "The object store at {host} cannot do this ({detail}).",
    ours.PreconditionFailed: "The object is not in the state that was expected: it has changed.",
    ours.RangeNotSatisfiable: "The range that was asked for lies outside the object.",
    ours.SlowDown: f"The object store {{host}} asks for fewer requests. {_RETRY}",
    ours.StoreError: "The object store {host} failed ({detail}).",
    ours.StoreUnavailable: (
        "The object store {host} is not reachable, or failed ({detail}). "
        "Check the network and the endpoint (AWS_ENDPOINT_URL), then try again."
    ),
    ours.StoreTimeout: (
        "The object store {host} did not answer in time ({detail}). Check the network; if it is "
        "slow only, it is tried again with fewer requests at once."
    ),
    ours.TooLarge: "This is beyond a limit of the object store ({detail}).",
    ours.UnexpectedAnswer: "The object store {host} gave an answer nobody foresaw ({detail}).",
    ours.UploadInterrupted: "The upload's body ended before its size, or was damaged. Try again.",
    ours.WrongRegion: (
        "The bucket {bucket} does not live in the region {region}{hint}. "
        "Set AWS_REGION to the bucket's region."
    ),
}
"""What each error says. ``detail`` is a code, a status or an exception's name."""


EXCEPTIONS: Mapping[type[Exception], Kind] = {
    sdk.ApiVersionNotFoundError: ours.InvalidConfiguration,
    sdk.AwsChunkedWrapperError: ours.LocalIOError,
    sdk.BaseEndpointResolverError: ours.InvalidConfiguration,
    sdk.CapacityNotAvailableError: ours.SlowDown,
    sdk.ChecksumError: ours.UploadInterrupted,
    sdk.ConfigNotFound: ours.InvalidConfiguration,
    sdk.ConfigParseError: ours.InvalidConfiguration,
    sdk.ConnectionError: ours.StoreUnavailable,
    sdk.CredentialRetrievalError: ours.CredentialsError,
    sdk.DataNotFoundError: ours.InvalidConfiguration,
    sdk.EndpointProviderError: ours.InvalidConfiguration,
    sdk.EventStreamError: ours.UnexpectedAnswer,
    sdk.FlexibleChecksumError: ours.StoreUnavailable,
    sdk.HTTPClientError: ours.StoreUnavailable,
    sdk.IncompleteReadError: ours.StoreUnavailable,
    sdk.InvalidChecksumConfigError: ours.InvalidConfiguration,
    sdk.InvalidConfigError: ours.InvalidConfiguration,
    sdk.InvalidDNSNameError: ours.InvalidConfiguration,
    sdk.InvalidDefaultsMode: ours.InvalidConfiguration,
    sdk.InvalidEndpointConfigurationError: ours.InvalidConfiguration,
    sdk.InvalidEndpointDiscoveryConfigurationError: ours.InvalidConfiguration,
    sdk.InvalidExpressionError: ours.InvalidConfiguration,
    sdk.InvalidHostLabelError: ours.InvalidConfiguration,
    sdk.InvalidIMDSEndpointError: ours.InvalidConfiguration,
    sdk.InvalidIMDSEndpointModeError: ours.InvalidConfiguration,
    sdk.InvalidProxiesConfigError: ours.InvalidConfiguration,
    sdk.InvalidRetryConfigurationError: ours.InvalidConfiguration,
    sdk.InvalidS3AddressingStyleError: ours.InvalidConfiguration,
    sdk.InvalidS3UsEast1RegionalEndpointConfigError: ours.InvalidConfiguration,
    sdk.InvalidSTSRegionalEndpointsConfigError: ours.InvalidConfiguration,
    sdk.LoginError: ours.CredentialsError,
    sdk.LoginRefreshRequired: ours.ExpiredCredentials,
    sdk.LoginTokenLoadError: ours.NoCredentials,
    sdk.MD5UnavailableError: ours.InvalidConfiguration,
    sdk.MetadataRetrievalError: ours.CredentialsError,
    sdk.MissingDependencyException: ours.InvalidConfiguration,
    sdk.MissingParametersError: ours.InvalidInput,
    sdk.MissingServiceIdError: ours.InvalidConfiguration,
    sdk.NoAuthTokenError: ours.NoCredentials,
    sdk.NoCredentialsError: ours.NoCredentials,
    sdk.OperationNotPageableError: ours.InvalidInput,
    sdk.PaginationError: ours.UnexpectedAnswer,
    sdk.ParamValidationError: ours.InvalidInput,
    sdk.PartialCredentialsError: ours.NoCredentials,
    sdk.ProfileNotFound: ours.InvalidConfiguration,
    sdk.ReadTimeoutError: ours.StoreTimeout,
    sdk.RefreshWithMFAUnsupportedError: ours.ExpiredCredentials,
    sdk.SSOError: ours.CredentialsError,
    sdk.SSOTokenLoadError: ours.NoCredentials,
    ResponseParserError: ours.UnexpectedAnswer,
    sdk.ServiceNotInRegionError: ours.InvalidConfiguration,
    sdk.StubResponseError: ours.UnexpectedAnswer,
    sdk.TokenRetrievalError: ours.CredentialsError,
    sdk.UnauthorizedSSOTokenError: ours.ExpiredCredentials,
    sdk.UndefinedModelAttributeError: ours.InvalidConfiguration,
    sdk.UnknownClientMethodError: ours.InvalidInput,
    sdk.UnknownCredentialError: ours.InvalidConfiguration,
    sdk.UnknownRegionError: ours.InvalidConfiguration,
    sdk.UnknownServiceStyle: ours.InvalidConfiguration,
    sdk.UnknownSignatureVersionError: ours.InvalidConfiguration,
    sdk.UnknownTokenProviderError: ours.InvalidConfiguration,
    sdk.UnseekableStreamError: ours.StoreUnavailable,
    sdk.UnsupportedOutpostResourceError: ours.NotSupported,
    sdk.UnsupportedS3AccesspointConfigurationError: ours.InvalidConfiguration,
    sdk.UnsupportedS3ArnError: ours.InvalidConfiguration,
    sdk.UnsupportedS3ConfigurationError: ours.InvalidConfiguration,
    sdk.UnsupportedS3ControlArnError: ours.InvalidConfiguration,
    sdk.UnsupportedS3ControlConfigurationError: ours.InvalidConfiguration,
    sdk.UnsupportedServiceProtocolsError: ours.InvalidConfiguration,
    sdk.UnsupportedSignatureVersionError: ours.InvalidConfiguration,
    sdk.ValidationError: ours.InvalidConfiguration,
    sdk.WaiterConfigError: ours.InvalidConfiguration,
    sdk.WaiterError: ours.StoreUnavailable,
}
"""botocore's exceptions. One that is missing here counts as its nearest base that is not.

UnseekableStreamError means that a connection broke while a body that cannot be read twice was
sent, so it is the connection's failure.
"""


def kind_of(code: str, status: int, said: str = "") -> Kind:
    """The error that an answer's code and status stand for; ``said`` is its message.

    A refusal for the key is one for access by its code: the message names the action of KMS that
    is not allowed (IAM user guide, "Troubleshoot access denied error messages").
    """
    if CODES.get(code) is ours.AccessDenied and _KEY_ACTION.search(said):
        return ours.KeyDenied
    if code in CODES:
        return CODES[code]
    if status in STATUSES:
        return STATUSES[status]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ours.StoreUnavailable
    return ours.UnexpectedAnswer


def from_answer(
    code: str, status: int, where: Where, *, bucket_region: str | None = None, said: str = ""
) -> ours.StorageError:
    """The error for an answer with an error code (empty when it had no body) and a status.

    ``said``: the answer's own message, which is looked at, and not quoted.
    """
    # Only a well-formed code is quoted: anything else may be a proxy's page.
    known = code if code.isascii() and code.replace(".", "").isalnum() else ""
    detail = f"{known or 'no error code'}, HTTP status {status}"
    return make(kind_of(known, status, said), where, detail, bucket_region)


def make(
    kind: Kind, where: Where, detail: str = "", bucket_region: str | None = None
) -> ours.StorageError:
    """An error with its message of the table."""
    hint = f": it lives in {bucket_region}" if bucket_region else ""
    text = MESSAGES[kind].format(
        bucket=where.bucket, host=where.host, region=where.region, detail=detail, hint=hint
    )
    return kind(text)


def from_client_error(error: sdk.ClientError, where: Where) -> ours.StorageError:
    """The error for botocore's ClientError."""
    answer: Mapping[str, Any] = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    said = str(answer.get("Error", {}).get("Message", ""))
    facts = answer.get("ResponseMetadata", {})
    status = int(facts.get("HTTPStatusCode", 0))
    if code.isdigit():
        # botocore makes a code of the status when the answer had no body.
        status, code = status or int(code), ""
    region = facts.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return from_answer(code, status, where, bucket_region=region, said=said)


def from_exception(error: Exception, where: Where) -> ours.StorageError:
    """The error for any exception of botocore's."""
    if isinstance(error, sdk.ClientError):
        return from_client_error(error, where)
    return make(exception_kind(type(error)), where, type(error).__name__)


def exception_kind(kind: type[BaseException]) -> Kind:
    """The error that an exception's class stands for: its own entry, or its nearest base's."""
    for base in kind.__mro__:
        if base in EXCEPTIONS:
            return EXCEPTIONS[base]
    return ours.UnexpectedAnswer


@contextmanager
def understood(where: Where) -> Iterator[None]:
    """Raises UnexpectedAnswer where an answer lacks what S3 promises: it is nobody's S3."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise make(ours.UnexpectedAnswer, where, type(error).__name__) from None


@contextmanager
def translated(where: Where) -> Iterator[None]:
    """Turn botocore's exceptions into ours; the original stays out, as it may quote secrets."""
    try:
        yield
    except (sdk.BotoCoreError, sdk.ClientError, ResponseParserError) as error:
        raise from_exception(error, where) from None
