"""Credentials that are asked for anew when the store no longer takes the ones in use.

botocore renews temporary credentials before they expire, by its own clock and where their source
tells a time. This is for the rest: keys rotated in a file or an environment, a session ended early,
a clock that is wrong.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from wherobots_storage.errors import ExpiredCredentials, StorageError

Load = Callable[[], Credentials | None]

LOOK_SECONDS = 5.0
"""How long a source that had nothing new is not asked again: every request would."""

_STILL_EXPIRED = (
    "The credentials have expired, and their source gives only expired ones. Sign in again, or "
    "restart the session."
)


class RenewableCredentials:
    """What botocore's clients take for credentials: those of ``load``, and later ones of it.

    Thread-safe.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._source = load()
        self._looked = float("-inf")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever botocore asks
        # botocore also asks by which method they were found, for one.
        if name.startswith("_") or self._source is None:
            raise AttributeError(name)
        return getattr(self._source, name)

    def get_deferred_property(self, name: str) -> Callable[[], str | None]:
        """One of their properties, such as the account's id, to be read when it is needed."""
        return lambda: getattr(self._source, name, None)

    def is_found(self) -> bool:
        """Whether there are any; looks for them if there were none."""
        with suppress(NoCredentialsError):
            self._found()
        return self._source is not None

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys as they are now. Raises NoCredentialsError, and what their source raises."""
        try:
            return self._found().get_frozen_credentials()
        except RuntimeError:
            # botocore's own words for a source whose new credentials have expired as well.
            raise ExpiredCredentials(_STILL_EXPIRED) from None

    def renew(self, refused: ReadOnlyCredentials) -> bool:
        """Whether there are others than the ``refused`` keys now; asks their source."""
        with self._lock:
            if self._keys() != refused:
                return True  # Another request has asked before.
            now = time.monotonic()
            if now - self._looked < LOOK_SECONDS:
                return False
            try:
                found = self._load()
                fresh = found is not None and found.get_frozen_credentials() != refused
            except (BotoCoreError, ClientError, RuntimeError, StorageError):
                fresh = False
            if fresh:
                self._source = found
            else:
                self._looked = now
            return fresh

    def _keys(self) -> ReadOnlyCredentials | None:
        try:
            return self.get_frozen_credentials()
        except (BotoCoreError, ClientError, StorageError):
            return None

    def _found(self) -> Credentials:
        if self._source is None:
            self._source = self._load()
        if self._source is None:
            raise NoCredentialsError
        return self._source


class Provider:
    """Takes the place of botocore's chain of credential providers in one session."""

    def __init__(self, credentials: RenewableCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> RenewableCredentials:
        """The session's credentials, found or not: there may be some later."""
        return self._credentials
