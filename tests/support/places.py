"""Where the role of the administrator's documents reaches, and where it must not."""

from __future__ import annotations

from typing import Any

from support.attempts import outcome

PLACES = (
    ("org/data/customer-a/", "allowed"),
    ("org/notebooks/customer-a/", "allowed"),
    ("org/data/shared/", "allowed"),
    ("org/notebooks/shared/", "allowed"),
    ("org/spark-logs/", "allowed"),
    ("org/data/customer-ax/", "denied"),
    ("org/data/customer-b/", "denied"),
    ("org/data/", "denied"),
    ("org/", "denied"),
    ("other/data/customer-a/", "denied"),
)
"""By prefix of the bucket: what a role for the customer ``customer-a`` of ``org/`` finds there."""


def found_at(session: Any, bucket: str, prefix: str) -> set[str]:
    """What becomes of a write, a listing and a delete there."""
    at = {"Bucket": bucket, "Key": f"{prefix}f"}
    return {
        outcome(session.put_object, **at, Body=b"1"),
        outcome(session.list_objects_v2, Bucket=bucket, Prefix=prefix),
        outcome(session.delete_object, **at),
    }
