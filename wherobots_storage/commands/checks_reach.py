"""What `doctor` tries of what a kernel could use in place of the session that it is given.

A kernel runs as the server's own user: it has the server's files, and can read the environment of
the server. Where users are kept apart, nothing that it finds there may reach more than the user's
folders; so each of these ways is gone as a kernel would go it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wherobots_storage.commands.checks_isolation import GUIDE, Beyond, allowed
from wherobots_storage.commands.findings import Finding, checked
from wherobots_storage.credentials.source import (
    MAX_SECONDS,
    MIN_SECONDS,
    Credentials,
    CredentialSource,
)
from wherobots_storage.errors import (
    AccessDenied,
    CredentialsError,
    InvalidConfiguration,
    NotSupported,
)
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.policy import VERSION, Scope, compact
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Settings, Tenancy

NAME = "within reach"
CASE = "upper and lower case"

REFUSED = (AccessDenied, CredentialsError, InvalidConfiguration, NotSupported)
"""What says that a way leads nowhere."""

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass(frozen=True, slots=True)
class Way:
    """Credentials that a kernel could use. ``words`` names them, after "With".

    ``open`` opens the bucket with them, and raises one of ``REFUSED`` where there are none.
    ``stray``: they are keys that belong to nobody's session, whatever they reach.
    """

    words: str
    open: Callable[[], AbstractContextManager[ObjectStore]]
    stray: bool = False


@dataclass(frozen=True, slots=True)
class ReachChecks:
    """``promised``: the source of sessions is one that keeps users apart."""

    tenancy: Tenancy
    store: ObjectStore
    promised: bool
    ways: tuple[Way, ...]

    def findings(self) -> Iterator[Finding]:
        """One on what is within a kernel's reach, and one on neighbours by case."""
        yield checked(NAME, self.reach)
        if self._other_case() is not None:
            yield checked(CASE, self.case)

    def reach(self) -> Finding:
        """Whether any way leads to more than the user's folders."""
        stray: list[str] = []
        for way in self.ways:
            beyond = self._tried(way)
            if beyond:
                return self._reached(way, beyond)
            if way.stray and beyond is not None:
                stray.append(way.words)
        if not stray:
            message = "Nothing that was found in a kernel's reach goes beyond the user's folders."
            return Finding(check=NAME, state="ok", message=message)
        return Finding(
            check=NAME,
            state="warning" if self.promised else "note",
            message=f"Kernels can find {', '.join(stray)}: beside the user's session. In this "
            "bucket they reach nothing more, but perhaps in others, or by a role.",
            advice="Remove them from this server's environment, files and image. " + GUIDE,
        )

    def case(self) -> Finding:
        """Whether the store takes names that differ in case for one, in its policies."""
        other = self._other_case() or ""
        folders = [f"{self.tenancy.root.prefix}{area}/{other}/" for area in ("data", "notebooks")]
        # Objects too: SeaweedFS (4.48) tells case apart in a listing's prefix, and not in a key.
        if not any(
            allowed(partial(self.store.list_page, folder, limit=1))
            or allowed(partial(self.store.head, f"{folder}{RESERVED_NAME}-doctor"))
            for folder in folders
        ):
            message = "The store tells them apart in its policies."
            return Finding(check=CASE, state="ok", message=message)
        return Finding(
            check=CASE,
            state="note" if self.tenancy.customer.islower() else "warning",
            message="The store does not tell them apart in its policies: a customer "
            f"{other!r} would be reached too.",
            advice="Use customers' names in lower case only, as names from a hub are.",
        )

    def _other_case(self) -> str | None:
        """The customer's name with its letters in the other case; None without letters."""
        head, dash, name = self.tenancy.customer.partition("-")
        return None if name.swapcase() == name else f"{head}{dash}{name.swapcase()}"

    def _tried(self, way: Way) -> list[str] | None:
        """What a way reaches; None where it is none."""
        try:
            with way.open() as store:
                return Beyond(self.tenancy, store).reached()
        except REFUSED:
            return None

    def _reached(self, way: Way, beyond: list[str]) -> Finding:
        return Finding(
            check=NAME,
            state="failed" if self.promised else "note",
            message=f"With {way.words} a kernel can {', '.join(beyond)}.",
            advice="Keep such keys from users' servers, and let a role that is assumed by web "
            "identity allow one customer's folders only (wherobots-storage policy). " + GUIDE,
        )


class Unlimited(Scope):
    """A scope whose policy takes nothing away: what is left is what the role itself allows.

    For trying what a kernel could ask STS for itself; never for what is handed out.
    """

    __slots__ = ()

    def policy(self, partition: str = "aws", kms_key: str | None = None) -> str:
        """Everything, as a session policy; what is encrypted too, where there is such a key.

        Ceph's gateway (16.2) takes no policy with an action of another service in it.
        """
        del partition
        actions = ["s3:*"] if kms_key is None else ["s3:*", "kms:*"]
        everything = {"Effect": "Allow", "Action": actions, "Resource": ["*"]}
        return compact({"Version": VERSION, "Statement": [everything]})


Keys = Mapping[str, str]
"""The variables of ``KEYS`` that are set in some environment."""


def ways(settings: Settings, parents: Iterable[Mapping[str, str]] | None = None) -> list[Way]:
    """The ways that there are with these settings, from this process.

    ``parents``: the environments of the processes that it was started by. In a terminal one is the
    server's, of which the terminal's own is a part only.
    """
    found: list[Way] = []
    role = settings.role_arn
    if role is not None:
        words = "this role, assumed without a session policy as this server assumes it,"
        found.append(Way(words, partial(_assumed, settings, role, None)))
    own = _sdk_way(settings)
    if own is not None:
        found.append(own)
    for keys in _other_keys(_environments() if parents is None else parents):
        words = "keys in the environment of a process that started this one"
        found.append(Way(words, partial(_with_keys, settings, keys), stray=True))
        if role is not None:
            words = "the role, assumed with such keys without a session policy,"
            found.append(Way(words, partial(_assumed, settings, role, keys)))
    return found


def _sdk_way(settings: Settings) -> Way | None:
    """What the SDK finds by itself; the endpoint for kernels and a web identity are expected."""
    # Imported late, here and below: the S3 libraries are slow to load.
    from wherobots_storage.objectstore.connect import open_store  # noqa: PLC0415
    from wherobots_storage.objectstore.inspect import SOURCES, inspect_store  # noqa: PLC0415

    @contextmanager
    def opened() -> Iterator[ObjectStore]:
        store = open_store(settings.require_tenancy().root.bucket)
        try:
            yield store
        finally:
            store.close()

    try:
        with opened() as store:
            source = inspect_store(store).credentials_source()
    except REFUSED:
        return None
    expected = {SOURCES["container-role"], SOURCES["assume-role-with-web-identity"]}
    return Way(f"what is found by {source}", opened, stray=source not in expected)


@contextmanager
def _assumed(settings: Settings, role: str, keys: Keys | None) -> Iterator[ObjectStore]:
    """The bucket with all that a role allows, assumed as the server does or with keys."""
    from wherobots_storage.credentials.connect import open_source  # noqa: PLC0415
    from wherobots_storage.credentials.sts import AssumeRole, open_client  # noqa: PLC0415

    customer, key = settings.require_tenancy().customer, settings.kms_key
    if keys is None:
        source = open_source(role, customer, kms_key=key)
    else:
        source = AssumeRole(open_client(keys), role, customer, customer=customer, kms_key=key)
    with _session(settings, source) as store:
        yield store


@contextmanager
def _with_keys(settings: Settings, keys: Keys) -> Iterator[ObjectStore]:
    with _session(settings, _Held(keys)) as store:
        yield store


@contextmanager
def _session(settings: Settings, source: CredentialSource) -> Iterator[ObjectStore]:
    from wherobots_storage.credentials.cache import CachedSource  # noqa: PLC0415
    from wherobots_storage.credentials.renewing import Sessions  # noqa: PLC0415
    from wherobots_storage.objectstore.connect import open_store  # noqa: PLC0415

    tenancy = settings.require_tenancy()
    areas = Scope.of_areas(tenancy.root, tenancy.permissions, "write")
    unlimited = Unlimited(areas.bucket, areas.prefixes, areas.rights, areas.name)
    sessions = Sessions(CachedSource(source), unlimited, MIN_SECONDS)
    store = open_store(areas.bucket, renew=sessions)
    try:
        yield store
    finally:
        store.close()


class _Held:
    """A CredentialSource of keys that were found."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def vend(self, scope: Scope, seconds: int) -> Credentials:  # noqa: ARG002 - the port's
        """The keys, as if they were a session's."""
        found = [self._keys.get(name, "") for name in KEYS]
        return Credentials(found[0], found[1], found[2], time.time() + MAX_SECONDS)


def _other_keys(environments: Iterable[Mapping[str, str]]) -> list[Keys]:
    """The keys that stand in environments, and not in this process's own."""
    found: list[Keys] = []
    for environment in environments:
        keys = {name: environment[name] for name in KEYS if environment.get(name)}
        if not {*KEYS[:2]} <= keys.keys() or keys in found:
            continue
        if keys[KEYS[0]] != os.environ.get(KEYS[0]):
            found.append(keys)
    return found


def _environments(proc: Path = Path("/proc"), pid: int | None = None) -> Iterator[dict[str, str]]:
    """The environments of a process's parents, as far as this user may read them (Linux)."""
    current = os.getppid() if pid is None else pid
    while current > 0:
        try:
            content = (proc / str(current) / "environ").read_bytes()
            status = (proc / str(current) / "status").read_text()
        except OSError:
            return
        lines = (one.partition("=") for one in os.fsdecode(content).split("\0"))
        yield {name: value for name, _, value in lines}
        parent = re.search(r"^PPid:\s*(\d+)$", status, re.MULTILINE)
        current = int(parent.group(1)) if parent else 0
