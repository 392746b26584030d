"""Looks for the secrets in use in everything that is logged and answered while a test runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wherobots_storage.credentials.endpoint import CredentialsEndpoint
from wherobots_storage.credentials.source import Credentials
from wherobots_storage.hub.client import TOKEN, HubSource
from wherobots_storage.objectstore.embedded_config import Keys

MIN_LENGTH = 12
"""Shorter values are what tests call a secret, and words of other texts as well."""

VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "JUPYTER_TOKEN", "JUPYTERHUB_API_TOKEN")


class SecretGuard(logging.Handler):
    """Knows every secret that there is, and hears every log record."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self._secrets: set[str] = set()
        self._heard: list[tuple[str, str]] = []

    def learn(self, *secrets: str | None) -> None:
        """These must not be told from now on; what was told in this test counts too."""
        self._secrets |= {one for one in secrets if one and len(one) >= MIN_LENGTH}

    def knows(self, secret: str) -> bool:
        """Whether it looks for this one."""
        return secret in self._secrets

    def emit(self, record: logging.LogRecord) -> None:
        """Hear a log record, its trace included.

        Not the SDK's debugging output, which shows the headers that it signs, and which nothing
        here turns on.
        """
        if record.levelno <= logging.DEBUG and record.name.startswith("botocore"):
            return
        formatter = self.formatter or logging.Formatter("%(message)s")
        self._heard.append((f"the log of {record.name}", formatter.format(record)))

    def hear(self, where: str, text: str) -> None:
        """Hear an answer, say."""
        self._heard.append((where, text))

    def forget(self) -> None:
        """A new test begins; its environment may hold secrets."""
        self._heard.clear()

    def found(self, folder: Path | None) -> set[str]:
        """Where a secret was told: in what was heard, and in the log files below ``folder``."""
        self.learn(*(os.environ.get(name) for name in VARIABLES))
        texts = [*self._heard, *_log_files(folder)]
        return {where for where, text in texts if any(one in text for one in self._secrets)}

    def printed(self, sections: Iterable[tuple[str, str]]) -> set[str]:
        """The titles of the sections of a report that have a secret in them."""
        return {where for where, text in sections if any(one in text for one in self._secrets)}


guard = SecretGuard()


def _log_files(folder: Path | None) -> Iterator[tuple[str, str]]:
    if folder is None or not folder.is_dir():
        return
    for path in folder.rglob("*.log*"):
        if path.is_file() and not path.is_symlink():
            yield str(path.relative_to(folder)), path.read_text("utf-8", "replace")


def _after(kind: type, name: str, call: Callable[[Any], None]) -> Callable[[], None]:
    """Have ``call`` made with the object after each call of a method; returns the undoing."""
    former = getattr(kind, name)

    def wrapped(self: Any, *given: Any, **more: Any) -> Any:
        result = former(self, *given, **more)
        call(self)
        return result

    setattr(kind, name, wrapped)
    return lambda: setattr(kind, name, former)


@contextmanager
def guarding() -> Iterator[SecretGuard]:
    """The guard at work: it learns what the process makes or is given to show to others.

    That is each session that is vended, each local store's keys, the token of each endpoint for
    kernels, and the hub's token of each server. Not the token of Jupyter's own login, which Jupyter
    itself writes into its log for the user to click on.
    """
    undo = [
        _after(
            Credentials,
            "__init__",
            lambda it: guard.learn(it.secret_access_key, it.session_token),
        ),
        _after(Keys, "__init__", lambda it: guard.learn(*it.secrets())),
        _after(CredentialsEndpoint, "bind", lambda it: guard.learn(it._token.decode())),
        _after(HubSource, "__init__", lambda it: guard.learn(it._environment.get(TOKEN))),
    ]
    root = logging.getLogger()
    root.addHandler(guard)
    try:
        yield guard
    finally:
        root.removeHandler(guard)
        for one in undo:
            one()
