"""The audit log: one line for each vend, refusal and failure; a JSON object without secrets."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

audit = logging.getLogger("wherobots_storage.audit")
"""A logger of its own, so that a deployment can send it elsewhere."""


def tell(event: str, facts: Mapping[str, object], *, level: int = logging.INFO) -> None:
    """Write one line: the event first, then the facts, none of which may be a secret.

    ASCII on one line, whatever the names in it are: nobody can write a line of their own.
    """
    audit.log(level, json.dumps({"event": event, **facts}))
