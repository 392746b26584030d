"""What an upload asks of the object store: begin, finish, abort. Blocking, for threads."""

from __future__ import annotations

import contextlib
import mimetypes
from pathlib import Path

from wherobots_storage.errors import (
    AlreadyExists,
    NoSuchUpload,
    NotFound,
    PreconditionFailed,
    StorageError,
)
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.browse import has_folder
from wherobots_storage.handlers.change import refuse_hidden
from wherobots_storage.handlers.registry import OpenUpload, UploadRegistry
from wherobots_storage.handlers.upload_parts import UploadState
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.objectstore.store import ObjectStore


class UploadStore:
    """The store's side of uploads, with the list of what is open in it."""

    def __init__(self, backend: Backend, registry_folder: Path) -> None:
        self._backend = backend
        self._registry = UploadRegistry(registry_folder)

    def begin(self, upload: UploadState, *, held: bool) -> None:
        """Check the target, and begin a multipart upload unless the file is ``held`` in memory.

        Raises AlreadyExists, PreconditionFailed, InvalidPath as ``refuse_hidden``.
        """
        store = self._backend.store()
        try:
            refuse_hidden(store, self._backend.tenancy, upload.path)
            _check_target(store, upload)
            if upload.mode == "create" and has_folder(store, self._backend.tenancy, upload.path):
                raise AlreadyExists(f"There is already a folder {upload.path.name!r} here.")
            if not held:
                kind = _content_type(upload.path)
                upload.upload_id = store.create_multipart(upload.key, content_type=kind)
                self._record(upload, begun=True)
        except StorageError as error:
            raise error.at(upload.path.display) from None

    def finish(self, upload: UploadState) -> str:
        """Make the object, and return its ETag.

        Raises AlreadyExists (``create``), PreconditionFailed, ConcurrentChange, NoSuchUpload.
        """
        try:
            store = self._backend.store()
            _check_target(store, upload)
            etag = _write(store, upload)
        except PreconditionFailed as error:
            if upload.mode == "create":
                raise _already_there(upload.path) from error
            raise error.at(upload.path.display) from None
        except StorageError as error:
            raise error.at(upload.path.display) from None
        self._record(upload, begun=False)
        return etag

    def abort(self, upload: UploadState) -> None:
        """Free the parts. One that is gone already is fine."""
        with contextlib.suppress(NoSuchUpload):
            self._backend.store().abort_multipart(upload.key, upload.upload_id or "")
        self._record(upload, begun=False)

    def recover(self) -> bool:
        """Abort what dead servers left; False when it must be tried again."""
        bucket = self._backend.tenancy.root.bucket
        complete = True
        for path, uploads in self._registry.abandoned():
            if any(upload.bucket != bucket for upload in uploads):
                continue  # a server of that bucket will come
            try:
                for upload in uploads:
                    with contextlib.suppress(NoSuchUpload):
                        self._backend.store().abort_multipart(upload.key, upload.upload_id)
            except StorageError as error:
                complete = False
                message = "wherobots_storage: uploads of an earlier start remain: %s"
                self._backend.log.warning(message, error.message)
            else:
                path.unlink(missing_ok=True)
        return complete

    def close(self) -> None:
        """Let the list go; what is still in it is for the next start."""
        with contextlib.suppress(OSError):
            self._registry.close()

    def _record(self, upload: UploadState, *, begun: bool) -> None:
        if upload.upload_id is None:
            return
        entry = OpenUpload(self._backend.tenancy.root.bucket, upload.key, upload.upload_id)
        try:
            (self._registry.begin if begun else self._registry.end)(entry)
        except OSError as error:
            message = "wherobots_storage: the list of uploads cannot be written: %s"
            self._backend.log.warning(message, error.strerror)


def _write(store: ObjectStore, upload: UploadState) -> str:
    create = upload.mode == "create"
    if upload.upload_id is not None:
        parts = [upload.parts[number] for number in sorted(upload.parts)]
        return store.complete_multipart(
            upload.key, upload.upload_id, parts, if_none_match=create, if_match=upload.etag
        )
    if len(upload.held) != upload.size:
        raise NoSuchUpload("The upload was given up.")
    return store.put(
        upload.key,
        upload.held,
        content_type=_content_type(upload.path),
        if_none_match=create,
        if_match=upload.etag,
    )


def _check_target(store: ObjectStore, upload: UploadState) -> None:
    """Compare what stands there with what may be replaced.

    Asked at the beginning, so that nobody sends 5 GB for a refusal, and right before the end,
    since some stores ignore conditions.
    """
    try:
        etag: str | None = store.head(upload.key).etag
    except NotFound:
        etag = None
    if upload.mode == "create" and etag is not None:
        raise _already_there(upload.path)
    if upload.etag is not None and etag != upload.etag:
        path = upload.path.display
        raise PreconditionFailed(f"{path} was changed or deleted meanwhile.", path=path)


def _already_there(path: StoragePath) -> AlreadyExists:
    return AlreadyExists(f"There is already a file {path.name!r} here.", path=path.display)


def _content_type(path: StoragePath) -> str | None:
    return mimetypes.guess_type(path.name)[0]
