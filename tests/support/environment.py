"""An environment in which nothing of the developer's own AWS setup can be reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRUBBED = ("AWS_", "WHEROBOTS_", "USER_S3_", "USER_WAREHOUSE_", "JUPYTERHUB_")


def isolation(nowhere: Path) -> dict[str, str]:
    """Variables that keep the AWS SDK from files and from the network's metadata service."""
    return {
        "AWS_CONFIG_FILE": str(nowhere / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(nowhere / "no-aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def scrubbed(nowhere: Path, home: Path) -> Iterator[None]:
    """Run with a clean environment, and put the old one back afterwards."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(SCRUBBED):
            del os.environ[name]
    os.environ.update(isolation(nowhere), HOME=str(home))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
