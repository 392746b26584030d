"""What `doctor` tries that must not be possible: to reach what is not the user's.

A policy that was pasted wrongly, or that a store reads in another way, is found out by trying. What
is written outside, where it can be, has a made-up customer's name and is deleted again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from wherobots_storage.commands.findings import Finding, checked
from wherobots_storage.errors import AccessDenied, NotFound
from wherobots_storage.namespace.permissions import RESERVED_NAME
from wherobots_storage.namespace.policy import Scope
from wherobots_storage.objectstore.store import ObjectStore
from wherobots_storage.settings import Tenancy

Open = Callable[[Scope], AbstractContextManager[ObjectStore]]
"""Opens the bucket with a session that was vended for a scope."""

GUIDE = 'See docs/credentials.md, "Where users are kept apart".'


@dataclass(frozen=True, slots=True)
class IsolationChecks:
    """``isolated``: users are to be kept apart. ``vend`` None: no sessions are configured.

    ``again`` tries with a session to assume its role anew; None where the role is not known here.
    """

    tenancy: Tenancy
    store: ObjectStore
    isolated: bool
    vend: Open | None
    again: Callable[[], bool] | None = None

    def findings(self) -> Iterator[Finding]:
        """A finding on what the server works with, and what can be said of what it hands out."""
        yield checked("boundary", self.boundary)
        yield checked("temporary credentials", self.sessions)
        if self.again is not None:
            yield checked("sessions", self.new_sessions)

    def boundary(self) -> Finding:
        """Whether this server's own credentials end at the user's folders."""
        beyond = Beyond(self.tenancy, self.store).reached()
        if not beyond:
            message = "These credentials reach the user's folders and nothing else."
            return Finding(check="boundary", state="ok", message=message)
        reached = f"They can {', '.join(beyond)}."
        if self.isolated:
            return Finding(
                check="boundary",
                state="failed",
                message=f"The user's session reaches what is not the user's. {reached}",
                advice="Compare the role's policies with those of: wherobots-storage policy. "
                + GUIDE,
            )
        return Finding(
            check="boundary",
            state="note",
            message="Users are not kept apart: kernels can get at this server's credentials. "
            + reached,
            advice=GUIDE,
        )

    def sessions(self) -> Finding:
        """Whether a session for one folder works there, and nowhere else."""
        name = "temporary credentials"
        if self.vend is None:
            return Finding(
                check=name,
                state="note",
                message="Not set up: there are none for uploads with the AWS CLI, nor for kernels.",
                advice="Set WHEROBOTS_STORAGE_ROLE_ARN, or WHEROBOTS_STORAGE_HUB_SERVICE. " + GUIDE,
            )
        tenancy = self.tenancy
        (own, _), *others = tenancy.permissions.areas
        scope = Scope.of_folder(tenancy.root, tenancy.permissions, own, "write")
        with self.vend(scope) as store:
            key = f"{own.key(tenancy.root)}{RESERVED_NAME}-doctor-{uuid.uuid4().hex}"
            store.put(key, b"")
            store.delete(key)
            beyond = Beyond(tenancy, store).reached()
            for top, _ in others:
                beyond += _writable(store, top.key(tenancy.root), f"write in {top.display}")
        if beyond:
            return Finding(
                check=name,
                state="failed",
                message=f"A session for {own.display} can also {', '.join(beyond)}.",
                advice="The store does not hold sessions to their policy: hand none out. " + GUIDE,
            )
        message = f"A session for {own.display} works there, and is refused everywhere else."
        return Finding(check=name, state="ok", message=message)

    def new_sessions(self) -> Finding:
        """Whether a session can get rid of its policy by assuming its role anew."""
        name = "sessions"
        if self.again is None or not self.again():
            message = "A session cannot assume its role again, without its policy."
            return Finding(check=name, state="ok", message=message)
        return Finding(
            check=name,
            state="failed" if self.isolated else "warning",
            message="This store lets a session assume its role again, without its policy: whoever "
            "is handed one reaches all that the role does.",
            advice="Neither a role that is assumed with keys nor the hub's service keeps users "
            "apart here: use web identities. " + GUIDE,
        )


@dataclass(frozen=True, slots=True)
class Beyond:
    """Tries what nobody but an administrator should be able to do."""

    tenancy: Tenancy
    store: ObjectStore

    def reached(self) -> list[str]:
        """What was not refused, in words. Raises StorageError but AccessDenied and NotFound."""
        prefix = self.tenancy.root.prefix
        found: list[str] = []
        listings = {"": "list the whole bucket", f"{prefix}data/": "list everybody's data"}
        listings[f"{prefix}notebooks/"] = "list everybody's notebooks"
        for listed, words in listings.items():
            if allowed(partial(self.store.list_page, listed, limit=1)):
                found.append(words)
        for area in ("data", "notebooks"):
            found += self._neighbour(area)
        return found

    def _neighbour(self, area: str) -> list[str]:
        """What can be done to a neighbour by prefix: a policy that lacks the slash lets it through.

        Listings are a right of their own, by a condition of their own.
        """
        own = f"{self.tenancy.root.prefix}{area}/{self.tenancy.customer}"
        folder = f"{own}x-doctor-{uuid.uuid4().hex[:8]}/"
        store = self.store
        tried: dict[str, tuple[Callable[[], object], ...]] = {
            # Without the slash at its end the user's own name lists the neighbours' files, too.
            "list": (
                partial(store.list_page, folder, limit=1),
                partial(store.list_page, own, limit=1),
            ),
            "read": (partial(store.head, f"{folder}probe"), lambda: _read(store, f"{folder}probe")),
            "delete": (partial(store.delete, f"{folder}probe"),),
        }
        found = [
            f"{verb} another customer's {area}"
            for verb, actions in tried.items()
            if any(allowed(action) for action in actions)
        ]
        return found + _writable(store, folder, f"write another customer's {area}")


def _read(store: ObjectStore, key: str) -> None:
    with store.get(key):
        pass


def _writable(store: ObjectStore, folder: str, words: str) -> list[str]:
    """``words`` if an object can be written in a folder; it is deleted again."""
    key = f"{folder}{RESERVED_NAME}-doctor-{uuid.uuid4().hex}"
    if not allowed(lambda: store.put(key, b"")):
        return []
    if not allowed(lambda: store.delete(key)):
        return [f"{words} (and not delete there: {key} stays)"]
    return [words]


def allowed(action: Callable[[], object]) -> bool:
    """Whether the store let it be done; of what is not there it may say so to who may ask."""
    try:
        action()
    except AccessDenied:
        return False
    except NotFound:
        return True
    return True
