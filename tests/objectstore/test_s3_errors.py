"""Every way of saying no has its place in the error tree, and no message holds a secret."""

from __future__ import annotations

import inspect
import string
from collections.abc import Iterator

import botocore.exceptions as sdk
import pytest
from botocore.parsers import ResponseParserError

from wherobots_storage import errors as ours
from wherobots_storage.objectstore.answers import error_of
from wherobots_storage.objectstore.s3_codes import CODES, STATUSES
from wherobots_storage.objectstore.s3_errors import (
    EXCEPTIONS,
    MESSAGES,
    Where,
    from_client_error,
    from_exception,
    kind_of,
    make,
    translated,
)

WHERE = Where("my-bucket", "s3.example.test:9000", "eu-west-1")
SECRETS = ("AKIDEXAMPLE", "wJalrXUtnFEMI", "X-Amz-Signature", "deadbeef", "session-token")

DELIBERATELY_BY_BASE = {
    sdk.AliasConflictParameterError,
    sdk.ClientError,
    sdk.BotoCoreError,
    sdk.ConnectTimeoutError,
    sdk.ConnectionClosedError,
    sdk.EndpointConnectionError,
    sdk.EndpointResolutionError,
    sdk.EndpointVariantError,
    sdk.InfiniteLoopConfigError,
    sdk.InvalidMaxRetryAttemptsError,
    sdk.InvalidRegionError,
    sdk.InvalidRetryModeError,
    sdk.LoginAuthorizationCodeError,
    sdk.LoginInsufficientPermissions,
    sdk.NoRegionError,
    sdk.ProxyConnectionError,
    sdk.RangeError,
    sdk.ResponseStreamingError,
    sdk.SSLError,
    sdk.StubAssertionError,
    sdk.UnStubbedResponseError,
    sdk.UnknownEndpointError,
    sdk.UnknownEndpointResolutionBuiltInName,
    sdk.UnknownFIPSEndpointError,
    sdk.UnknownKeyError,
    sdk.UnknownParameterError,
    sdk.UnknownServiceError,
}
"""Exceptions that are looked at and rightly count as their base, or have a table of their own."""


def leaves(tree: type[ours.StorageError]) -> Iterator[type[ours.StorageError]]:
    """Every class of a tree of errors."""
    yield tree
    for kind in tree.__subclasses__():
        yield from leaves(kind)


def sdk_exceptions() -> list[type[Exception]]:
    """Every exception that botocore.exceptions has."""
    found = [
        kind
        for _, kind in inspect.getmembers(sdk, inspect.isclass)
        if issubclass(kind, Exception) and not issubclass(kind, Warning)
    ]
    assert len(found) > 80
    return found


@pytest.mark.parametrize("kind", sdk_exceptions(), ids=lambda kind: kind.__name__)
def test_every_sdk_exception_is_placed(kind: type[Exception]) -> None:
    """An exception that botocore gains fails here until somebody says what it means."""
    assert (kind in EXCEPTIONS) != (kind in DELIBERATELY_BY_BASE)


def test_only_real_exceptions_are_mapped() -> None:
    """No entry of the table has gone from botocore."""
    assert set(EXCEPTIONS) <= {*sdk_exceptions(), ResponseParserError}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sdk.NoCredentialsError(), ours.NoCredentials),
        (sdk.PartialCredentialsError(provider="env", cred_var="x"), ours.NoCredentials),
        (sdk.ProfileNotFound(profile="p"), ours.InvalidConfiguration),
        (sdk.NoRegionError(), ours.InvalidConfiguration),
        (sdk.InvalidRegionError(region_name="no region"), ours.InvalidConfiguration),
        (sdk.EndpointConnectionError(endpoint_url="http://x"), ours.StoreUnavailable),
        (sdk.ReadTimeoutError(endpoint_url="http://x"), ours.StoreTimeout),
        (sdk.SSLError(endpoint_url="http://x", error=OSError()), ours.StoreUnavailable),
        (sdk.ProxyConnectionError(proxy_url="http://x"), ours.StoreUnavailable),
        (sdk.UnauthorizedSSOTokenError(), ours.ExpiredCredentials),
        (sdk.LoginRefreshRequired(), ours.ExpiredCredentials),
        (sdk.CredentialRetrievalError(provider="p", error_msg="e"), ours.CredentialsError),
        (ResponseParserError("x"), ours.UnexpectedAnswer),
        (sdk.BotoCoreError(), ours.UnexpectedAnswer),
        (ValueError("x"), ours.UnexpectedAnswer),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sdk_exceptions(error: Exception, kind: type[ours.StorageError]) -> None:
    """The SDK's own failures become the error that says what to do."""
    assert type(from_exception(error, WHERE)) is kind


NO_KEY = (
    "User: arn:aws:sts::123456789012:assumed-role/storage/ann is not authorized to perform: "
    "kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:123456789012:key/1 because no "
    "session policy allows the kms:GenerateDataKey action"
)
"""What AWS answers to a put where the session has no right to the bucket's key."""


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        ("AccessDenied", NO_KEY, ours.KeyDenied),
        ("AccessDenied", NO_KEY.replace("GenerateDataKey", "Decrypt"), ours.KeyDenied),
        ("AccessDenied", "Access Denied", ours.AccessDenied),
        ("AccessDenied", NO_KEY.replace("kms:", "s3:"), ours.AccessDenied),
        ("NoSuchKey", NO_KEY, ours.NotFound),
        ("KMS.DisabledException", "It is disabled.", ours.KeyDenied),
    ],
)
def test_a_refusal_for_the_key_is_told_apart(
    code: str, said: str, kind: type[ours.StorageError]
) -> None:
    """By botocore's answer and by a plain one; nothing of the store's own words is passed on."""
    answer = {"Code": code, "Message": said}
    client_error = sdk.ClientError(
        {"Error": answer, "ResponseMetadata": {"HTTPStatusCode": 403}},  # type: ignore[typeddict-item]
        "PutObject",
    )
    body = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>".encode()
    for error in (from_client_error(client_error, WHERE), error_of(403, body, {}, WHERE)):
        assert type(error) is kind
        assert "arn:aws:" not in error.message


AWS_CODES = """
AccessControlListNotSupported AccessDenied AccessPointAlreadyOwnedByYou AccountProblem
AllAccessDisabled AmbiguousGrantByEmailAddress AuthorizationHeaderMalformed
AuthorizationQueryParametersError BadDigest BucketAlreadyExists BucketAlreadyOwnedByYou
BucketNotEmpty ClientTokenConflict ConditionalRequestConflict ConnectionClosedByRequester
CredentialsNotSupported CrossLocationLoggingProhibited EntityTooLarge EntityTooSmall ExpiredToken
IllegalLocationConstraintException IllegalVersioningConfigurationException IncompleteBody
IncorrectEndpoint IncorrectNumberOfFilesInPostRequest InlineDataTooLarge InternalError
InvalidAccessKeyId InvalidAccessPoint InvalidAccessPointAliasError InvalidAddressingHeader
InvalidArgument InvalidBucketAclWithObjectOwnership InvalidBucketName
InvalidBucketOwnerAWSAccountID InvalidBucketState InvalidDigest InvalidEncryptionAlgorithmError
InvalidHostHeader InvalidHttpMethod InvalidLocationConstraint InvalidObjectState InvalidPart
InvalidPartOrder InvalidPayer InvalidPolicyDocument InvalidRange InvalidRegion InvalidRequest
InvalidSessionException InvalidSignature InvalidSOAPRequest InvalidSecurity InvalidStorageClass
InvalidTag InvalidTargetBucketForLogging InvalidToken InvalidURI KeyTooLongError
KMS.DisabledException KMS.InvalidKeyUsageException KMS.KMSInvalidStateException
KMS.NotFoundException MalformedACLError MalformedPOSTRequest MalformedXML MaxMessageLengthExceeded
MaxPostPreDataLengthExceededError MetadataTooLarge MethodNotAllowed MissingAttachment
MissingAuthenticationToken MissingContentLength MissingRequestBodyError MissingSecurityElement
MissingSecurityHeader NoLoggingStatusForKey NoSuchAccessPoint NoSuchBucket NoSuchBucketPolicy
NoSuchKey NoSuchLifecycleConfiguration NoSuchTagSet NoSuchUpload NoSuchVersion NotDeviceOwnerError
NotImplemented NotModified NotSignedUp OperationAborted OwnershipControlsNotFoundError
PermanentRedirect PreconditionFailed Redirect RequestHeaderSectionTooLarge
RequestIsNotMultiPartContent RequestTimeTooSkewed RequestTimeout RequestTorrentOfBucketError
ResponseInterrupted RestoreAlreadyInProgress ServerSideEncryptionConfigurationNotFoundError
ServiceUnavailable SignatureDoesNotMatch SlowDown TemporaryRedirect TokenCodeInvalidError
TokenRefreshRequired TooManyAccessPoints TooManyBuckets TooManyMultiRegionAccessPointregionsError
UnauthorizedAccess UnauthorizedAccessError UnexpectedContent UnexpectedIPError
UnresolvableGrantByEmailAddress UnsupportedArgument UnsupportedSignature UserKeyMustBeSpecified
ValidationError XAmzContentChecksumMismatch PackedPolicyTooLarge MalformedPolicy
ThrottlingException InvalidClientTokenId RequestExpired
"""
"""Amazon S3 API reference, "Error responses", and the STS API's common errors."""


@pytest.mark.parametrize("code", AWS_CODES.split())
def test_every_documented_code_is_placed(code: str) -> None:
    """Each documented error code means something, whatever the status it comes with."""
    assert code in CODES
    for status in (200, 400, 500):
        assert kind_of(code, status) is CODES[code]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ExpiredToken", ours.ExpiredCredentials),
        ("InvalidAccessKeyId", ours.InvalidCredentials),
        ("SignatureDoesNotMatch", ours.InvalidCredentials),
        ("PermanentRedirect", ours.WrongRegion),
        ("AuthorizationHeaderMalformed", ours.WrongRegion),
        ("RequestTimeTooSkewed", ours.ClockSkew),
        ("AccessDenied", ours.AccessDenied),
        ("NoSuchBucket", ours.NoSuchBucket),
        ("NoSuchKey", ours.NotFound),
        ("SlowDown", ours.SlowDown),
        ("ConditionalRequestConflict", ours.ConcurrentChange),
    ],
)
def test_codes_that_people_meet(code: str, kind: type[ours.StorageError]) -> None:
    """The everyday codes have the kinds that the rest of the package asks for."""
    assert CODES[code] is kind


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_is_placed(status: int) -> None:
    """An answer without a code is mapped by its status: 5xx to unavailable, none to nothing."""
    error = error_of(status, b"", {}, WHERE)
    if status >= 500 and status not in STATUSES:
        assert type(error) is ours.StoreUnavailable
    elif status not in STATUSES:
        assert type(error) is ours.UnexpectedAnswer
        assert str(status) in error.message
    else:
        assert type(error) is STATUSES[status]


def test_every_kind_that_is_used_has_a_message() -> None:
    """No mapping leads to a kind without words, and every message can be made."""
    used = {*CODES.values(), *STATUSES.values(), *EXCEPTIONS.values(), ours.UnexpectedAnswer}
    assert used <= set(MESSAGES)
    assert set(MESSAGES) <= set(leaves(ours.StorageError))
    for kind, text in MESSAGES.items():
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert fields <= {"bucket", "host", "region", "detail", "hint"}
        assert make(kind, WHERE, "detail").message.endswith(".")


ANSWER = b"""<?xml version="1.0"?><Error><Code>SignatureDoesNotMatch</Code><Message>The signature
deadbeef does not match</Message><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId><StringToSign>
X-Amz-Signature session-token wJalrXUtnFEMI</StringToSign></Error>"""


def test_messages_hold_no_secret() -> None:
    """Nothing of an answer is quoted but its code: answers carry keys and signatures."""
    for error in (
        error_of(403, ANSWER, {"x-amz-request-id": "deadbeef"}, WHERE),
        error_of(418, b"AKIDEXAMPLE wJalrXUtnFEMI", {}, WHERE),
        error_of(418, b"<Error><Code>AKIDEXAMPLE: X-Amz-Signature</Code></Error>", {}, WHERE),
        from_client_error(
            sdk.ClientError(
                {"Error": {"Code": "SignatureDoesNotMatch", "Message": " ".join(SECRETS)}},
                "PutObject",
            ),
            WHERE,
        ),
        from_exception(
            sdk.EndpointConnectionError(
                endpoint_url="http://AKIDEXAMPLE:wJalrXUtnFEMI@h/?X-Amz-Signature=deadbeef"
            ),
            WHERE,
        ),
    ):
        assert not any(secret in error.message for secret in SECRETS), error.message


def test_translation_leaves_no_trace() -> None:
    """The original exception is not shown with ours, as its text may quote a signature."""
    with pytest.raises(ours.StoreUnavailable) as caught, translated(WHERE):
        raise sdk.EndpointConnectionError(endpoint_url="http://x?X-Amz-Signature=deadbeef")
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None
    assert "s3.example.test:9000" in caught.value.message


def test_other_exceptions_pass() -> None:
    """What is not the SDK's goes through as it is."""
    with pytest.raises(ZeroDivisionError), translated(WHERE):
        raise ZeroDivisionError


def test_wrong_region_names_the_right_one() -> None:
    """Where the store says which region a bucket is in, the message does too."""
    body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>"
    for error in (
        error_of(400, body, {}, WHERE),
        error_of(301, b"", {"X-Amz-Bucket-Region": "us-west-2"}, WHERE),
    ):
        assert type(error) is ours.WrongRegion
        assert "us-west-2" in error.message
        assert "eu-west-1" in error.message


def test_code_of_a_head_is_its_status() -> None:
    """Botocore makes a code of the status when there was no body."""
    response = {"Error": {"Code": "412"}, "ResponseMetadata": {"HTTPStatusCode": 412}}
    error = from_client_error(sdk.ClientError(response, "HeadObject"), WHERE)  # type: ignore[arg-type]
    assert type(error) is ours.PreconditionFailed


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\x00\xff", b"<a/>", b"<Error><Code/></Error>", b"x" * 100_000]
)
def test_answers_that_are_no_errors_of_s3(body: bytes) -> None:
    """A proxy's page, or nothing at all, is judged by its status."""
    assert type(error_of(503, body, {}, WHERE)) is ours.StoreUnavailable
    assert type(error_of(403, body, {}, WHERE)) is ours.AccessDenied
