"""What `doctor` asks of the object store: rights, conditions, names, clock, configuration.

The probes write small objects below the mirror's ``.wherobots/``, which is never mirrored and
never shown, and delete them again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wherobots_storage.commands.findings import Finding, checked
from wherobots_storage.commands.subject import Subject
from wherobots_storage.errors import (
    AccessDenied,
    ConflictError,
    NotFound,
    NotSupported,
    StorageError,
)
from wherobots_storage.objectstore.hiding import hidden_folders
from wherobots_storage.objectstore.store import Part, iterate_keys

MAX_SKEW_SECONDS = 60.0
"""S3 refuses requests from 15 minutes on; a minute already spoils modification times."""

_GUESS = "00000000000000000000000000000000"


@dataclass(frozen=True, slots=True)
class StoreChecks(Subject):
    """The checks of one store, in the order in which they make sense."""

    def findings(self) -> Iterator[Finding]:
        """Every check's finding; the later ones are skipped where an earlier one failed."""
        basic: list[tuple[str, Callable[[], Finding]]] = [
            ("credentials", self.credentials),
            ("bucket", self.bucket),
            ("list", self.listing),
            ("write", self.writing),
        ]
        blocked = False
        for name, action in basic:
            finding = _skipped(name) if blocked else checked(name, action)
            blocked = blocked or finding.state == "failed"
            yield finding
        rest: list[tuple[str, Callable[[], Finding]]] = [
            ("conditional writes", self.conditions),
            ("names", self.names),
            ("clock", self.clock),
            ("versioning", self.versioning),
            ("unfinished uploads", self.unfinished_uploads),
        ]
        for name, action in rest:
            yield _skipped(name) if blocked else checked(name, action)

    def credentials(self) -> Finding:
        """Whether the SDK finds any, and where: never which."""
        source = self.inspection.credentials_source()
        return Finding(check="credentials", state="ok", message=f"Found by {source}.")

    def bucket(self) -> Finding:
        """Whether the endpoint answers and knows the bucket, in this region."""
        try:
            self.store.check()
        except AccessDenied:
            # A user's session may not ask for the bucket as a whole: one of its folders does.
            own, _ = self.tenancy.permissions.areas[0]
            self.store.list_page(own.key(self.tenancy.root), limit=1)
        where = f"{self.inspection.endpoint} knows the bucket {self.store.bucket}"
        region = self.inspection.region
        return Finding(
            check="bucket", state="ok", message=f"{where} (region {region})." if region else where
        )

    def listing(self) -> Finding:
        """Whether every writable folder can be listed."""
        for top, _ in self.tenancy.permissions.areas:
            try:
                self.store.list_page(top.key(self.tenancy.root), limit=1)
            except StorageError as error:
                raise error.at(top.display) from None
        count = len(self.tenancy.permissions.areas)
        return Finding(check="list", state="ok", message=f"All {count} folders can be listed.")

    def writing(self) -> Finding:
        """Whether an object can be written, read and deleted."""
        with _Probe(self) as key:
            body = uuid.uuid4().bytes
            self.store.put(key, body)
            with self.store.get(key) as stream:
                if b"".join(stream.chunks()) != body:
                    message = "The store gives back other bytes than were written."
                    return Finding(check="write", state="failed", message=message)
            self.store.delete(key)
        message = "Objects can be written, read and deleted in the mirror of the home."
        return Finding(check="write", state="ok", message=message)

    def conditions(self) -> Finding:
        """Whether the store honours If-Match and If-None-Match on put, complete and delete."""
        ignored = [
            what
            for what, honoured in (
                ("a new object (If-None-Match)", self._new_only_put),
                ("a known object (If-Match)", self._known_only_put),
                ("a large object (on CompleteMultipartUpload)", self._new_only_complete),
                ("a deletion (If-Match)", self._known_only_delete),
            )
            if not honoured()
        ]
        if not ignored:
            message = "Honoured: two writers cannot overwrite each other."
            return Finding(check="conditional writes", state="ok", message=message)
        return Finding(
            check="conditional writes",
            state="warning",
            message=f"The store ignores conditions for {', '.join(ignored)}.",
            advice="Let one server at a time write this home; a change made elsewhere in the same "
            "instant could be overwritten.",
        )

    def names(self) -> Finding:
        """Whether keys are kept as they are, and listed whatever their folders are called."""
        rewritten = [odd for odd in ("a//b", "a\\b") if not self._keeps(odd)]
        hidden = sorted(hidden_folders(self.store, f"{self.probe_key()}-"))
        if not rewritten and not hidden:
            message = "The store keeps every name as it is."
            return Finding(check="names", state="ok", message=message)
        messages, advice = [], []
        if rewritten:
            messages.append(f"The store rewrites names such as {' and '.join(rewritten)}.")
            advice.append("Avoid backslashes and double slashes.")
        if hidden:
            messages.append(f"It never lists what is in folders called {' or '.join(hidden)}.")
            advice.append("Give such folders other names.")
        return Finding(
            check="names",
            state="warning",
            message=" ".join(messages),
            advice=f"{' '.join(advice)} They are left out of the mirror, and listed.",
        )

    def clock(self) -> Finding:
        """How far this machine's clock is from the store's (its Date header, whole seconds)."""
        before = time.time()
        theirs = self.inspection.server_time()
        if theirs is None:
            message = "The store does not tell its time."
            return Finding(check="clock", state="note", message=message)
        skew = (before + time.time()) / 2 - theirs
        if abs(skew) <= MAX_SKEW_SECONDS:
            return Finding(
                check="clock", state="ok", message=f"{abs(skew):.0f} s from the store's."
            )
        direction = "ahead of" if skew > 0 else "behind"
        return Finding(
            check="clock",
            state="warning",
            message=f"This machine's clock is {abs(skew):.0f} s {direction} the store's.",
            advice="Set the clock, for example by enabling NTP; from 15 minutes on S3 refuses "
            "every request.",
        )

    def versioning(self) -> Finding:
        """Whether the bucket keeps old versions."""
        try:
            state = self.inspection.versioning()
        except (AccessDenied, NotSupported):
            return _unknown("versioning", "whether the bucket keeps old versions")
        if state == "Enabled":
            message = "On: overwritten and deleted files can be had back from the store."
            return Finding(check="versioning", state="ok", message=message)
        return Finding(
            check="versioning",
            state="note",
            message="Off: what is overwritten or deleted in the bucket is gone.",
            advice="Consider enabling versioning on the bucket, with a lifecycle rule that ends "
            "old versions after some weeks.",
        )

    def unfinished_uploads(self) -> Finding:
        """Whether a lifecycle rule clears the parts of uploads that nobody finished."""
        name = "unfinished uploads"
        try:
            cleared = self.inspection.clears_unfinished_uploads()
        except (AccessDenied, NotSupported):
            return _unknown(name, "whether a lifecycle rule clears unfinished uploads")
        if cleared:
            return Finding(check=name, state="ok", message="A lifecycle rule clears them.")
        return Finding(
            check=name,
            state="note",
            message="No lifecycle rule clears the parts of uploads that were never finished.",
            advice="Add the rule AbortIncompleteMultipartUpload (7 days, say): such parts are "
            "invisible, and billed.",
        )

    # ---- the probes ---------------------------------------------------------------------

    def _new_only_put(self) -> bool:
        with _Probe(self) as key:
            self.store.put(key, b"first")
            return _refused(lambda: self.store.put(key, b"second", if_none_match=True))

    def _known_only_put(self) -> bool:
        with _Probe(self) as key:
            self.store.put(key, b"first")
            return _refused(lambda: self.store.put(key, b"second", if_match=_GUESS))

    def _known_only_delete(self) -> bool:
        with _Probe(self) as key:
            self.store.put(key, b"first")
            return _refused(lambda: self.store.delete(key, if_match=_GUESS))

    def _new_only_complete(self) -> bool:
        with _Probe(self) as key:
            self.store.put(key, b"first")
            upload = self.store.create_multipart(key)
            try:
                # The last part may be of any size.
                body = b"second"
                etag = self.store.upload_part(key, upload, 1, body, size=len(body))
                parts = [Part(1, etag, len(body))]
                return _refused(
                    lambda: self.store.complete_multipart(key, upload, parts, if_none_match=True)
                )
            finally:
                self.store.abort_multipart(key, upload)

    def _keeps(self, odd: str) -> bool:
        with _Probe(self) as key:
            self.store.put(f"{key}/{odd}", b"")
            return any(
                getattr(entry, "key", "") == f"{key}/{odd}"
                for entry in iterate_keys(self.store, key)
            )


class _Probe:
    """A key below the reserved folder; whatever begins with it is deleted at the end."""

    def __init__(self, checks: StoreChecks) -> None:
        self._store = checks.store
        self._key = checks.probe_key()

    def __enter__(self) -> str:
        return self._key

    def __exit__(self, *exc: object) -> None:
        found = [getattr(entry, "key", "") for entry in iterate_keys(self._store, self._key)]
        self._store.delete_many([key for key in found if key])


def _refused(action: Callable[[], object]) -> bool:
    """Whether a condition that does not hold was refused. A store may also say "not found"."""
    try:
        action()
    except (ConflictError, NotFound):
        return True
    except NotSupported:
        return False
    return False


def _skipped(check: str) -> Finding:
    return Finding(check=check, state="skipped", message="Not checked: see the failure above.")


def _unknown(check: str, what: str) -> Finding:
    return Finding(check=check, state="note", message=f"The store does not tell {what}.")
