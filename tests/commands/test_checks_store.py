from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
from support.faults import HidingStore
from support.stub_server import Reply, stub_server

from wherobots_storage.commands.checks_store import StoreChecks
from wherobots_storage.commands.findings import Finding, checked
from wherobots_storage.errors import (
    AccessDenied,
    NoCredentials,
    NoSuchBucket,
    NotSupported,
    StorageError,
)
from wherobots_storage.namespace.paths import Root
from wherobots_storage.objectstore.connect import connect
from wherobots_storage.objectstore.memory import MemoryStore
from wherobots_storage.settings import Tenancy

TENANCY = Tenancy(Root("test", "org/"), "customer-a")


@dataclass
class Facts:
    """An inspection with the facts that a test gives it."""

    endpoint: str = "https://store.example"
    region: str = "us-east-1"
    skew: float | None = 0.0
    kept: str | StorageError = "Enabled"
    clears: bool | StorageError = True
    source: str | StorageError = "the environment"
    served: bool | None = False
    shown: bool | None = False

    def credentials_source(self) -> str:
        if isinstance(self.source, StorageError):
            raise self.source
        return self.source

    def server_time(self) -> float | None:
        return None if self.skew is None else time.time() - self.skew

    def versioning(self) -> str:
        if isinstance(self.kept, StorageError):
            raise self.kept
        return self.kept

    def clears_unfinished_uploads(self) -> bool:
        if isinstance(self.clears, StorageError):
            raise self.clears
        return self.clears

    def served_over_http(self, key: str) -> bool | None:
        assert key
        return self.served

    def shown_to_pages(self, key: str, origin: str) -> bool | None:
        assert key
        assert origin
        return self.shown


class NoConditions(MemoryStore):
    """A store that accepts every condition and looks at none."""

    def put(
        self,
        key: str,
        body: bytes | Iterable[bytes],
        *,
        size: int | None = None,
        metadata: Mapping[str, str] | None = None,
        content_type: str | None = None,
        if_none_match: bool = False,
        if_match: str | None = None,
    ) -> str:
        del if_none_match, if_match
        return super().put(key, body, size=size, metadata=metadata, content_type=content_type)


class Rewriting(MemoryStore):
    """A store that folds double slashes and turns backslashes, as SeaweedFS does."""

    def put(self, key: str, body: bytes | Iterable[bytes], **options: object) -> str:
        plain = key.replace("\\", "/").replace("//", "/")
        return super().put(plain, body, **options)  # type: ignore[arg-type]


class Refusing(MemoryStore):
    """A store that refuses to delete and to list another area."""

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        del key, if_match
        raise AccessDenied("The object store refused this.")


def check(store: MemoryStore, facts: Facts | None = None) -> dict[str, Finding]:
    """What every check finds of the store, by the check's name."""
    found = StoreChecks(TENANCY, store, facts or Facts()).findings()
    return {finding.check: finding for finding in found}


def test_a_good_store_passes_every_check(memory_store: MemoryStore) -> None:
    """Where everything is as it should be, every finding is ok and nothing is left behind."""
    assert {finding.state for finding in check(memory_store).values()} == {"ok"}
    assert memory_store.list_page("").entries == ()
    assert memory_store.list_uploads("") == []


def test_a_failure_skips_what_it_makes_pointless(memory_store: MemoryStore) -> None:
    """Without credentials nothing else is asked, and the advice says what to set."""
    found = check(memory_store, Facts(source=NoCredentials("No credentials.")))
    assert found["credentials"].state == "failed"
    assert "AWS_ACCESS_KEY_ID" in found["credentials"].advice
    others = {finding.state for name, finding in found.items() if name != "credentials"}
    assert others == {"skipped"}


def test_a_missing_bucket_is_named(memory_store: MemoryStore) -> None:
    """A bucket that is not there fails its own check with the store's words."""

    class Missing(MemoryStore):
        def check(self) -> None:
            raise NoSuchBucket("There is no bucket test.")

    del memory_store
    found = check(Missing())
    assert (found["bucket"].state, found["bucket"].message) == (
        "failed",
        "There is no bucket test.",
    )
    assert found["list"].state == "skipped"


def test_a_store_that_refuses_deletes_fails_the_write_check() -> None:
    """Rights that are missing are found by trying, and the right check says so."""
    found = check(Refusing())
    assert found["write"].state == "failed"
    assert "delete" in found["write"].advice


NO_KEY = b"""<Error><Code>AccessDenied</Code><Message>User: arn:aws:sts::1:assumed-role/storage/ann
is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:1:key/1 because
no session policy allows the kms:GenerateDataKey action</Message></Error>"""


def test_a_key_that_may_not_be_used_has_advice_of_its_own() -> None:
    """Rights on folders would not help: it is said that it is the bucket's key, and what to set."""
    with stub_server() as stub:
        empty = Reply(200, b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
        stub.answer = lambda one: Reply(403, NO_KEY) if one.method == "PUT" else empty
        store = connect("test", stub.environment())
        finding = checked("write", StoreChecks(TENANCY, store, Facts()).writing)
        store.close()
    assert finding.state == "failed"
    assert "KMS key" in finding.message
    assert "WHEROBOTS_STORAGE_KMS_KEY" in finding.advice
    assert "--kms-key" in finding.advice


def test_ignored_conditions_are_a_warning() -> None:
    """A store that ignores conditions still works; what that costs is said."""
    found = check(NoConditions())["conditional writes"]
    assert found.state == "warning"
    assert "If-None-Match" in found.message
    assert "overwritten" in found.advice


def test_rewritten_names_are_a_warning() -> None:
    """A store that changes keys is told of, with the names that it changes."""
    found = check(Rewriting())["names"]
    assert found.state == "warning"
    assert "a//b" in found.message
    assert "a\\b" in found.message


def test_hidden_folders_are_a_warning() -> None:
    """A store that never lists what is in some folders is told of, with their names."""
    store = HidingStore("test")
    found = check(store)["names"]
    assert found.state == "warning"
    assert "*.versions or .uploads" in found.message
    assert "other names" in found.advice
    assert list(store._objects) == []


@pytest.mark.parametrize(
    ("skew", "state", "said"),
    [
        (5.0, "ok", "5 s from"),
        (600.0, "warning", "ahead of"),
        (-600.0, "warning", "behind"),
        (None, "note", "does not tell"),
    ],
)
def test_the_clock_is_compared(skew: float | None, state: str, said: str) -> None:
    """A minute is fine; more is a warning that says in which direction."""
    found = check(MemoryStore(), Facts(skew=skew))["clock"]
    assert found.state == state
    assert said in found.message


@pytest.mark.parametrize(
    ("kept", "state"),
    [("Enabled", "ok"), ("Suspended", "note"), ("", "note"), (NotSupported("no"), "note")],
)
def test_versioning_is_advice(kept: str | StorageError, state: str) -> None:
    """Whatever the bucket does with old versions, it is never a failure."""
    assert check(MemoryStore(), Facts(kept=kept))["versioning"].state == state


@pytest.mark.parametrize(
    ("clears", "state"), [(True, "ok"), (False, "note"), (AccessDenied("no"), "note")]
)
def test_the_lifecycle_rule_is_advice(clears: bool | StorageError, state: str) -> None:
    """A missing rule for unfinished uploads is worth a note, with the rule's name."""
    found = check(MemoryStore(), Facts(clears=clears))["unfinished uploads"]
    assert found.state == state
    if clears is False:
        assert "AbortIncompleteMultipartUpload" in found.advice
