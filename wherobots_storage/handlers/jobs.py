"""Long operations: they answer at once, go on in the background and tell their progress."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from jupyter_server.auth.decorator import authorized
from tornado import web

from wherobots_storage.api.models import DeleteFailed, ErrorBody, Job
from wherobots_storage.audit import tell
from wherobots_storage.errors import NotFound, StorageError
from wherobots_storage.handlers.backend import Backend
from wherobots_storage.handlers.base import StorageHandler
from wherobots_storage.handlers.change import delete_folder
from wherobots_storage.handlers.statuses import body_of
from wherobots_storage.namespace.paths import StoragePath

AT_ONCE = 4
"""How many jobs run at once; they must leave threads to the listings."""

KEPT = 200
"""How many jobs are remembered; the oldest finished ones are forgotten first."""

LISTED_FAILURES = 100
"""How many failures a job carries over the wire; its error's text counts all of them."""


@dataclass
class _Running:
    job: Job
    user: str | None
    cancel: threading.Event = field(default_factory=threading.Event)
    failures: int = 0
    task: asyncio.Task[None] | None = None


class JobManager:
    """Starts jobs and knows how far they are. Lives on the event loop."""

    def __init__(self, backend: Backend, on_change: Callable[[Job], None]) -> None:
        self._backend = backend
        self._on_change = on_change
        self._jobs: dict[str, _Running] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    def start_delete(self, folder: StoragePath, user: str | None) -> Job:
        """Begin to delete a folder that may be deleted; returns the job as it begins.

        ``user`` is who wants it, for the audit log.
        """
        job = Job(id=secrets.token_urlsafe(12), kind="delete", path=folder.display, state="running")
        running = _Running(job, user)
        self._jobs[job.id] = running
        # Before the first object goes: a server that is killed has nothing to say at the end.
        self._audit(running, "folder-delete-began")
        self._forget_old()
        running.task = asyncio.create_task(self._run_delete(running, folder))
        return job

    def get(self, job_id: str) -> Job:
        """The job as it is now. Raises NotFound."""
        if job_id not in self._jobs:
            raise NotFound("There is no such job; the server may have been restarted.")
        return self._jobs[job_id].job

    async def close(self) -> None:
        """Tell every job to end, and wait for the batches that are under way."""
        tasks = [running.task for running in self._jobs.values() if running.task is not None]
        for running in self._jobs.values():
            running.cancel.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run_delete(self, running: _Running, folder: StoragePath) -> None:
        try:
            async with self._slots:
                await self._backend.run(self._delete, running, folder, asyncio.get_running_loop())
        except StorageError as error:
            self._finish(running, body_of(error.at(folder.display)))
        except Exception:  # nobody awaits a job: its failure must be told here
            self._backend.log.exception("wherobots_storage: deleting a folder failed")
            message = "Deleting failed in the server; its log has the details."
            self._finish(running, ErrorBody(code="internal-error", message=message))
        else:
            self._finish(running, self._verdict(running))

    def _delete(
        self, running: _Running, folder: StoragePath, loop: asyncio.AbstractEventLoop
    ) -> None:
        def on_batch(deleted: int, failed: list[DeleteFailed]) -> None:
            loop.call_soon_threadsafe(self._progress, running, deleted, failed)

        delete_folder(
            self._backend.store(),
            self._backend.tenancy,
            folder,
            on_batch=on_batch,
            cancelled=running.cancel.is_set,
        )

    def _progress(self, running: _Running, deleted: int, failed: list[DeleteFailed]) -> None:
        running.failures += len(failed)
        room = LISTED_FAILURES - len(running.job.failed)
        running.job = msgspec.structs.replace(
            running.job,
            done=running.job.done + deleted,
            failed=[*running.job.failed, *failed[:room]],
        )
        self._on_change(running.job)

    def _verdict(self, running: _Running) -> ErrorBody | None:
        path = running.job.path
        if running.failures:
            first = running.job.failed[0].error.message
            message = f"{running.failures:,} objects in {path} were not deleted: {first}"
            return ErrorBody(code="store-error", message=message, path=path)
        if running.cancel.is_set():
            message = f"The server stopped before everything in {path} was deleted."
            return ErrorBody(code="cancelled", message=message, path=path, retryable=True)
        return None

    def _finish(self, running: _Running, error: ErrorBody | None) -> None:
        total = running.job.done if error is None else None
        running.job = msgspec.structs.replace(
            running.job, state="failed" if error else "done", total=total, error=error
        )
        self._on_change(running.job)
        self._audit(running, "folder-deleted")

    def _audit(self, running: _Running, event: str) -> None:
        job, customer = running.job, self._backend.tenancy.customer
        facts = {"path": job.path, "objects": job.done, "failed": running.failures}
        who = {"user": running.user, "customer": customer}
        tell(event, who | facts | {"state": job.state})

    def _forget_old(self) -> None:
        over = len(self._jobs) - KEPT
        finished = [key for key, item in self._jobs.items() if item.job.state != "running"]
        for key in finished[: max(over, 0)]:
            del self._jobs[key]


class JobsHandler(StorageHandler):
    """``jobs?id=``: how far a job is, for who missed its events."""

    def initialize(self, backend: Backend, jobs: JobManager) -> None:  # type: ignore[override]
        """Take the collaborators."""
        super().initialize(backend)
        self.jobs = jobs

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer with the job."""
        self.answer(self.jobs.get(self.required("id")))
