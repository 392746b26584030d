"""The uploads in progress: begun, fed part by part, completed or given up.

A file of one part is held in memory, under a budget for all of them, and written in one
conditional put, so that a refusal leaves no trace. A larger one is a multipart upload whose parts
are streamed on as they arrive; a part that breaks off is never registered, and an upload that
nobody touches any more is aborted.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from pathlib import Path

from wherobots_storage.api.models import EntryDetail, UploadRequest, UploadTicket
from wherobots_storage.errors import (
    AlreadyExists,
    ConflictError,
    InvalidPath,
    NoSuchUpload,
    PreconditionFailed,
    StorageError,
    StoreUnavailable,
    TooLarge,
)
from wherobots_storage.handlers.backend import PART_STREAMS, Backend
from wherobots_storage.handlers.upload_parts import (
    PART_BYTES,
    HeldSink,
    PartSink,
    StreamedSink,
    UploadState,
)
from wherobots_storage.handlers.upload_store import UploadStore
from wherobots_storage.namespace.paths import StoragePath
from wherobots_storage.objectstore.store import MAX_OBJECT_BYTES

HELD_BYTES = 64 * 1024**2
"""The budget of all files held in memory; beyond it small files are multipart uploads too."""

IDLE_SECONDS = 15 * 60.0
"""An upload that nobody touches for so long is aborted."""

REAP_SECONDS = 60.0
CLOSE_SECONDS = 5.0
"""How long a stopping server waits for uploads to be aborted; the next start does the rest."""

REMEMBERED = 200
"""How many completed uploads are remembered, for a browser whose answer got lost."""


class UploadManager:
    """Lives on the event loop; its calls to the store run in threads."""

    def __init__(self, backend: Backend, registry_folder: Path) -> None:
        self._backend = backend
        self._store = UploadStore(backend, registry_folder)
        self._uploads: dict[str, UploadState] = {}
        self._completed: dict[str, EntryDetail] = {}
        self._doomed: list[UploadState] = []
        self._streams = asyncio.Semaphore(PART_STREAMS)
        self._closing = False

    async def create(self, request: UploadRequest) -> UploadTicket:
        """Begin an upload.

        Raises InvalidPath, ReadOnlyFolder, OutsideArea, TooLarge, AlreadyExists (``create`` over
        something), PreconditionFailed (``replace`` of another version than ``etag``).
        """
        path = StoragePath.parse(request.path)
        self._check_request(path, request.size)
        upload = UploadState(
            id=secrets.token_urlsafe(24),
            path=path,
            key=path.key(self._backend.tenancy.root),
            size=request.size,
            mode=request.mode,
            etag=request.etag,
        )
        # Reserved before the first await: of two at once, the second sees the first.
        held = self._fits_memory(upload.size)
        if held:
            self._uploads[upload.id] = upload
        try:
            await self._backend.run(self._store.begin, upload, held=held)
        except BaseException:
            self._uploads.pop(upload.id, None)
            raise
        self._uploads[upload.id] = upload
        if self._closing:
            await self._give_up(upload)
            raise StoreUnavailable("The server is stopping.")
        return upload.ticket()

    def ticket(self, upload_id: str) -> UploadTicket:
        """The upload, with the parts that have arrived. Raises NoSuchUpload."""
        return self._get(upload_id).ticket()

    def part_size(self, upload_id: str, number: int) -> int:
        """How many bytes a part must have. Raises NoSuchUpload, InvalidInput."""
        return self._get(upload_id).size_of(number)

    async def begin_part(self, upload_id: str, number: int, declared: int | None) -> PartSink:
        """Make ready for a part's body; ``declared`` is its Content-Length, if it has one.

        An earlier attempt at the same part is broken off. Waits for a free stream. Raises
        NoSuchUpload, TooLarge, InvalidInput, ConflictError while it is being completed, and what
        the permission table raises.
        """
        upload = self._get(upload_id)
        self._backend.tenancy.permissions.require_upload(upload.path)
        upload.check_length(number, declared)
        await self._break_off(upload, number)
        if upload.upload_id is None:
            sink: PartSink = HeldSink(upload, number)
        else:
            sink = await self._begin_stream(upload, number)
        upload.sinks[number] = sink
        return sink

    async def _begin_stream(self, upload: UploadState, number: int) -> StreamedSink:
        await self._streams.acquire()
        try:
            # While this waited, the upload may have ended, and another attempt have begun.
            self._get(upload.id)
            await self._break_off(upload, number)
            sink = StreamedSink(upload, number, self._backend.store, self._backend.part_threads)
        except BaseException:
            self._streams.release()
            raise
        sink.on_end(self._streams.release)
        return sink

    async def _break_off(self, upload: UploadState, number: int) -> None:
        """End every earlier attempt at a part."""
        while (earlier := upload.sinks.get(number)) is not None:
            earlier.abort()
            await earlier.gone()
            if upload.sinks.get(number) is earlier:
                del upload.sinks[number]
        if upload.finishing or upload.id not in self._uploads:
            message = "The upload is being completed, or was given up."
            raise ConflictError(message, path=upload.path.display)

    def end_part(self, upload_id: str, sink: PartSink) -> None:
        """Forget a sink that is finished or broken off."""
        upload = self._uploads.get(upload_id)
        if upload is not None:
            upload.touched = time.monotonic()
            if upload.sinks.get(sink.number) is sink:
                del upload.sinks[sink.number]

    async def complete(self, upload_id: str) -> EntryDetail:
        """Make the file; asked again after it was made, tell the same.

        Raises NoSuchUpload, ConflictError (parts are missing), ConcurrentChange; AlreadyExists
        and PreconditionFailed, after which the upload is gone.
        """
        if upload_id in self._completed:
            return self._completed[upload_id]
        upload = self._get(upload_id)
        self._backend.tenancy.permissions.require_upload(upload.path)
        self._check_whole(upload)
        upload.finishing = True
        try:
            etag = await self._backend.run(self._store.finish, upload)
        except (AlreadyExists, PreconditionFailed, NoSuchUpload):
            await self._give_up(upload)  # asking again cannot help
            raise
        finally:
            upload.finishing = False
            upload.touched = time.monotonic()
        self._uploads.pop(upload.id, None)
        return self._remember(upload, etag)

    def _remember(self, upload: UploadState, etag: str) -> EntryDetail:
        made = EntryDetail(
            name=upload.path.name,
            path=upload.path.display,
            uri=upload.path.uri(self._backend.tenancy.root),
            type="FILE",
            protected=False,
            size=upload.size,
            etag=etag,
        )
        self._completed[upload.id] = made
        for oldest in list(self._completed)[:-REMEMBERED]:
            del self._completed[oldest]
        return made

    async def abort(self, upload_id: str) -> None:
        """Give an upload up. Raises NoSuchUpload, ConflictError while it is being completed."""
        upload = self._get(upload_id)
        if upload.finishing:
            raise ConflictError("The upload is being completed.", path=upload.path.display)
        await self._give_up(upload)

    async def keep_tidy(self) -> None:
        """Abort what a killed server left behind, and what nobody touches; until cancelled."""
        recovered = False
        while True:
            recovered = recovered or await self._backend.run(self._store.recover)
            await asyncio.sleep(REAP_SECONDS)
            await self.reap()

    async def reap(self) -> None:
        """Abort uploads that are idle, and try again what could not be aborted."""
        limit = time.monotonic() - IDLE_SECONDS
        for upload in list(self._uploads.values()):
            if upload.touched < limit and not upload.sinks and not upload.finishing:
                await self._give_up(upload)
        doomed, self._doomed = self._doomed, []
        for upload in doomed:
            await self._abort_in_store(upload)

    async def close(self) -> None:
        """Refuse everything from now on, and abort what is unfinished. Raises nothing."""
        self._closing = True
        # One that is being completed is left to it: it ends as a file or not at all.
        uploads = [upload for upload in self._uploads.values() if not upload.finishing]
        work = asyncio.gather(*map(self._give_up, uploads), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(work, CLOSE_SECONDS)
        self._store.close()

    def _get(self, upload_id: str) -> UploadState:
        if self._closing:
            raise StoreUnavailable("The server is stopping.")
        upload = self._uploads.get(upload_id)
        if upload is None:
            message = "There is no such upload: it was completed, given up, or idle for too long."
            raise NoSuchUpload(message)
        upload.touched = time.monotonic()
        return upload

    def _check_request(self, path: StoragePath, size: int) -> None:
        if self._closing:
            raise StoreUnavailable("The server is stopping.")
        if path.is_folder:
            raise InvalidPath("A file's path does not end with '/'.", path=path.display)
        self._backend.tenancy.permissions.require_upload(path)
        if size > MAX_OBJECT_BYTES:
            message = "Files of more than 5 TiB cannot be stored as one object."
            raise TooLarge(message, path=path.display)

    def _fits_memory(self, size: int) -> bool:
        taken = sum(item.size for item in self._uploads.values() if item.upload_id is None)
        return size <= PART_BYTES and taken + size <= HELD_BYTES

    def _check_whole(self, upload: UploadState) -> None:
        missing = upload.missing()
        if upload.finishing:
            what = "it is being completed already"
        elif upload.sinks:
            what = f"part {min(upload.sinks)} is still arriving"
        elif missing:
            what = f"part {missing[0]} has not arrived"
        else:
            return
        message = f"The upload cannot be completed: {what}."
        raise ConflictError(message, path=upload.path.display)

    async def _give_up(self, upload: UploadState) -> None:
        self._uploads.pop(upload.id, None)
        sinks = list(upload.sinks.values())
        for sink in sinks:
            sink.abort()
        # A part that arrives after the abort would stay, and be billed.
        for sink in sinks:
            await sink.gone()
        upload.held = b""
        await self._abort_in_store(upload)

    async def _abort_in_store(self, upload: UploadState) -> None:
        if upload.upload_id is None:
            return
        try:
            await self._backend.run(self._store.abort, upload)
        except StorageError as error:
            self._backend.log.warning(
                "wherobots_storage: an upload could not be aborted yet: %s", error.message
            )
            self._doomed.append(upload)
