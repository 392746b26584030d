"""Vending to the user: what was asked for becomes a scope, a session, and where it holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from wherobots_storage.credentials.longest import longest_of
from wherobots_storage.credentials.snippets import Place
from wherobots_storage.credentials.source import Credentials, CredentialSource
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.namespace.policy import Rights, Scope
from wherobots_storage.settings import Tenancy


def scope_of(tenancy: Tenancy, path: str | None, rights: Rights) -> Scope:
    """The scope of a display path, or of all the user's writable areas.

    Raises InvalidPath, OutsideArea and ReadOnlyFolder, as ``Scope.of_folder``.
    """
    if path is None:
        return Scope.of_areas(tenancy.root, tenancy.permissions, rights)
    folder = StoragePath.parse(path)
    return Scope.of_folder(tenancy.root, tenancy.permissions, folder, rights)


@dataclass(frozen=True, slots=True)
class Vended:
    """A session, and where it holds: the scope's first folder."""

    credentials: Credentials
    place: Place


class Vendor:
    """Vends sessions from a source that is opened when the first one is asked for.

    Opening loads the SDK and reads its configuration, which no server's start should wait for,
    and may fail for reasons that are mended while it runs. ``locate`` makes a place of a URI. All
    of it blocks; safe to call from several threads.
    """

    def __init__(
        self,
        tenancy: Tenancy,
        open_source: Callable[[], CredentialSource],
        locate: Callable[[str], Place],
    ) -> None:
        self._tenancy = tenancy
        self._open_source = open_source
        self._locate = locate
        self._lock = threading.Lock()
        self._source: CredentialSource | None = None
        self._longest: int | None = None

    def vend(self, scope: Scope, seconds: int) -> Vended:
        """A session for the scope. Raises as CredentialSource does, and what opening raises."""
        place = self._locate(self._tenancy.root.uri(scope.prefixes[0]))
        return Vended(self._opened().vend(scope, seconds), place)

    def longest(self) -> int:
        """The longest lifetime that can be asked for, in seconds: found out once, then kept.

        Raises as ``vend``.
        """
        if self._longest is None:
            tenancy = self._tenancy
            scope = Scope.of_areas(tenancy.root, tenancy.permissions, "read")
            self._longest = longest_of(self._opened(), scope, tenancy.customer)
        return self._longest

    def _opened(self) -> CredentialSource:
        with self._lock:
            if self._source is None:
                self._source = self._open_source()
            return self._source
