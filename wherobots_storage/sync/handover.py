"""What passes between the server and the agent it starts: settings, and an exit code."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from wherobots_storage.errors import InvalidConfiguration
from wherobots_storage.namespace.paths import Root
from wherobots_storage.settings import Session, Settings, Tenancy

DONE, FAILED, INCOMPLETE = 0, 1, 3
"""The agent's exit codes, as every command's."""

HELD = 4
"""The agent's exit code when another writer has this home, and it did not end that one."""


class _Handover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the agent needs of ``Settings``; paths are absolute."""

    home: str
    state_dir: str
    bucket: str
    prefix: str
    customer: str
    watch: bool
    sync_interval: float
    restore_wait: float
    shutdown_timeout: float
    ignores: tuple[str, ...]
    role_arn: str | None
    hub_service: str | None
    session: Session


def settings_to_json(settings: Settings) -> bytes:
    """The settings as a line, without its end. Raises NotConfigured when no root is set.

    Holds no secret: credentials travel in the environment, as for every AWS program.
    """
    tenancy = settings.require_tenancy()
    handover = _Handover(
        home=_as_utf8(settings.home),
        state_dir=_as_utf8(settings.state_dir),
        bucket=tenancy.root.bucket,
        prefix=tenancy.root.prefix,
        customer=tenancy.customer,
        watch=settings.watch,
        sync_interval=settings.sync_interval,
        restore_wait=settings.restore_wait,
        shutdown_timeout=settings.shutdown_timeout,
        ignores=settings.ignores,
        role_arn=settings.role_arn,
        hub_service=settings.hub_service,
        session=settings.session,
    )
    return msgspec.json.encode(handover)


def _as_utf8(folder: Path) -> str:
    """The folder's name as the agent will see it, whatever encoding the server's locale has."""
    return os.fsencode(folder.expanduser().absolute()).decode("utf-8", "surrogateescape")


def until_to_json(until: float) -> bytes:
    """The server's last words through the pipe: when the agent must have ended, as a line.

    ``until`` is of the monotonic clock, which is one for all processes of a machine (Linux's
    clock_gettime(2)).
    """
    return msgspec.json.encode(until) + b"\n"


def read_until(line: bytes) -> float | None:
    """The time in such a line; None when it is none."""
    try:
        return msgspec.json.decode(line, type=float)
    except msgspec.MsgspecError:
        return None


def settings_from_json(line: bytes) -> Settings:
    """The settings of such a line. Raises InvalidConfiguration when it is none."""
    try:
        handover = msgspec.json.decode(line, type=_Handover)
    except msgspec.MsgspecError as error:
        message = (
            "The sync agent is started by the Jupyter server, which hands it its settings; "
            f"what it got is none: {error}."
        )
        raise InvalidConfiguration(message) from error
    return Settings(
        home=Path(handover.home),
        state_dir=Path(handover.state_dir),
        tenancy=Tenancy(Root(handover.bucket, handover.prefix), handover.customer),
        watch=handover.watch,
        sync_interval=handover.sync_interval,
        restore_wait=handover.restore_wait,
        shutdown_timeout=handover.shutdown_timeout,
        ignores=handover.ignores,
        role_arn=handover.role_arn,
        hub_service=handover.hub_service,
        session=handover.session,
    )
