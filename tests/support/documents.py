"""What is asked of every store that has the administrator's documents: do they do what they say."""

from __future__ import annotations

from typing import Any

import urllib3

from wherobots_storage.namespace.deployment import Deployment, documents
from wherobots_storage.namespace.paths import Root

ORIGIN = "https://hub.example.org"
BUCKET = "printed"
ROOT = Root(BUCKET, "org/")

TREE = (
    ("org/data/customer-a/", "allowed"),
    ("org/data/customer-ax/", "allowed"),
    ("org/", "allowed"),
    ("orgx/", "denied"),
    ("other/data/customer-a/", "denied"),
)
"""Where a role for all customers reaches by itself, on stores without tags in a policy."""


def check_cors(s3: Any) -> None:
    """Set the printed rules, and read from an origin that they name and from another.

    ``s3`` is the administrator's. A browser gives a page what carries its own origin, or a star.
    """
    found = documents(Deployment("ceph", ROOT, "hub", origins=(ORIGIN,)))
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=found["cors"])
    [rule] = s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"]
    assert rule["AllowedOrigins"] == [ORIGIN]
    at = {"Bucket": BUCKET, "Key": "org/data/shared/cors"}
    s3.put_object(**at, Body=b"1")
    url = s3.generate_presigned_url("get_object", Params=at)
    told = {origin: _read(url, origin) for origin in (ORIGIN, "https://other.example.org")}
    assert told[ORIGIN]["Access-Control-Allow-Origin"] == ORIGIN
    assert "ETag" in told[ORIGIN]["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Origin" not in told["https://other.example.org"]


def _read(url: str, origin: str) -> Any:
    answer = urllib3.request("GET", url, headers={"Origin": origin}, retries=False, timeout=20)
    assert answer.status == 200
    return answer.headers


def check_lifecycle_is_kept(s3: Any) -> None:
    """Set the printed rule, and have it told back."""
    found = documents(Deployment("ceph", ROOT, "hub"))["lifecycle"]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration=found)
    [rule] = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
