"""What `doctor` tries of the bucket's own documents: the refusal of plain http, and CORS rules.

Both are tried with an empty object below the mirror's ``.wherobots/``, which is deleted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wherobots_storage.commands.findings import Finding, checked
from wherobots_storage.commands.subject import Subject
from wherobots_storage.objectstore.hosts import is_in_the_clear

HTTP = "plain http"
PAGES = "other sites"

STRANGER = "https://doctor.invalid"
"""The origin of a page that nobody has named (RFC 6761 keeps ``.invalid`` for such)."""


@dataclass(frozen=True, slots=True)
class BucketChecks(Subject):
    """Of one bucket."""

    def findings(self) -> Iterator[Finding]:
        """One on the way to the store, and one on pages of other sites."""
        yield checked(HTTP, self.plain_http)
        yield checked(PAGES, self.pages)

    def plain_http(self) -> Finding:
        """Whether what is read and written can be read on the way."""
        endpoint = self.inspection.endpoint
        if endpoint.startswith("http://"):
            return self._without_tls(endpoint)
        served = self._with_probe(self.inspection.served_over_http)
        if not served:
            how = "Refused" if served is False else "Not served"
            message = f"{how}: everything goes to the store by https."
            return Finding(check=HTTP, state="ok", message=message)
        return Finding(
            check=HTTP,
            state="warning",
            message="The store answers it, too: a program that is set up for it sends files in "
            "plain text.",
            advice="Put the bucket policy that `wherobots-storage policy` prints.",
        )

    def _without_tls(self, endpoint: str) -> Finding:
        if not is_in_the_clear(endpoint):
            message = "The store is on this machine: nothing that goes to it leaves it."
            return Finding(check=HTTP, state="ok", message=message)
        return Finding(
            check=HTTP,
            state="warning",
            message=f"Files and session tokens go to {endpoint} in plain text.",
            advice="Name the store by https in AWS_ENDPOINT_URL.",
        )

    def pages(self) -> Finding:
        """Whether pages of sites that nobody has named may read with a presigned URL."""
        allowed = self._with_probe(lambda key: self.inspection.shown_to_pages(key, STRANGER))
        if allowed is None:
            message = "What the store lets pages of other sites read could not be tried."
            return Finding(check=PAGES, state="note", message=message)
        if not allowed:
            message = "Their pages can read nothing, not even by a presigned URL."
            return Finding(check=PAGES, state="ok", message=message)
        return Finding(
            check=PAGES,
            state="note",
            message="Pages of any site can read what they have a presigned URL for.",
            advice="Name the sites in CORS rules: wherobots-storage policy --origin URL.",
        )

    def _with_probe(self, attempt: Callable[[str], bool | None]) -> bool | None:
        key = self.probe_key()
        self.store.put(key, b"")
        try:
            return attempt(key)
        finally:
            self.store.delete(key)
