"""Check everything that storage and sync need, one by one, and say what to do.

Small probe objects are written below the mirror's .wherobots/ and in your data folder, and where
they ought to be refused and are not: below a made-up customer's name and in the other folders that
you may write in. They are deleted again. No key or token is ever shown.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wherobots_storage.commands import checks_kernels, checks_local
from wherobots_storage.commands.checks_isolation import IsolationChecks, Open
from wherobots_storage.commands.checks_reach import ReachChecks, ways
from wherobots_storage.commands.context import DONE, FAILED, INCOMPLETE, Context
from wherobots_storage.commands.findings import Finding, State, failed
from wherobots_storage.commands.output import Output
from wherobots_storage.credentials.source import MIN_SECONDS
from wherobots_storage.errors import (
    AccessDenied,
    CredentialsError,
    NotSupported,
    StorageError,
)
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Settings

_MARKS: dict[State, str] = {
    "ok": "ok      ",
    "note": "note    ",
    "warning": "WARNING ",
    "failed": "FAILED  ",
    "skipped": "skipped ",
}
_INDENT = " " * 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its own arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object a check, a line each")


def run(context: Context) -> int:
    """Check, and exit with 0 (all well), 1 (something failed) or 3 (warnings)."""
    states = set()
    for finding in _findings(context, context.settings()):
        states.add(finding.state)
        context.output.record(finding)
        _show(finding, context.output)
    if "failed" in states:
        return FAILED
    return INCOMPLETE if "warning" in states else DONE


def _findings(context: Context, settings: Settings) -> Iterator[Finding]:
    yield checks_local.configuration(settings)
    yield from checks_local.hub_service(settings)
    if settings.tenancy is not None:
        yield from _store_findings(context, settings)
        yield from checks_kernels.kernels(settings, os.environ)
    yield checks_local.home(settings)
    yield checks_local.agent(settings)
    yield from checks_local.jupyter()


def _store_findings(context: Context, settings: Settings) -> Iterator[Finding]:
    # Imported late: the S3 libraries are slow to load.
    from wherobots_storage.commands.checks_bucket import BucketChecks  # noqa: PLC0415
    from wherobots_storage.commands.checks_store import StoreChecks  # noqa: PLC0415
    from wherobots_storage.credentials.stores import (  # noqa: PLC0415
        keeps_apart,
        works_with_session,
    )
    from wherobots_storage.objectstore.inspect import inspect_store  # noqa: PLC0415

    tenancy = settings.require_tenancy()
    try:
        with context.store(settings) as store:
            usable = True
            for finding in StoreChecks(tenancy, store, inspect_store(store)).findings():
                usable = usable and finding.state != "failed"
                yield finding
            if usable:
                yield from BucketChecks(tenancy, store, inspect_store(store)).findings()
                isolated = works_with_session(settings)
                checks = IsolationChecks(
                    tenancy, store, isolated, _sessions(settings), _again(settings)
                )
                yield from checks.findings()
                if isolated:
                    reach = ReachChecks(
                        tenancy, store, keeps_apart(settings), tuple(ways(settings))
                    )
                    yield from reach.findings()
    except StorageError as error:
        # Opening a store asks nothing of it: what fails here is the SDK's own configuration.
        yield failed("SDK configuration", error)


def _sessions(settings: Settings) -> Open | None:
    """How a store is opened with a session of its own, where there are sessions to be had."""
    if settings.role_arn is None and settings.hub_service is None:
        return None
    from wherobots_storage.credentials.stores import open_with_session  # noqa: PLC0415

    @contextmanager
    def opened(scope: Scope) -> Iterator[ObjectStore]:
        store = open_with_session(settings, scope, MIN_SECONDS, by="doctor")
        try:
            yield store
        finally:
            store.close()

    return opened


def _again(settings: Settings) -> Callable[[], bool] | None:
    """Tells whether a session can assume the role that it was made with."""
    role_arn = settings.role_arn
    if role_arn is None or settings.hub_service is not None:
        return None
    from wherobots_storage.credentials.connect import source_of  # noqa: PLC0415
    from wherobots_storage.credentials.sts import AssumeRole, open_client  # noqa: PLC0415

    def assumes() -> bool:
        tenancy = settings.require_tenancy()
        scope = Scope.of_areas(tenancy.root, tenancy.permissions, "read")
        held = source_of(settings).vend(scope, MIN_SECONDS)
        shown = {
            "AWS_ACCESS_KEY_ID": held.access_key_id,
            "AWS_SECRET_ACCESS_KEY": held.secret_access_key,
            "AWS_SESSION_TOKEN": held.session_token,
        }
        try:
            AssumeRole(open_client(shown), role_arn, "doctor").vend(scope, MIN_SECONDS)
        except (AccessDenied, CredentialsError, NotSupported):
            return False
        return True

    return assumes


def _show(finding: Finding, output: Output) -> None:
    output.line(f"{_MARKS[finding.state]}  {finding.check}: {finding.message}")
    if finding.advice:
        output.line(f"{_INDENT}What to do: {finding.advice}")
