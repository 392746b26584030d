"""Opens a bucket by the AWS SDK's own configuration: variables, files, profiles, roles."""

from __future__ import annotations

import os
from collections.abc import Mapping

import botocore.session
from botocore.credentials import Credentials
from botocore.exceptions import EndpointResolutionError, InvalidRegionError

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.objectstore.attended import AttendedTransfers
from wherobots_storage.objectstore.connection import DEFAULT_TIMEOUTS, Connection, Timeouts
from wherobots_storage.objectstore.hosts import without_login
from wherobots_storage.objectstore.renewal import Load
from wherobots_storage.objectstore.s3 import S3Store
from wherobots_storage.objectstore.s3_errors import Where, translated
from wherobots_storage.objectstore.sessions import new_session, use_only
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.objectstore.threads import ThreadedTransfers


def open_store(bucket: str, *, renew: Load | None = None) -> ObjectStore:
    """The bucket, by the SDK's chain: AWS_ENDPOINT_URL[_S3], AWS_REGION, AWS_PROFILE and so on.

    The credentials of ``renew``, if given, instead of those that the SDK finds. No request is
    sent. Raises InvalidConfiguration for a configuration that cannot be used.
    """
    return connect(bucket, {}, renew=renew)


def connect(
    bucket: str,
    environment: Mapping[str, str],
    credentials: Credentials | None = None,
    *,
    renew: Load | None = None,
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
) -> S3Store:
    """The bucket, with the endpoint, keys and region of ``environment`` before the SDK's own.

    Keys that are given are used to their end; those of ``renew``, or of the SDK's chain without
    it, are looked for anew when the store no longer takes them.

    Raises InvalidConfiguration for a configuration that cannot be used.
    """
    with translated(Where(bucket, without_login(environment.get("AWS_ENDPOINT_URL", "AWS")), "")):
        session = new_session()
        given = credentials is not None or (renew is None and "AWS_ACCESS_KEY_ID" in environment)
        if credentials is not None:
            use_only(session, credentials)
        elif given:
            session.set_credentials(
                environment["AWS_ACCESS_KEY_ID"],
                environment["AWS_SECRET_ACCESS_KEY"],
                environment.get("AWS_SESSION_TOKEN"),
            )
        session.set_config_variable("region", _region(session, environment))
        endpoint = environment.get("AWS_ENDPOINT_URL")
        more = {"endpoint_url": endpoint} if endpoint else {}
        try:
            load = None if given else renew or _look_for_credentials
            connection = Connection(bucket, session, renew=load, timeouts=timeouts, **more)
            connection.resolve()
        except InvalidRegionError:
            raise  # A ValueError as well, which tells nothing about the endpoint.
        except (ValueError, EndpointResolutionError):
            # botocore's words for an endpoint that is no URL; they may hold a password.
            message = "The S3 endpoint (AWS_ENDPOINT_URL) is not a URL such as https://host:port."
            raise InvalidConfiguration(message) from None
        return S3Store(connection)


def _look_for_credentials() -> Credentials | None:
    """What the chain finds now: in a session of its own, since a session keeps what it read."""
    return new_session().get_credentials()


def _region(session: botocore.session.Session, environment: Mapping[str, str]) -> str:
    """The region: AWS_REGION, which botocore alone of the SDKs does not read, or its own choice.

    Endpoints of one's own have no regions and refuse none, and AWS answers with the right one.
    """
    chosen = environment.get("AWS_REGION") or os.environ.get("AWS_REGION")
    return chosen or session.get_config_variable("region") or "us-east-1"


def open_transfers(store: ObjectStore) -> BulkTransfers:
    """The fastest way to move many small objects to and from ``store``.

    Behind a proxy that is threads over boto3, which knows every kind of proxy setting.
    """
    if isinstance(store, S3Store) and not store.connection.is_proxied:
        return AttendedTransfers(store.connection)
    return ThreadedTransfers(store)
