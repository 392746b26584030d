"""What STS answers instead of credentials, as our errors, and what these say."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from wherobots_storage import errors as ours

Kind = type[ours.StorageError]

CODES: Mapping[str, Kind] = {
    "AccessDenied": ours.AccessDenied,
    "AccessDeniedException": ours.AccessDenied,
    "ExpiredToken": ours.ExpiredCredentials,
    "ExpiredTokenException": ours.ExpiredCredentials,
    "ExpiredTradeInTokenException": ours.ExpiredCredentials,
    "IDPCommunicationError": ours.StoreUnavailable,
    "IDPRejectedClaim": ours.InvalidCredentials,
    "InvalidAction": ours.NotSupported,
    "InvalidAuthorizationMessageException": ours.InvalidInput,
    "InvalidClientTokenId": ours.InvalidCredentials,
    "InvalidIdentityToken": ours.InvalidCredentials,
    "InvalidParameterValue": ours.InvalidInput,
    "JWTPayloadSizeExceededException": ours.TooLarge,
    "MalformedPolicyDocument": ours.InvalidInput,
    "MethodNotAllowed": ours.NotSupported,
    "NoSuchEntity": ours.InvalidConfiguration,
    "NoSuchRole": ours.InvalidConfiguration,
    "NotImplemented": ours.NotSupported,
    "OutboundWebIdentityFederationDisabledException": ours.InvalidConfiguration,
    "PackedPolicyTooLarge": ours.TooLarge,
    "RegionDisabledException": ours.InvalidConfiguration,
    "SessionDurationEscalationException": ours.InvalidInput,
    "SignatureDoesNotMatch": ours.InvalidCredentials,
    "ValidationError": ours.InvalidInput,
}
"""The codes of STS (its service model in botocore, and measured on SeaweedFS and Ceph)."""

STATUSES: Mapping[int, Kind] = {
    HTTPStatus.BAD_REQUEST: ours.InvalidInput,
    HTTPStatus.FORBIDDEN: ours.AccessDenied,
    HTTPStatus.NOT_FOUND: ours.InvalidConfiguration,
    HTTPStatus.METHOD_NOT_ALLOWED: ours.NotSupported,
    HTTPStatus.NOT_IMPLEMENTED: ours.NotSupported,
}
"""For servers that answer without a code, as Ceph's gateway does."""

MESSAGES: Mapping[Kind, str] = {
    ours.AccessDenied: (
        "{host} does not let this server assume the role {role}. Check the role's trust policy, "
        "and {shown}."
    ),
    ours.ExpiredCredentials: (
        "What this server itself shows to {host} has expired: renew its credentials or its "
        "identity token."
    ),
    ours.InvalidConfiguration: (
        "{host} knows no role {role}, or not in this region. Check WHEROBOTS_STORAGE_ROLE_ARN."
    ),
    ours.InvalidCredentials: (
        "{host} does not accept the identity of this server. Check its AWS credentials, or its "
        "identity token and who issued it."
    ),
    ours.InvalidInput: (
        "{host} does not take the policy for {scope}, or the lifetime of {seconds:,} seconds. "
        "Choose another folder (Ceph takes no ':' in a name) or a shorter lifetime."
    ),
    ours.NotSupported: (
        "{host} gives no temporary credentials: it has no STS. Where STS has another address, "
        "set AWS_ENDPOINT_URL_STS."
    ),
    ours.StoreUnavailable: (
        "{host} is not reachable, or could not reach the identity provider. Try again in a moment."
    ),
    ours.TooLarge: (
        "The policy for {scope} is larger than {host} takes, once packed. Choose one folder, or "
        "one with a shorter path."
    ),
}
