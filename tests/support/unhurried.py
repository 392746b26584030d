"""The product's real seconds, made minutes where a test's own process would suffer of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Never

import pytest

from wherobots_storage.commands import sync as sync_command
from wherobots_storage.handlers import upload_manager
from wherobots_storage.sync import final, server, stopper, tenure, watchdog

MINUTES = 250.0
"""Less than a test may take, so that what hangs is still told by what was to end it."""

SURELY = 60.0
"""For the last words of an end: to release the lease, to abort uploads, to answer who asked."""


def _bite(code: int) -> Never:
    message = f"a watchdog would have ended this process, with {code}: give it a process of its own"
    raise AssertionError(message)


@contextmanager
def unhurried() -> Iterator[None]:
    """In this process a watchdog waits for minutes, and then raises where it would end all tests.

    What is noted before an end, and said at it, has as long: a machine that stands still for a
    second is no reason to do without. Processes that are started have the product's own times.
    """
    with pytest.MonkeyPatch.context() as patched:
        for module in (stopper, sync_command):
            patched.setattr(module, "GRACE", MINUTES)
        for module in (final, watchdog):
            patched.setattr(module, "NOTE_SECONDS", MINUTES)
        patched.setattr(watchdog, "os", SimpleNamespace(_exit=_bite))
        patched.setattr(tenure, "RELEASE_SECONDS", SURELY)
        patched.setattr(server, "JOIN_SECONDS", SURELY)
        patched.setattr(upload_manager, "CLOSE_SECONDS", SURELY)
        yield
