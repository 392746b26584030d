"""What every command is given: its arguments, its voice, and the way to settings and store."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wherobots_storage.audit import kept_in
from wherobots_storage.commands.output import Output
from wherobots_storage.errors import InvalidInput
from wherobots_storage.objectstore.store import BulkTransfers, ObjectStore
from wherobots_storage.settings import Settings
from wherobots_storage.sync.state import StateFolder

DONE = 0
FAILED = 1
USAGE = 2
INCOMPLETE = 3
INTERRUPTED = 130
"""What the program exits with; INTERRUPTED as shells report SIGINT (128 + 2)."""

OVERRIDES = {"root": "root_url", "customer": "customer", "home": "home", "state_dir": "state_dir"}
"""The global flags, and the settings that they override."""


@dataclass(frozen=True, slots=True)
class Context:
    """One run of a command."""

    arguments: argparse.Namespace
    output: Output

    def settings(self) -> Settings:
        """Configuration files, overridden by the environment, overridden by the flags.

        Raises InvalidConfiguration for a value that cannot be, InvalidInput for an empty home.
        """
        # Imported late: `store` and `demo` need no Jupyter configuration.
        from wherobots_storage.config import load_settings  # noqa: PLC0415

        given = vars(self.arguments)
        if given.get("home") == "":
            # An unset shell variable: the working directory is hardly what was meant.
            raise InvalidInput("--home needs a folder. Leave it out for the configured home.")
        return load_settings(
            {trait: given[flag] for flag, trait in OVERRIDES.items() if given.get(flag) is not None}
        )

    @contextmanager
    def store(self, settings: Settings) -> Iterator[ObjectStore]:
        """The configured bucket, closed at the end: with the user's session where there is one.

        Raises NotConfigured.
        """
        settings.require_tenancy()
        # Imported late: loading the S3 libraries takes longer than `status` does.
        from wherobots_storage.credentials.stores import open_user_store  # noqa: PLC0415

        by = str(vars(self.arguments).get("command", "command"))
        store = open_user_store(settings, by=by)
        try:
            with kept_in(StateFolder.for_settings(settings).audit_path):
                yield store
        finally:
            store.close()

    @contextmanager
    def transfers(self, store: ObjectStore) -> Iterator[BulkTransfers]:
        """Bulk transfers with ``store``, finished at the end."""
        from wherobots_storage.objectstore.connect import open_transfers  # noqa: PLC0415

        transfers = open_transfers(store)
        try:
            yield transfers
        finally:
            transfers.close()
