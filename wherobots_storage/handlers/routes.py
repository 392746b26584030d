"""The routes: one table, below one prefix."""

from __future__ import annotations

from typing import Any

from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.configinfo import ConfigHandler
from wherobots_storage.handlers.credentials import CredentialsHandler
from wherobots_storage.handlers.downloads import ContentHandler
from wherobots_storage.handlers.files import (
    DeleteHandler,
    FilesHandler,
    FoldersHandler,
    StatHandler,
)
from wherobots_storage.handlers.jobs import JobManager, JobsHandler
from wherobots_storage.handlers.sync import HeldHandler, SyncHandler
from wherobots_storage.handlers.upload_manager import UploadManager
from wherobots_storage.handlers.uploads import (
    UploadCompleteHandler,
    UploadPartHandler,
    UploadsHandler,
)

PREFIX = "/wherobots-storage/api/v1"

Route = tuple[str, type[StorageHandler], dict[str, Any]]


def routes(backend: Backend, jobs: JobManager, uploads: UploadManager) -> list[Route]:
    """Every route, with its collaborators. Paths of the tree travel in queries and bodies."""
    base = {"backend": backend}
    with_jobs = {"backend": backend, "jobs": jobs}
    with_uploads = {"backend": backend, "uploads": uploads}
    table: list[Route] = [
        ("files", FilesHandler, base),
        ("files/stat", StatHandler, base),
        ("files/delete", DeleteHandler, with_jobs),
        ("files/content", ContentHandler, base),
        ("folders", FoldersHandler, base),
        ("jobs", JobsHandler, with_jobs),
        ("uploads", UploadsHandler, with_uploads),
        ("uploads/part", UploadPartHandler, with_uploads),
        ("uploads/complete", UploadCompleteHandler, with_uploads),
        ("sync", SyncHandler, base),
        ("sync/held", HeldHandler, base),
        ("credentials", CredentialsHandler, base),
        ("config", ConfigHandler, base),
    ]
    return [(f"{PREFIX}/{path}", handler, arguments) for path, handler, arguments in table]
