"""The real AWS CLI with what the dialog shows, exactly as it shows it, on Ceph's gateway."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.awscli import FOLDER, AwsCliSuite, User
from support.ceph import NEEDS_CEPH
from support.ground import Ground, client

from wherobots_storage.credentials import snippets
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.credentials.vending import scope_of

pytestmark = [*NEEDS_CEPH, pytest.mark.timeout(1800)]


@pytest.fixture
def user(aws: Path, ceph_ground: Ground, tmp_path: Path) -> User:
    """A user who has just been handed credentials, and whose folder is empty."""
    ground = ceph_ground
    for key in ground.admin.list_objects_v2(Bucket=ground.bucket).get("Contents", []):
        ground.admin.delete_object(Bucket=ground.bucket, Key=key["Key"])
    one = User(aws, tmp_path, ground.environment, ground.role_arn, ground.bucket)
    one.prepare()
    return one


REFUSED = ("AccessDenied", "argument of type 'NoneType' is not iterable")
"""The CLI (1.46) looks for words in the error's message, and the gateway (16) sends none."""


class TestCephCli(AwsCliSuite):
    """The suite on Ceph's gateway."""

    refusals = REFUSED


def test_an_expired_session(user: User, ceph_ground: Ground) -> None:
    """A session that has really ended is refused, and nothing is uploaded with it."""
    ground = ceph_ground
    scope = scope_of(user.tenancy, "/" + FOLDER.removeprefix("org/"), "upload")
    # The SDK itself would refuse so short a life.
    sts = client(ground.environment, service="sts", parameter_validation=False)
    asked = {"RoleArn": ground.role_arn, "RoleSessionName": "short", "Policy": scope.policy()}
    keys = sts.assume_role(**asked, DurationSeconds=4)["Credentials"]
    ends = keys["Expiration"].timestamp()
    held = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], ends)
    place = Place(user.uri, "us-east-1", ground.environment["AWS_ENDPOINT_URL"])
    user.paste(snippets.ini(held, place))
    time.sleep(max(0.0, ends - time.time()) + 2)
    status, said = user.run(user.shown.profile_command)
    assert status != 0
    assert any(words in said for words in REFUSED), said
    assert user.stored() == {}
