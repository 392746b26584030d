"""The errors of this package: one tree, raised below, translated once at each edge.

StorageError
├── InvalidInput              what was asked for cannot be
│   ├── InvalidPath           a path that is no path of this tree
│   └── InvalidConfiguration  a setting that cannot work (root URL, customer, home)
├── NotConfigured             no root is set: the extension is inert
├── AccessError               who asks may not
│   ├── ReadOnlyFolder        our own table forbids it
│   ├── OutsideArea           a folder of somebody else
│   └── AccessDenied          the store forbids it
│       └── KeyDenied         the key that the bucket encrypts with may not be used
├── CredentialsError          the store does not accept who we are
│   ├── NoCredentials         none were found
│   ├── InvalidCredentials    they are wrong
│   └── ExpiredCredentials    they were right once (retryable)
├── NotFound                  no such object, folder or upload
│   ├── NoSuchBucket          no such bucket
│   └── NoSuchUpload          a multipart upload that is gone
├── ConflictError             the state is not what the caller believed
│   ├── AlreadyExists         something has that name
│   ├── PreconditionFailed    If-Match or If-None-Match did not hold
│   ├── ConcurrentChange      two writers at once (retryable)
│   ├── DeletionsChanged      other deletions are held than those agreed to
│   └── UploadInterrupted     a body ended before, or went on after, its size
├── StoreError                the store, or the way to it, failed
│   ├── StoreUnavailable      not reachable, or it answered 5xx (retryable)
│   │   └── StoreTimeout      it did not answer in time (retryable)
│   ├── SlowDown              it asks for fewer requests (retryable)
│   ├── WrongRegion           the bucket lives in another region
│   ├── ClockSkew             this machine's clock is too far off
│   ├── RangeNotSatisfiable   a byte range outside the object
│   ├── TooLarge              beyond a limit of the store
│   ├── NotSupported          the store cannot do this
│   └── UnexpectedAnswer      an answer nobody foresaw
├── LocalError                this machine's side failed
│   ├── HomeMissing           the home is not there
│   ├── DiskFull              no space left where we write
│   └── LocalIOError          any other failure to read or write
└── AgentError                the sync agent
    ├── AgentUnavailable      it is not running, or does not answer (retryable)
    ├── AlreadyRunning        another writer holds the state folder
    └── JournalError          the journal is unreadable
"""

from __future__ import annotations

from typing import ClassVar


class StorageError(Exception):
    """Base of every error this package raises on purpose.

    ``message`` is shown to people: it says what happened and what to do, and holds no secret.
    ``path`` is the display path (or local path) concerned, if one is.
    """

    code: ClassVar[str] = "storage-error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def at(self, path: str) -> StorageError:
        """Name the path concerned, unless one is named already; returns the error itself."""
        if self.path is None:
            self.path = path
        return self


class InvalidInput(StorageError):
    """What was asked for cannot be."""

    code = "invalid-input"


class InvalidPath(InvalidInput):
    """A path that is no path of this tree."""

    code = "invalid-path"


class InvalidConfiguration(InvalidInput):
    """A setting that cannot work."""

    code = "invalid-configuration"


class NotConfigured(StorageError):
    """No root URL is set, so there is nothing to show or to sync."""

    code = "not-configured"


class AccessError(StorageError):
    """Who asks may not."""

    code = "access-error"


class ReadOnlyFolder(AccessError):
    """The permission table forbids this change."""

    code = "read-only"


class OutsideArea(AccessError):
    """The path belongs to somebody else, or to nobody."""

    code = "outside-area"


class AccessDenied(AccessError):
    """The store refused the request (403)."""

    code = "access-denied"


class KeyDenied(AccessDenied):
    """The bucket's KMS key may not be used by these credentials, or by nobody at the moment."""

    code = "key-denied"


class CredentialsError(StorageError):
    """The store does not accept who we are."""

    code = "credentials-error"


class NoCredentials(CredentialsError):
    """The SDK found no credentials."""

    code = "no-credentials"


class InvalidCredentials(CredentialsError):
    """The access key or the signature is wrong."""

    code = "invalid-credentials"


class ExpiredCredentials(CredentialsError):
    """The session token has expired."""

    code = "expired-credentials"
    retryable = True


class NotFound(StorageError):
    """There is no such object, folder or upload."""

    code = "not-found"


class NoSuchBucket(NotFound):
    """There is no such bucket."""

    code = "no-such-bucket"


class NoSuchUpload(NotFound):
    """The multipart upload is unknown, finished or aborted."""

    code = "no-such-upload"


class ConflictError(StorageError):
    """The state is not what the caller believed."""

    code = "conflict"


class AlreadyExists(ConflictError):
    """Something has that name already."""

    code = "already-exists"


class PreconditionFailed(ConflictError):
    """If-Match or If-None-Match did not hold (412)."""

    code = "precondition-failed"


class ConcurrentChange(ConflictError):
    """Two conditional writers met (409)."""

    code = "concurrent-change"
    retryable = True


class DeletionsChanged(ConflictError):
    """The deletions that a veto holds back are not those that somebody agreed to."""

    code = "deletions-changed"


class UploadInterrupted(ConflictError):
    """A body ended before the size that was announced, or went on after it."""

    code = "upload-interrupted"
    retryable = True


class StoreError(StorageError):
    """The store, or the way to it, failed."""

    code = "store-error"


class StoreUnavailable(StoreError):
    """The endpoint is not reachable, or answered 5xx."""

    code = "store-unavailable"
    retryable = True


class StoreTimeout(StoreUnavailable):
    """The endpoint took a request and did not answer in time."""

    code = "store-timeout"


class SlowDown(StoreError):
    """The store asks for fewer requests (503 SlowDown, 429)."""

    code = "slow-down"
    retryable = True


class WrongRegion(StoreError):
    """The bucket lives in another region than the requests name."""

    code = "wrong-region"


class ClockSkew(StoreError):
    """This machine's clock is too far from the store's."""

    code = "clock-skew"


class RangeNotSatisfiable(StoreError):
    """A byte range that lies outside the object (416)."""

    code = "range-not-satisfiable"


class TooLarge(StoreError):
    """Beyond a limit of the store: object, part, key or metadata size."""

    code = "too-large"


class NotSupported(StoreError):
    """The store does not implement this."""

    code = "not-supported"


class UnexpectedAnswer(StoreError):
    """An answer that nobody foresaw; the message quotes its status and code."""

    code = "unexpected-answer"


class LocalError(StorageError):
    """This machine's side failed."""

    code = "local-error"


class HomeMissing(LocalError):
    """The home directory is not there, or is not a directory."""

    code = "home-missing"


class DiskFull(LocalError):
    """No space is left where we write (ENOSPC, EDQUOT)."""

    code = "disk-full"


class LocalIOError(LocalError):
    """Any other failure to read or write on this machine."""

    code = "local-io-error"


class AgentError(StorageError):
    """The sync agent cannot do its work."""

    code = "agent-error"


class AgentUnavailable(AgentError):
    """The agent is not running, or does not answer."""

    code = "agent-unavailable"
    retryable = True


class AlreadyRunning(AgentError):
    """Another writer holds the state folder."""

    code = "already-running"


class JournalError(AgentError):
    """The journal is unreadable, or newer than this program."""

    code = "journal-error"
