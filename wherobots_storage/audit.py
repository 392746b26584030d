"""The audit log: one line for each vend, refusal and failure; a JSON object without secrets."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

audit = logging.getLogger("wherobots_storage.audit")
"""A logger of its own, so that a deployment can send it elsewhere."""


KEPT_BYTES = 1024**2
"""How large a file of ``kept_in`` grows; one earlier one stays."""


class _Kept(RotatingFileHandler):
    """A file that is made, with its folder and of mode 0600, when there is something to write."""

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.fdopen(os.open(path, flags, 0o600), "a", encoding="ascii")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Where nothing can be written, the program goes on."""

    def close(self) -> None:
        """Close the file, also when what waits in memory finds no room on the disk."""
        with suppress(OSError):
            super().close()


@contextmanager
def kept_in(path: Path) -> Iterator[None]:
    """Have what is told meanwhile kept in a file as well: for programs whose log nobody reads."""
    handler = _Kept(path, maxBytes=KEPT_BYTES, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    former = audit.level
    audit.setLevel(logging.INFO)
    audit.addHandler(handler)
    try:
        yield
    finally:
        audit.removeHandler(handler)
        audit.setLevel(former)
        handler.close()


def tell(event: str, facts: Mapping[str, object], *, level: int = logging.INFO) -> None:
    """Write one line: the event first, then the facts, none of which may be a secret.

    ASCII on one line, whatever the names in it are: nobody can write a line of their own.
    """
    audit.log(level, json.dumps({"event": event, **facts}))
