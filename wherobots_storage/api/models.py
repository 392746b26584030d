"""The structures on the wire, of which ``schema.json`` and the TypeScript types are generated.

Names travel in camelCase. Times are ISO 8601 in UTC (``2026-01-31T12:00:00Z``), sizes in bytes,
paths are display paths. Keys of the store never travel; ``uri`` is the full ``s3://`` address.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Bytes = Annotated[int, Meta(ge=0)]


class Wire(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every structure on the wire."""


class ErrorBody(Wire, frozen=True, kw_only=True):
    """The one shape of an error: a stable code, a sentence for people, the path, retry or not."""

    code: str
    message: str
    path: str | None = None
    retryable: bool = False


class Entry(Wire, frozen=True, kw_only=True):
    """A file or folder in a listing.

    ``protected``: it cannot be deleted. ``problem`` marks a key that can only be listed and
    deleted, and says why.
    """

    name: str
    path: str
    uri: str
    type: Literal["FILE", "FOLDER"]
    protected: bool
    last_modified: str | None = None
    size: Bytes | None = None
    etag: str | None = None
    problem: str | None = None


class Listing(Wire, frozen=True, kw_only=True):
    """A page of a folder: its own flags, some of its entries in the store's order, a cursor.

    ``reason`` says why the folder is read-only, ``caution`` what to think of before writing.
    """

    name: str
    path: str
    uri: str
    mutate_protected: bool
    upload_protected: bool
    entries: list[Entry]
    cursor: str | None = None
    reason: str | None = None
    caution: str | None = None


class EntryDetail(Entry, frozen=True, kw_only=True):
    """One entry with what a HEAD tells beyond a listing."""

    content_type: str | None = None
    metadata: dict[str, str] = {}


class FolderRequest(Wire, frozen=True, kw_only=True):
    """Make a folder."""

    path: str


class DeleteRequest(Wire, frozen=True, kw_only=True):
    """Delete files and folders; a folder's path ends with a slash."""

    paths: Annotated[list[str], Meta(min_length=1, max_length=1000)]


class DeleteFailed(Wire, frozen=True, kw_only=True):
    """One path that was not deleted, and why."""

    path: str
    error: ErrorBody


class Job(Wire, frozen=True, kw_only=True):
    """A long operation. ``done`` and ``total`` count objects; ``total`` is None while unknown.

    ``failed`` lists the objects that it could not deal with, the first hundred of them.
    """

    id: str
    kind: Literal["delete"]
    path: str
    state: Literal["running", "done", "failed"]
    done: int = 0
    total: int | None = None
    error: ErrorBody | None = None
    failed: list[DeleteFailed] = []


class DeleteResult(Wire, frozen=True, kw_only=True):
    """What a delete did at once, and the jobs that go on."""

    deleted: list[str]
    failed: list[DeleteFailed]
    jobs: list[Job]


class UploadRequest(Wire, frozen=True, kw_only=True):
    """Begin an upload. ``etag``: with ``replace``, the version that may be replaced."""

    path: str
    size: Bytes
    mode: Literal["create", "replace"] = "create"
    etag: str | None = None


class UploadPart(Wire, frozen=True, kw_only=True):
    """A part that has arrived."""

    number: int
    etag: str
    size: Bytes


class UploadTicket(Wire, frozen=True, kw_only=True):
    """An upload in progress: send parts of ``part_size`` bytes (the last may be shorter)."""

    id: str
    path: str
    size: Bytes
    part_size: Bytes
    parts: list[UploadPart]


class UploadId(Wire, frozen=True, kw_only=True):
    """Names an upload."""

    id: str


class Counts(Wire, frozen=True, kw_only=True):
    """How many files, and how many bytes they have."""

    files: int = 0
    bytes: int = 0


class Progress(Wire, frozen=True, kw_only=True):
    """How far a restore or a sync is. Totals are None while they are still being counted."""

    phase: Literal["listing", "restoring", "scanning", "uploading", "deleting"]
    files: int = 0
    bytes: int = 0
    total_files: int | None = None
    total_bytes: int | None = None


class SyncNotice(Wire, frozen=True, kw_only=True):
    """One path that is not in sync, with the reason; ``path`` is relative to the home.

    ``copy``: where a conflict's other version is kept. ``during``: what found it out; what a
    restore refused is told until the next one.
    """

    path: str
    code: str
    reason: str
    size: int | None = None
    copy: str | None = None
    during: Literal["sync", "restore"] = "sync"


class PathCounts(Wire, frozen=True, kw_only=True):
    """A path relative to the home, with all below it when it is a folder (slash at the end)."""

    path: str
    files: int = 1
    bytes: int = 0


class HeldDeletions(Wire, frozen=True, kw_only=True):
    """Deletions that a veto holds back, until somebody accepts them or the files are back.

    ``id`` names exactly these: who accepts them says it, so that no others go. ``code`` is the
    veto's; ``paths`` are the first of them, cut as the other lists are.
    """

    id: str = ""
    code: str
    files: int
    bytes: int
    paths: list[PathCounts] = []


class Lease(Wire, frozen=True, kw_only=True):
    """Who may write the mirror."""

    instance: str
    host: str
    mine: bool
    expires: str | None = None


SyncState = Literal[
    "disabled",
    "starting",
    "restoring",
    "idle",
    "syncing",
    "paused",
    "waiting",
    "vetoed",
    "offline",
    "stopping",
    "stopped",
]


class SyncStatus(Wire, frozen=True, kw_only=True):
    """What the sync agent does and knows.

    ``since``: when the state was entered. ``last_synced``: when a cycle last ended with nothing
    left to do. ``notices_total``: how many notices there are, since the lists are cut at 200.
    ``paused``: whether no cycle begins by itself; the state says so once nothing is under way.
    ``ignored_paths``: the largest of what the rules leave out, ``ignored_total`` how many paths.
    """

    state: SyncState
    since: str
    home: str | None = None
    mirror: str | None = None
    last_synced: str | None = None
    pending: Counts = Counts()
    progress: Progress | None = None
    conflicts: list[SyncNotice] = []
    skipped: list[SyncNotice] = []
    conflicts_total: int = 0
    skipped_total: int = 0
    ignored: Counts = Counts()
    ignored_paths: list[PathCounts] = []
    ignored_total: int = 0
    lease: Lease | None = None
    paused: bool = False
    veto: str | None = None
    held: HeldDeletions | None = None
    last_error: ErrorBody | None = None


class SyncRequest(Wire, frozen=True, kw_only=True):
    """Ask the agent for something. ``held``: the ``id`` of the deletions that are accepted."""

    op: Literal["sync", "pause", "resume", "retry", "acceptDeletes", "takeover"]
    held: str | None = None


class Features(Wire, frozen=True, kw_only=True):
    """What the panel may offer."""

    sync: bool
    credentials: bool


class ConfigInfo(Wire, frozen=True, kw_only=True):
    """How the extension is set up. ``problem`` says what to set when it is not configured.

    ``credentials_problem`` says the same of temporary credentials. ``cautions``: of the writable
    folders, those where somebody who uploads past the panel should think of something first.
    """

    configured: bool
    version: str
    features: Features
    problem: ErrorBody | None = None
    credentials_problem: ErrorBody | None = None
    root: str | None = None
    customer: str | None = None
    home: str | None = None
    writable: list[str] = []
    cautions: dict[str, str] = {}
    environment: dict[str, str] = {}


class SyncEvent(Wire, frozen=True, kw_only=True):
    """The payload of a sync status event: the status itself."""

    status: SyncStatus


class JobEvent(Wire, frozen=True, kw_only=True):
    """The payload of a job's event: the job itself."""

    job: Job


# ---- the agent's socket: one JSON object a line -------------------------------------------


class AgentRequest(Wire, frozen=True, kw_only=True):
    """To the agent. ``deadline`` in seconds from now bounds a final sync; None is no limit.

    ``held``: the ``id`` of the deletions that are accepted.
    """

    op: Literal[
        "sync",
        "restore",
        "final",
        "pause",
        "resume",
        "retry",
        "acceptDeletes",
        "takeover",
        "status",
        "stop",
        "subscribe",
    ]
    id: str
    deadline: float | None = None
    held: str | None = None


class AgentEvent(Wire, frozen=True, kw_only=True):
    """From the agent: an answer (``id`` of its request) or, to subscribers, a change of status."""

    event: Literal["status", "progress", "done", "error"]
    id: str | None = None
    status: SyncStatus | None = None
    error: ErrorBody | None = None
    complete: bool | None = None


EXPORTED: tuple[type[Wire], ...] = (
    ErrorBody,
    Listing,
    EntryDetail,
    FolderRequest,
    DeleteRequest,
    DeleteResult,
    UploadRequest,
    UploadTicket,
    UploadPart,
    UploadId,
    SyncStatus,
    SyncRequest,
    ConfigInfo,
    SyncEvent,
    JobEvent,
)
"""What the browser exchanges with the server, besides credentials."""
