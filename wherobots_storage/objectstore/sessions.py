"""botocore sessions that share what they load: reading S3's model takes 100 ms of CPU each."""

from __future__ import annotations

from functools import cache

import botocore.session
from botocore.loaders import Loader, create_loader


def new_session() -> botocore.session.Session:
    """A session of the AWS SDK with its own configuration and credentials.

    Sessions are not thread-safe, so that nobody shares one; clients are.
    """
    session = botocore.session.Session()
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return session


@cache
def _loader(data_path: str | None) -> Loader:
    return create_loader(data_path)
