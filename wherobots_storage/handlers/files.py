"""Folders and files over HTTP: list, stat, create, delete."""

from __future__ import annotations

from http import HTTPStatus

from jupyter_server.auth.decorator import authorized
from tornado import web

from wherobots_storage.api.models import DeleteRequest, DeleteResult, FolderRequest, Listing
from wherobots_storage.handlers import browse, change
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.jobs import JobManager
from wherobots_storage.namespace.paths import StoragePath

MAX_PAGE = 1000
"""The most entries of a page, which is the store's own limit."""


class FilesHandler(StorageHandler):
    """``files``: a page of a folder."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the page."""
        path = StoragePath.parse(self.required("path"))
        limit = self.number("limit", 1, MAX_PAGE, MAX_PAGE)
        cursor = self.argument("cursor") or None
        tenancy = self.backend.tenancy
        if tenancy.permissions.access(path.as_folder()).synthesised:
            self.answer(browse.list_fixed(tenancy, path))
            return

        def call() -> Listing:
            store = self.backend.store()
            return browse.list_folder(store, tenancy, path, cursor=cursor, limit=limit)

        self.answer(await self.call(path, call))


class StatHandler(StorageHandler):
    """``files/stat``: one entry, with its metadata."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the entry."""
        path = StoragePath.parse(self.required("path"))
        tenancy = self.backend.tenancy
        self.answer(await self.call(path, lambda: browse.stat(self.backend.store(), tenancy, path)))


class FoldersHandler(StorageHandler):
    """``folders``: make one."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make the folder: 201 and the entry."""
        path = StoragePath.parse(self.json_body(FolderRequest).path)
        tenancy = self.backend.tenancy
        tenancy.permissions.require_create(path.as_folder())
        made = await self.call(
            path, lambda: change.create_folder(self.backend.store(), tenancy, path)
        )
        self.audit("folder-created", {"path": path.display})
        self.answer(made, HTTPStatus.CREATED)


class DeleteHandler(StorageHandler):
    """``files/delete``: files at once, folders as jobs."""

    def initialize(self, backend: Backend, jobs: JobManager) -> None:  # type: ignore[override]
        """Take the collaborators."""
        super().initialize(backend)
        self.jobs = jobs

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Delete: 200 with what is gone, 202 when a job goes on.

        Every path is checked before anything is deleted.
        """
        tenancy = self.backend.tenancy
        targets = change.parse_targets(tenancy, self.json_body(DeleteRequest).paths)
        files = [path for path in targets if not path.is_folder]
        deleted, failed = await self.backend.run(
            lambda: change.delete_files(self.backend.store(), tenancy, files)
        )
        if files:
            refused = [item.path for item in failed]
            self.audit("files-deleted", {"paths": deleted, "failed": refused})
        folders = [path for path in targets if path.is_folder]
        jobs = [self.jobs.start_delete(path, self.user) for path in folders]
        result = DeleteResult(deleted=deleted, failed=failed, jobs=jobs)
        self.answer(result, HTTPStatus.ACCEPTED if jobs else HTTPStatus.OK)
